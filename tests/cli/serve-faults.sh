#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# valise serve under bad conditions: silent and slow clients, damaged blobs, a store that changes meanwhile, its own end.
. "${srcdir:-.}/tests/lib/cli.sh"
. "$SRC/tests/lib/serve.sh"
need python3 curl htpasswd
serve_store
raw() { t_name=$1; shift; check "$t_name" python3 "$SRC/tests/lib/serve_raw.py" "$@"; }
blob_of() { sha256sum "$1" | cut -d' ' -f1; }
code() { curl -s -o "$T/body" -w '%{http_code}' "$@"; }
size=$(stat -c %s "$T/d/big.bin") big=$(blob_of "$T/d/big.bin") mid=$(blob_of "$T/d/mid.bin") small=$(blob_of "$T/d/small.bin")

# ---- T102: who does nothing has to go, and meanwhile others are served.
serve --deadline 2s --idle 3s --least-speed 64KiB
raw 'T102 500 silent connections' silent "$PORT"
check 'which is told' eventually 5 grep -q 'warning: all 256 connections are in use' "$T/serve.err"
raw 'T102 300 clients that never read' never_reading "$PORT" /files/rules/big.bin 300
raw 'T102 a client slower than --least-speed is cut' trickle "$PORT" /files/rules/big.bin
serve_stop TERM

# ---- Damage.
spoil() { chmod u+w "$VALISE_STORE/blobs/sha256/$1"; printf X | dd of="$VALISE_STORE/blobs/sha256/$1" bs=1 seek="$2" conv=notrunc 2>/dev/null; }
serve
check 'good at first' sh -c "curl -sf '$URL/files/rules/mid.bin' | cmp - '$T/d/mid.bin'"
same "$(code "$URL/files/rules/mid.bin")" 200 'known to be good'
spoil "$mid" 100
run curl -s -o "$T/body" "$URL/files/rules/mid.bin"; exits 18
check 'T105 a damaged blob is not sent to its end' sh -c "[ \$(stat -c %s '$T/body') -lt 300000 ]"
check 'which is told with digest and file' eventually 5 grep -q "^warning: blob sha256:$mid is not served: its bytes .*blobs/sha256/$mid" "$T/serve.err"
same "$(code "$URL/files/rules/mid.bin")" 500 'from then on it is 500'
check 'with a word of what to do' grep -q 'valise fsck' "$T/body"
same "$(code -I "$URL/files/rules/mid.bin")" 500 'for HEAD, too'
same "$(code -r 0-9 "$URL/files/rules/mid.bin")" 500 'and for a range'
run curl -s "$URL/metrics"; says 'damaged.* 1$'
same "$(grep -c "sha256:$mid is not served" "$T/serve.err")" 1 'it is told once'
spoil "$small" 100
same "$(code "$URL/files/rules/small.bin")" 500 'a small one never begins'
spoil "$big" 1000000
same "$(code -r 0-9 "$URL/files/rules/big.bin")" 500 'a range waits for the hash of the whole'
cp "$T/d/mid.bin" "$VALISE_STORE/new"; mv "$VALISE_STORE/new" "$VALISE_STORE/blobs/sha256/$mid"
check 'mended: served again' sh -c "curl -sf '$URL/files/rules/mid.bin' | cmp - '$T/d/mid.bin'"
rm "$VALISE_STORE/blobs/sha256/$mid"
same "$(code "$URL/files/rules/mid.bin")" 500 'a missing one is 500'
truncate -s 1000 "$VALISE_STORE/blobs/sha256/$small"
same "$(code "$URL/files/rules/small.bin")" 500 'one of another size is 500'
for f in big mid small; do cp "$T/d/$f.bin" "$VALISE_STORE/new"; mv "$VALISE_STORE/new" "$VALISE_STORE/blobs/sha256/$(blob_of "$T/d/$f.bin")"; done

