#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# valise serve with TLS and passwords, and without the rights of root.
. "${srcdir:-.}/tests/lib/cli.sh"
. "$SRC/tests/lib/serve.sh"
need python3 curl openssl htpasswd
serve_store
cert() { openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" -addext subjectAltName=IP:127.0.0.1 -keyout "$T/$1.key" -out "$T/$1.crt" 2>/dev/null && chmod 600 "$T/$1.key"; }
code() { curl -s --cacert "$T/a.crt" -o "$T/body" -w '%{http_code}' "$@"; }
cert a; cert b
tls="--tls-cert $T/a.crt --tls-key $T/a.key"

# ---- What cannot be used.
run valise serve --listen 127.0.0.1:0 --tls-cert "$T/a.crt" --tls-key "$T/b.key"; exits 2; complains 'E0204.*a.crt and .*b.key cannot be used for TLS'; complains 'belong together'
run valise serve --listen 127.0.0.1:0 --tls-cert "$T/a.crt" --tls-key "$T/d/small.bin"; exits 2; complains 'E0204'
run valise serve --listen 127.0.0.1:0 --tls-cert "$T/none.crt" --tls-key "$T/a.key"; complains 'none.crt'
run valise serve --listen 127.0.0.1:0 --tls-cert "$T/a.key" --tls-key "$T/a.crt"; exits 2; complains 'E0204: .*a.key holds no certificate.*swapped'; complains_not chmod
run valise serve --listen 127.0.0.1:0 --tls-cert "$T/a.crt" --tls-key "$T/a.crt"; exits 2; complains 'E0204: .*a.crt holds no private key.*swapped'; complains_not chmod
cat "$T/b.crt" "$T/b.key" >"$T/both.pem"; chmod 644 "$T/both.pem"
run valise serve --listen 127.0.0.1:0 --tls-cert "$T/both.pem" --tls-key "$T/b.key"; exits 2; complains 'E0204.*both.pem: others can read'
chmod 644 "$T/b.key"
run valise serve --listen 127.0.0.1:0 --tls-cert "$T/b.crt" --tls-key "$T/none"; exits 2; complains 'E0207: there is no TLS key'
run valise serve --listen 127.0.0.1:0 --tls-cert "$T/b.crt" --tls-key "$T/b.key"; exits 2; complains 'E0204.*b.key: others can read'; complains 'chmod 600'
printf 'alice:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n' >"$T/old"
run valise serve --listen 127.0.0.1:0 --htpasswd "$T/old"; exits 2; complains 'old'

# ---- TLS.
# shellcheck disable=SC2086 # two options and two words
serve $tls
run cat "$T/serve.out"; says '^serving prod 1 on https://127'
for n in first second; do
	check "a large file by https, $n time" sh -c "curl -sf --cacert '$T/a.crt' '$URL/files/rules/big.bin' | cmp - '$T/d/big.bin'"
done
check 'a range by https' sh -c "curl -sf --cacert '$T/a.crt' -r 1000000-1999999 '$URL/files/rules/big.bin' | cmp - '$T/slice'" "$(tail -c +1000001 "$T/d/big.bin" | head -c 1000000 >"$T/slice")"
same "$(code "http://127.0.0.1:$PORT/")" 000 'plain HTTP gets nothing'
same "$(code --tls-max 1.1 "$URL/")" 000 'TLS 1.1 is refused'
curl -s -o /dev/null --cacert "$T/b.crt" "$URL/"; same $? 60 'another certificate is not ours'
same "$(code "$URL/healthz")" 200 'and it still serves'
chmod u+w "$VALISE_STORE"/blobs/sha256/*; f=$VALISE_STORE/blobs/sha256/$(sha256sum "$T/d/big.bin" | cut -d' ' -f1)
printf X | dd of="$f" bs=1 seek=5000000 conv=notrunc 2>/dev/null
run curl -s --cacert "$T/a.crt" -o "$T/body" "$URL/files/rules/big.bin"
check 'T105 by https: damage breaks the transfer off' [ "$STATUS" -ne 0 ]
same "$(code "$URL/files/rules/big.bin")" 500 'and then it is 500'
cp "$T/d/big.bin" "$VALISE_STORE/new"; mv "$VALISE_STORE/new" "$f"
serve_stop TERM; same "$STATUS" 0 'TERM ends it with 0'

# ---- Passwords.
htpasswd -B -C 5 -b -c "$T/users" alice 'pass:wörd' 2>/dev/null; htpasswd -B -C 12 -b "$T/users" bob slow 2>/dev/null; chmod 600 "$T/users"
# shellcheck disable=SC2086 # two options and two words
serve $tls --htpasswd "$T/users"
same "$(code "$URL/v2/")" 401 'without a password: 401'
run curl -sI --cacert "$T/a.crt" "$URL/v2/"; says '^WWW-Authenticate: Basic realm="valise"'
check 'the error of registries' grep -q UNAUTHORIZED "$T/body"
for p in / /files/rules/mid.bin /metrics /nothing; do same "$(code "$URL$p")" 401 "$p: 401"; done
same "$(code "$URL/healthz")" 200 '/healthz asks for none'
same "$(code -u 'alice:pass:wörd' "$URL/v2/")" 200 'the right password'
same "$(code -u 'alice:pass:wörd' "$URL/v2/prod/rules/tags/list?n=1")" 200 'remembered, with a query'
check 'the query counts' grep -q '"tags":\["1"\]' "$T/body"
same "$(code -u 'alice:pass:wörd' "$URL/")" 200 'the page, too'
check 'it tells how to log in' grep -q "^docker login ${URL#https://}\$" "$T/body"
check '... with curl' grep -q "^curl -u NAME $URL/files/\$" "$T/body"
same "$(code -u bob:slow "$URL/v2/prod/rules/tags/list?n=1")" 200 'not remembered, with a query'
check 'the query counts, too' grep -q '"tags":\["1"\]' "$T/body"
began=$(date +%s%N)
for u in alice:wrong alice: :x nobody:x 'alice:pass:wörd '; do same "$(code -u "$u" "$URL/v2/")" 401 "wrong: $u"; done
check 'wrong ones are answered late' [ $(($(date +%s%N) - began)) -gt 3000000000 ]
same "$(code -H 'Authorization: Bearer x' "$URL/v2/")" 401 'another scheme'
same "$(code -H 'Authorization: Basic !!!' "$URL/v2/")" 401 'not base64'
check 'they are in the log' eventually 5 grep -q '^warning: 127.0.0.1: a log-in as alice failed' "$T/serve.err"
check 'passwords are not' sh -c "! grep -q 'w.*rd\|wrong' '$T/serve.err'"
# Thirty wrong ones at once: whoever is known does not wait for them.
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do curl -s --cacert "$T/a.crt" -o /dev/null -u "bob:wrong$i" "$URL/v2/" & done
began=$(date +%s%N); same "$(code -u 'alice:pass:wörd' "$URL/v2/")" 200 'a known one'; took=$((($(date +%s%N) - began) / 1000000))
check "... is served meanwhile ($took ms)" [ "$took" -lt 1000 ]
serve_stop TERM; same "$STATUS" 0 'TERM ends it with 0 while log-ins wait'
wait

# ---- Warnings, and rights.
serve_with "$VALISE" serve --listen 0.0.0.0:0 --htpasswd "$T/users"
check 'passwords in the clear: a warning' eventually 5 grep -q '^warning: names and passwords cross the network in the clear' "$T/serve.err"
serve_stop TERM
run valise serve --listen 127.0.0.1:0 --user nosuchuser; exits 2; complains 'there is no user nosuchuser'
if [ "$(id -u)" -eq 0 ]; then
	chmod 755 "$T"; chmod -R a+rX "$VALISE_STORE"
	serve $tls --htpasswd "$T/users" --user nobody
	same "$(awk '/^Uid:/ { print $2, $3, $4 }' "/proc/$SERVE_PID/status")" "$(id -u nobody) $(id -u nobody) $(id -u nobody)" 'it became nobody'
	same "$(awk '/^NoNewPrivs:/ { print $2 }' "/proc/$SERVE_PID/status")" 1 'for good'
	same "$(code -u 'alice:pass:wörd' "$URL/files/rules/mid.bin")" 200 'and serves'
	serve_stop TERM
else
	run timeout 20 "$VALISE" serve --listen 127.0.0.1:0 --user daemon; exits 22; complains 'only root can become'
fi
t_done
