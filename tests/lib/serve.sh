# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034 # for who sources this
# tests/lib/serve.sh: a running valise serve. Source it after cli.sh.
#
#   serve_store          a store with one item of files, "rules": $T/d/{big,mid,small}.bin and an empty file
#   serve [OPTION...]    starts it on a free port: $URL, $PORT, $SERVE_PID; $T/serve.out and $T/serve.err
#   serve_with CMD...    the same, with a command line of one's own
#   serve_stop SIGNAL    its exit status in $STATUS
serve_store() {
	mkdir -p "$T/d"
	python3 - "$T/d" <<'PY'
import random, sys
random.seed(7)
for name, size in ("big.bin", 24 << 20), ("mid.bin", 300000), ("small.bin", 5000), ("empty", 0):
    with open(f"{sys.argv[1]}/{name}", "wb") as f:
        f.write(random.randbytes(size))
PY
	printf 'channel: prod\nitems:\n  - name: rules\n    type: dir\n    path: %s\n' "$T/d" >"$T/valise.yaml"
	valise fetch -q -f "$T/valise.yaml" >/dev/null || bail 'no store'
}
serve_with() {
	: >"$T/serve.out"; : >"$T/serve.err"
	LAST="$*"
	"$@" >"$T/serve.out" 2>"$T/serve.err" </dev/null &
	SERVE_PID=$!; T_PIDS="$T_PIDS $SERVE_PID"
	t_i=0
	while [ ! -s "$T/serve.out" ]; do
		kill -0 "$SERVE_PID" 2>/dev/null || { cat "$T/serve.err"; bail "$LAST: did not start"; }
		t_i=$((t_i + 1)); [ $t_i -lt 200 ] || bail "$LAST: says nothing"
		sleep 0.05
	done
	URL=$(sed -n 's|.*\(https*://[^/]*\)/.*|\1|p' "$T/serve.out"); PORT=${URL##*:}
}
serve() { serve_with "$VALISE" serve --listen 127.0.0.1:0 "$@"; }
serve_stop() { kill -"$1" "$SERVE_PID"; wait "$SERVE_PID"; STATUS=$?; }