# While it is sent by the kernel: the watch sees it, and the connection breaks off.
check 'all mended' sh -c "curl -sf '$URL/files/rules/big.bin' | cmp - '$T/d/big.bin'"
python3 "$SRC/tests/lib/serve_raw.py" slow_start "$PORT" /files/rules/big.bin "$size" "$T/begun" "$T/go" >"$T/slow" 2>&1 &
slow=$!
check 'a transfer runs' eventually 5 test -e "$T/begun"
spoil "$big" $((size - 10))
check 'the change is noticed' eventually 5 grep -q 'a blob changed on the disk while it was sent' "$T/serve.err"
touch "$T/go"; wait "$slow"; same "$?" 3 'T105 damaged while it is sent: the transfer breaks off'
same "$(code "$URL/files/rules/big.bin")" 200 'the next one is hashed again ...'
run curl -s -o "$T/body" "$URL/files/rules/big.bin"; same "$(code "$URL/files/rules/big.bin")" 500 '... and found damaged'
cp "$T/d/big.bin" "$VALISE_STORE/new"; mv "$VALISE_STORE/new" "$VALISE_STORE/blobs/sha256/$big"

# ---- T106: another generation during a long GET.
rm -f "$T/begun" "$T/go"
check 'mended' sh -c "curl -sf '$URL/files/rules/big.bin' | cmp - '$T/d/big.bin'"
python3 "$SRC/tests/lib/serve_raw.py" slow_start "$PORT" /files/rules/big.bin "$size" "$T/begun" "$T/go" >"$T/slow" 2>&1 &
slow=$!
check 'a transfer runs' eventually 5 test -e "$T/begun"
echo new >"$T/d/new.txt"; head -c 100000 /dev/urandom >"$T/d/big2.bin"; mv "$T/d/big.bin" "$T/old.bin"
run valise fetch -q -f "$T/valise.yaml"; exits 0
check 'the new file is served' eventually 5 curl -sf -o /dev/null "$URL/files/rules/new.txt"
same "$(code "$URL/files/rules/big.bin")" 404 'the old one is not listed any more'
rm -f "$VALISE_STORE/blobs/sha256/$big"; sleep 0.5 # as gc does
touch "$T/go"; wait "$slow"; same "$?" 0 'T106 the old blob completes'
same "$(cut -d' ' -f3 "$T/slow")" "$big" 'with its digest'
check 'the switch is told' eventually 5 grep -q '^now serving prod [0-9]*$' "$T/serve.err"
ln -sfn generations/000099 "$VALISE_STORE/current.x"; mv -T "$VALISE_STORE/current.x" "$VALISE_STORE/current"
check 'a generation that cannot be opened is a warning' eventually 5 grep -q '^warning: the new content cannot be served yet' "$T/serve.err"
same "$(code "$URL/files/rules/new.txt")" 200 'and the old one stays'
ln -sfn generations/000002 "$VALISE_STORE/current.x"; mv -T "$VALISE_STORE/current.x" "$VALISE_STORE/current"

# ---- gc before the switch is noticed: what went is no damage.
echo gone >"$T/d/gone.txt"; run valise fetch -q -f "$T/valise.yaml"; exits 0
check 'a file' eventually 5 curl -sf -o /dev/null "$URL/files/rules/gone.txt"
rm "$T/d/gone.txt"; valise fetch -q -f "$T/valise.yaml" >/dev/null; valise gc --keep 1 >"$T/gc" 2>&1
check 'gc takes it, and then it is not there' sh -c "curl -s -o '$T/body' -w '%{http_code}' '$URL/files/rules/gone.txt' | grep -qx '503\|404'"
check 'which is no damage' sh -c "! grep -q '$(echo gone | sha256sum | cut -c1-64) is not served' '$T/serve.err'"

# ---- One address gets no more than its share. In a network of its own, for loopback is exempt.
cat >"$T/share.sh" <<'SH'
ip link set lo up && ip addr add 10.9.9.9/32 dev lo || exit 77
"$VALISE" serve --listen 10.9.9.9:5000 --per-client 3 >"$1/share.out" 2>"$1/share.err" & server=$!
while [ ! -s "$1/share.out" ]; do sleep 0.05; done
python3 - <<'PY' || exit 1
import socket, sys, time
def ask():
    s = socket.create_connection(("10.9.9.9", 5000), 5)
    try:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return s.recv(100)[9:12]
    except ConnectionError:
        return b""
