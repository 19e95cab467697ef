#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# valise serve as a web server: what is answered to which request. Damage, floods and switches: serve-faults.sh.
. "${srcdir:-.}/tests/lib/cli.sh"
. "$SRC/tests/lib/serve.sh"
need python3 curl
serve_store

# What cannot be.
run valise serve --listen nonsense; exits 2; complains 'E0201.*--listen nonsense is not HOST:PORT'; says_nothing
run valise serve --listen 127.0.0.1:99999; exits 2; complains 'E0201'
run valise serve --idle 0s; exits 2; complains '--idle is between'
run valise serve --connections 0; exits 2; complains '--connections is between'
run valise serve --least-speed fast; exits 2; complains '--least-speed fast is not a size'
run valise serve --tls-cert x.pem; exits 2; complains 'go together'
run valise serve --htpasswd "$T/nobody"; exits 2; complains 'nobody'
run valise serve -c nosuch --listen 127.0.0.1:0; exits 2; complains 'nosuch'

serve -v
run cat "$T/serve.out"; says '^serving prod 1 on http://127\.0\.0\.1:[0-9]*/ (2 names); stop with Ctrl-C$'
check 'ready in less than a second' sh -c "sed -n 's/^debug: ready after \\([0-9]*\\) ms.*/\\1/p' '$T/serve.err' | grep -q '^[0-9]\\{1,3\\}\$'"
run valise serve --listen "127.0.0.1:$PORT"; exits 22; complains 'E2206.*cannot be listened on'; complains 'choose another with --listen'

raw() { t_name=$1; shift; check "$t_name" python3 "$SRC/tests/lib/serve_raw.py" "$@"; }
big=$(curl -s "$URL/v2/prod/rules/manifests/latest" | python3 -c 'import json,sys; print([l["digest"] for l in json.load(sys.stdin)["layers"] if l["size"] > 10**6][0])')
raw 'T100 nothing outside is reachable' traversal "$PORT"
raw 'T101 ranges of a file not hashed yet' ranges "$PORT" "/v2/prod/rules/blobs/$big" "$T/d/big.bin"
raw 'T101 ranges of a known file' ranges "$PORT" /files/rules/big.bin "$T/d/big.bin"
raw 'T101 ranges of a small file' ranges "$PORT" /files/rules/small.bin "$T/d/small.bin"
raw 'conditional requests' conditions "$PORT" /files/rules/mid.bin
raw 'T103 every method but GET and HEAD is 405' methods "$PORT"
raw 'a request with two ends is refused, and nothing behind it is read' two_ends "$PORT"
raw 'T104 HEAD is GET without the body' heads "$PORT" / /v2/ /v2/_catalog /v2/prod/rules/tags/list /v2/prod/rules/manifests/latest \
	"/v2/prod/rules/blobs/$big" /files/ /files/rules/mid.bin /files/rules/empty /nothing /v2/nothing/manifests/x
raw 'several requests on one connection' keepalive "$PORT"

# Whole files, the first time and the second.
for f in big.bin mid.bin small.bin empty; do
	for n in first second; do
		check "$f, $n time" sh -c "curl -sf '$URL/files/rules/$f' | cmp - '$T/d/$f'"
	done
done
run curl -s "$URL/healthz"; says '^ok'
run curl -s -o /dev/null -w '%{http_code} %{redirect_url}' "$URL/files/rules"; says "^301 $URL/files/rules/\|^308 $URL/files/rules/"
run curl -s "$URL/metrics"; says '^valise_.*requests.* [1-9]'
check 'one line per request' eventually 5 grep -q '^serve: 127.0.0.1: GET /files/rules/mid.bin 200 300000 [0-9]*ms$' "$T/serve.err"
check 'no control characters in the log' sh -c "! LC_ALL=C grep -q '[[:cntrl:]]' '$T/serve.err'"

# The end.
serve_stop TERM; same "$STATUS" 0 'TERM ends it with 0'
serve -q --json
run cat "$T/serve.out"; says '^{"type":"serving","address":"127.0.0.1:[0-9]*","url":"http://127.0.0.1:[0-9]*/","channels":\[{"channel":"prod","sequence":1}\],"names":2,'
curl -s "$URL/healthz" >/dev/null; serve_stop HUP; same "$STATUS" 0 'HUP ends it with 0'
run cat "$T/serve.err"; says_nothing

# Nothing there yet: it serves, and content appears.
VALISE_STORE=$T/other; export VALISE_STORE
serve
run cat "$T/serve.out"; says 'an empty store, /.*, until something is unpacked'
run cat "$T/serve.err"; says "^warning: there is no store at $T/other; content appears after the first valise unpack"
run valise --store "$T/no/store/" serve --listen 127.0.0.1:0; exits 2; complains "E0207: there is no store at $T/no/store/, and the directory above it does not exist"
run valise serve --help; exits 0; says '^Usage: valise serve .* \[--tls-cert FILE$'
run curl -s -o /dev/null -w '%{http_code}' "$URL/files/"; says '^503'
run valise fetch -q -f "$T/valise.yaml"; exits 0
check 'content appears' eventually 5 curl -sf -o /dev/null "$URL/files/rules/mid.bin"
check 'which is told' eventually 5 grep -q 'now serving prod 1' "$T/serve.err"
serve_stop TERM

# A socket from systemd: descriptor 3.
cat >"$T/activate.py" <<'PY'
import os, socket, sys
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(5)
os.dup2(s.fileno(), 3); os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[1], sys.argv[1:])
PY
serve_with python3 "$T/activate.py" "$VALISE" serve
run curl -s "$URL/healthz"; says '^ok'
serve_stop TERM; same "$STATUS" 0 'a passed socket works'
t_done
