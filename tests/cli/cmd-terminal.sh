#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# At a terminal: passwords without echo, asked for twice, the echo given back; the progress line; colours. And signals.
. "${srcdir:-.}/tests/lib/cli.sh"
need python3
W=$T/w; mkdir "$W"; cd "$W" || exit 1
cat >onterm.py <<'P'
# onterm.py ANSWERS COMMAND..: runs COMMAND on a new terminal; types the answers (split at commas), each when a prompt ends
# with ": "; "^C" is the key. Prints what the terminal showed, then "status N" and "echo on|off".
import os, pty, signal, sys, termios, struct, fcntl
answers = [a for a in sys.argv[1].split(",") if a]
pid, fd = pty.fork()
if pid == 0:
    for s in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(s, signal.SIG_DFL)  # a test that runs in the background has inherited "ignored"
    os.execvp(sys.argv[2], sys.argv[2:])
signal.alarm(120)
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 70, 0, 0))
shown = b""; fresh = b""; echo = "unknown"
while True:
    try:
        data = os.read(fd, 4096)
    except OSError:
        break
    if not data:
        break
    shown += data; fresh += data
    if fresh.endswith(b": ") and answers:
        a = answers.pop(0)
        while a != "^C" and termios.tcgetattr(fd)[3] & termios.ECHO:
            pass  # not before the echo is off
        fresh = b""
        os.write(fd, b"\x03" if a == "^C" else a.encode() + b"\n")
    try:
        echo = "on" if termios.tcgetattr(fd)[3] & termios.ECHO else "off"
    except termios.error:
        pass
_, status = os.waitpid(pid, 0)
sys.stdout.write(shown.decode(errors="replace"))
print("\nstatus", os.WEXITSTATUS(status) if os.WIFEXITED(status) else -os.WTERMSIG(status))
print("echo", echo)
P
TERM=xterm; export TERM; unset NO_COLOR

run python3 onterm.py geheim,geheim "$VALISE" keygen -o a --light
exits 0; says '^status 0'; says 'Password for the new secret key: '; says 'The same once more: '; says_not 'geheim'
check "the key is there" test -s a.key -a -s a.pub
run python3 onterm.py geheim,gehiem "$VALISE" keygen -o b --light
says '^status 10'; says 'the two passwords differ'; says_not 'gehiem'
check "nothing was written" test ! -e b.key -a ! -e b.pub
run python3 onterm.py '^C' "$VALISE" keygen -o b --light
says '^status 130'; says 'E0102'
check "nothing was written" test ! -e b.key -a ! -e b.pub

# the terminal has its echo again, after a signal too
cat >echo.sh <<'S'
"$VALISE" keygen -o b --light; stty -a | tr ' ' '\n' | grep -x -e echo -e -echo | sed 's/^/after: /'
S
run python3 onterm.py '^C' sh -c 'trap : INT; . ./echo.sh'
says '^after: echo'

# sign with it: wrong twice, then right
mkdir docs; head -c 3000000 /dev/urandom >docs/a
printf 'channel: prod\nexpires: 14d\nitems:\n  - name: docs\n    type: dir\n    path: ./docs\n' >valise.yaml
VALISE_STORE=$W/a; export VALISE_STORE
if valise fetch -q >/dev/null 2>"$T/err"; then
	run python3 onterm.py x,y,geheim "$VALISE" pack -k a.key -o out
	says '^status 0'; says 'Password of .*\.key: '; says 'Wrong. Once more, the password of .*\.key: '; says_not 'geheim'
	says 'pack  \[=*>* *\] '
	run python3 onterm.py x,y,z "$VALISE" pack -k a.key -o out2
	says '^status 10'; says 'E1008'
	check "nothing was written" test ! -e out2

	# the progress line: on a terminal, and not when it is unwanted
	VALISE_STORE=$W/b
	run python3 onterm.py '' "$VALISE" verify out -t a.pub
	says '^status 0'; says 'verify  \[=*>* *\] '; says "$(printf '\r')"
	same "$(tr '\r' '\n' <"$T/out" | sed 's/\x1b\[[0-9;]*[mK]//g' | awk 'length($0) > 79')" "" "no line wraps"
	for way in --no-progress -q; do
		run python3 onterm.py '' "$VALISE" verify out -t a.pub $way
		says '^status 0'; says_not '\[='
	done
	TERM=dumb; run python3 onterm.py '' "$VALISE" verify out -t a.pub
	says '^status 0'; says_not '\[='; says '^verify: begins'
	TERM=xterm
else
	skip "this build cannot fetch"
fi

# colours, and none
esc=$(printf '\033')
run python3 onterm.py '' "$VALISE" nonsense; says "$esc\[31m"
NO_COLOR=1; export NO_COLOR
run python3 onterm.py '' "$VALISE" nonsense; says 'E0201'; says_not "$esc\[31m"
run valise nonsense; complains_not "$esc"

# signals while it waits for a password
for s in INT:130 TERM:143 HUP:129; do
	LAST="SIG${s%:*}"
	python3 - "$VALISE" "${s%:*}" >"$T/out" 2>"$T/err" <<'P'
import os, signal, subprocess, sys, time
r, w = os.pipe()
for name in ("SIGINT", "SIGTERM", "SIGHUP"):
    signal.signal(getattr(signal, name), signal.SIG_DFL)
p = subprocess.Popen([sys.argv[1], "keygen", "-o", "s", "--light", "--password-fd", str(r)], pass_fds=[r])
number = getattr(signal, "SIG" + sys.argv[2])
while p.poll() is None:  # until it catches signals
    caught = [line for line in open(f"/proc/{p.pid}/status") if line.startswith("SigCgt:")][0]
    if int(caught.split()[1], 16) >> (number - 1) & 1:
        break
    time.sleep(0.02)
p.send_signal(number)
sys.exit(p.wait())
P
	STATUS=$?
	exits "${s#*:}"; complains 'E0102'
	check "nothing was written" test ! -e s.key -a ! -e s.pub
done
t_done