held = [socket.create_connection(("10.9.9.9", 5000), 5) for _ in range(3)]
time.sleep(0.3)
began = time.monotonic()
refused, took = ask(), time.monotonic() - began
for s in held: s.close()
time.sleep(0.5)
again = ask()
print("with three open:", refused, "after", round(took, 2), "s; with none:", again)
sys.exit(not (refused == b"" and took < 1 and again == b"200"))
PY
kill "$server"; wait "$server"
SH
if unshare -rn true 2>/dev/null && command -v ip >/dev/null; then
	check 'a fourth connection from one address is refused at once' unshare -rn sh "$T/share.sh" "$T"
else
	skip 'no network namespaces here'
fi

# ---- Two hosts that guess passwords as fast as they can: somebody who knows one still gets in.
printf 'al:%s\n' "$(htpasswd -bnB -C 10 al right 2>/dev/null | sed -n 's/^al://p')" >"$T/htpasswd"; chmod 600 "$T/htpasswd"
cat >"$T/guess.sh" <<'SH'
ip link set lo up || exit 77
for a in 1 2 9; do ip addr add 10.9.9.$a/32 dev lo || exit 77; done
"$VALISE" serve --listen 10.9.9.9:5000 --htpasswd "$1/htpasswd" >"$1/guess.out" 2>"$1/guess.err" & server=$!
while [ ! -s "$1/guess.out" ]; do sleep 0.05; done
python3 - <<'PY' || exit 1
import base64, socket, sys
def ask(source, password):
    s = socket.socket()
    s.settimeout(20)
    s.bind((source, 0))
    s.connect(("10.9.9.9", 5000))
    word = base64.b64encode(b"al:" + password).decode()
    s.sendall(f"GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Basic {word}\r\n\r\n".encode())
    return s
guesses = [ask(f"10.9.9.{1 + i % 2}", b"guess%d" % i) for i in range(60)]
right = ask("10.9.9.9", b"right").recv(100)[9:12]
print("the right password:", right)
sys.exit(right != b"200")
PY
kill "$server"; wait "$server"
SH

# ---- Few addresses that take all places, and read just enough to stay: another address gets in.
cat >"$T/crowd.sh" <<'SH'
ip link set lo up || exit 77
for a in 1 2 3 4 9; do ip addr add 10.9.9.$a/32 dev lo || exit 77; done
"$VALISE" serve --listen 10.9.9.9:5000 --connections 12 --per-client 3 >"$1/crowd.out" 2>"$1/crowd.err" & server=$!
while [ ! -s "$1/crowd.out" ]; do sleep 0.05; done
python3 - <<'PY' || exit 1
import socket, sys, time
def connect(source):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.settimeout(5)
    s.bind((source, 0))
    s.connect(("10.9.9.9", 5000))
    return s
def ask(source):
    s = connect(source)
    try:
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return s.recv(100)[9:12]
    except ConnectionError:
        return b""
held = [connect(f"10.9.9.{a}") for a in (1, 2, 3, 4) for _ in range(3)]
for s in held:
    s.sendall(b"GET /files/rules/old.bin HTTP/1.1\r\nHost: x\r\n\r\n")
    s.recv(1000)
other = ask("10.9.9.9")
print("another address:", other)
sys.exit(other != b"200")
PY
kill "$server"; wait "$server"
SH
if unshare -rn true 2>/dev/null && command -v ip >/dev/null; then
	mv "$T/old.bin" "$T/d/old.bin"; run valise fetch -q -f "$T/valise.yaml"; exits 0
	check 'a full house has room for another address' unshare -rn sh "$T/crowd.sh" "$T"
	check 'guessing does not keep others from logging in' unshare -rn sh "$T/guess.sh" "$T"
else
	skip 'no network namespaces here'
fi

# ---- The end waits for who is still busy.
curl -s --limit-rate 300K -o "$T/body" "$URL/files/rules/mid.bin" & transfer=$!
sleep 0.3
serve_stop TERM; same "$STATUS" 0 'TERM: ends with 0'
wait "$transfer"; same "$?" 0 'the running transfer was not cut'
check 'it was whole' cmp "$T/body" "$T/d/mid.bin"
t_done
