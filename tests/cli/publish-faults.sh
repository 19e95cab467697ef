#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Pushing to a registry that misbehaves: each fault ends in success after another try, or in the right exit status and
# sentence; whatever happened, no tag points at something that is not there, and the next run goes on.
. "${srcdir:-.}/tests/lib/cli.sh"
. "$SRC/tests/lib/images.sh"
. "$SRC/tests/lib/faults.sh"
need python3 jq curl umoci skopeo openssl zstd

images_build "$T/images"
faultd A; faultd B
faultd_images A lab "$T/images"
printf 'retries: 1\n' >"$VALISE_CONFIG"
printf 'channel: prod\nitems:\n  - name: base\n    type: image\n    platforms: [all]\n    images: [%s]\n' \
	"127.0.0.1:$A_PORT/lab/app:1, 127.0.0.1:$A_PORT/lab/tool:1, 127.0.0.1:$A_PORT/lab/multi:1" >"$T/valise.yaml"
run valise fetch -f "$T/valise.yaml"; exits 0

publish() { run valise publish "127.0.0.1:$B_PORT"; }
has_not() { h_p=$1; shift; ! grep -q -e "$h_p" "$@"; }
audit() { faultd_ask B _audit "$T/audit"; }
no_broken_tag() { audit; check "$1: nothing that is there misses anything" has_not missing "$T/audit"; }
no_tag() { no_broken_tag "$1"; check "$1: no tag" has_not '^tag' "$T/audit"; }
all_there() {
	no_broken_tag "$1"
	for a in app tool multi; do check "$1: $a:1 is there" grep -q "^tag lab/$a:1$" "$T/audit"; done
}
puts() { seen B 'select(.method == "PUT" and .status == 201) | .path'; }
tokens() { seen B "select(.server == \"$1\") | .headers.authorization // \"-\"" | sort -u | tr '\n' ' '; }

# Success, each over some trouble; then nothing is left to do.
good() { # SETTINGS
	faults B "push=1&$1"; publish; exits 0; all_there "$1"
	same "$(puts | grep /blobs/ | sed 's/.*\///' | sort | uniq -d)" "" "$1: no session was finished twice"
}
again() { # nothing is sent by a second run
	faultd_ask B _sync; : >"$T/B.log"; publish; exits 0; says "nothing to push"
	same "$(seen B 'select(.method == "PUT" or .method == "POST") | select(.server == "main") | .path')" "" "$1: nothing is written again"
}
good none=1; again none=1
check "a token for pushing was asked for" test -n "$(seen B 'select(.server == "token") | .query' | grep 'pull%2Cpush')"
good here=1
good location=relative
good location=query
good location=other
same "$(tokens other)" "- " "the server that takes the uploads got no token"
good mount=202; says "pushed"
good mount=201
faults B push=1; publish; exits 0; says "mounted"; all_there mount
good noexpect=1
good move=307
good "put_fail=2&blob=1"; again put_fail=2
good "put_fail=2&put_status=503"
good "put_fail=1&doc=1&put_times=1"
good "cut=2&blob=1"; again cut=2
good "flaky=1&only=/uploads/"
good subject=1
check "a registry that knows subjects gets no list of them" has_not 'tag.*:sha256-[0-9a-f]*$' "$T/audit"
faults B "push=1&ghcr=1&only=lab/tool/blobs/uploads/&verb=POST"; publish; exits 0; all_there ghcr
complains "too many requests, trying again in"

# Failure: said in words; no tag; and the registry mended, the next run sends what is missing.
bad() { # SETTINGS STATUS PATTERN
	faults B "push=1&$1"; publish; exits "$2"; complains "$3"; no_tag "$1"
	same "$(tokens other)" "${4-}" "$1: no token went elsewhere"
}
mended() { faultd_ask B "_set?put_fail=0&cut=0&limit_body=99999999&blob=0"; publish; exits 0; all_there "$1, mended"; }
bad readonly=405 31 "E3101.*the registry does not take pushes (HTTP 405"
bad readonly=403 31 "E3101.*the registry does not allow this push (HTTP 403"
bad readonly=404 31 "E3102.*the registry does not know or does not allow this repository"
bad limit_body=1000000 16 "E1601.*larger than the registry"; mended limit_body
bad quota=1 30 "E3001.*no space left"
bad "put_fail=3&put_times=99&blob=1" 30 "E3001.*500"; mended put_fail
bad "cut=3&cut_times=99&blob=1" 30 "E3001"; mended cut
bad "put_fail=1&put_times=99&doc=1" 30 "E3001.*500"
bad lose=1 31 "E3101.*lacks something that the manifest names"
bad refuse=1 31 "E3101.*refuses access without a log-in"
bad readonly_token=1 31 "E3101"
bad location=file:///etc/passwd 30 "E3004.*not http or https"
bad move=302 30 "E3004.*302"

# A manifest fails for good: what was put before is whole.
for n in 2 4 6; do
	faults B "push=1&doc=1&put_fail=$n&put_times=99"; publish; exits 30; no_broken_tag "manifest $n fails"
done
faultd_ask B "_set?put_fail=0"; publish; exits 0; all_there "manifests, mended"

# A log-in, and nobody else hears of it.
faults B "push=1&login=operator:geheim&location=other"
printf '{"auths":{"127.0.0.1:%s":{"auth":"%s"}}}' "$B_PORT" "$(printf operator:geheim | base64)" >"$T/config.json"; chmod 600 "$T/config.json"
printf 'retries: 1\ndocker-config: %s\n' "$T/config.json" >"$VALISE_CONFIG"
publish; exits 0; all_there "a log-in"
same "$(tokens other)" "- " "the server that takes the uploads got no credential"
check "no secret in words" has_not 'geheim\|b3BlcmF0b3I6Z2VoZWlt' "$T/out" "$T/err"

t_done
