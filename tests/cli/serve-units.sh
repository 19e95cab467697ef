#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The systemd units in dist/: what they start exists, systemd accepts them, and a socket that systemd made is served on.
. "${srcdir:-.}/tests/lib/cli.sh"
need curl python3
unit=$SRC/dist/valise-serve.service

run valise serve --help; exits 0
cp "$T/out" "$T/help"
for option in $(grep -o -e '--[a-z][a-z-]*' "$unit" | grep -v -e '^--now$' | sort -u); do
	check "valise serve has $option" grep -q -e " $option " "$T/help"
done
# The command line as systemd takes it apart when no variable is set.
line=$(sed -n 's/^ExecStart=//p' "$unit" | sed 's/ \$[A-Z_]*//g')
same "${line%% *}" /usr/bin/valise "it starts valise"
case "$line " in *" serve "*) ok "and serves" ;; *) not_ok "and serves: $line" ;; esac

if command -v systemd-analyze >/dev/null 2>&1; then
	mkdir "$T/units"
	sed "s|/usr/bin/valise|$VALISE|" "$unit" >"$T/units/valise-serve.service"
	cp "$SRC/dist/valise-serve.socket" "$T/units/"
	run systemd-analyze verify --man=no --recursive-errors=no "$T/units/valise-serve.service" "$T/units/valise-serve.socket"; exits 0
	complains_not valise-serve
else
	skip "systemd-analyze is not installed"
fi

if command -v systemd-socket-activate >/dev/null 2>&1; then
	mkdir "$T/docs"; echo text >"$T/docs/a.txt"
	printf 'channel: prod\nitems:\n  - name: docs\n    type: dir\n    path: %s\n' "$T/docs" >"$T/valise.yaml"
	run valise fetch -f "$T/valise.yaml"; exits 0
	free_port
	# shellcheck disable=SC2086
	t_daemon systemd-socket-activate -l "127.0.0.1:$PORT" -E VALISE_STORE -E HOME -E VALISE_CONFIG "$VALISE" ${line#* }
	wait_port "$PORT"
	same "$(curl -sS "http://127.0.0.1:$PORT/files/docs/a.txt")" text "served on systemd's socket, the first request included"
else
	skip "systemd-socket-activate is not installed"
fi
t_done
