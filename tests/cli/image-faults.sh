#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Images from a registry that misbehaves: each fault ends in success after another try, or in the right exit status and
# sentence; nothing half-fetched becomes the snapshot, and no credential reaches another host.
. "${srcdir:-.}/tests/lib/cli.sh"
. "$SRC/tests/lib/images.sh"
. "$SRC/tests/lib/faults.sh"
need python3 jq curl umoci skopeo openssl zstd

images_build "$T/images"
faultd A; faultd B
faultd_images A lab "$T/images"; faultd_images B lab "$T/images"
app=127.0.0.1:$A_PORT/lab/app:1
printf 'retries: 2\n' >"$VALISE_CONFIG"
list() { printf 'channel: prod\nitems:\n  - name: base\n    type: image\n    images: [%s]\n' "$1" >"$T/valise.yaml"; }
anew() { chmod -R u+w "$VALISE_STORE" 2>/dev/null; rm -rf "$VALISE_STORE"; }
fetch() { run valise fetch -f "$T/valise.yaml"; }
whole() { # the image is in the store, with what is attached to it
	for w in $(jq -r '.config.digest, .layers[].digest' "$T/A/lab/app/manifests/1") "$(images_digest app:1)"; do
		check "in the store and whole: $w" test "$(sha256sum <"$VALISE_STORE/blobs/sha256/${w#sha256:}" | cut -d' ' -f1)" = "${w#sha256:}"
	done
}
no_leak() { # no credential went to where the blobs are
	same "$(seen "$1" 'select(.server == "other") | .headers.authorization // "-"' | sort -u | tr '\n' ' ')" "$2" \
		"$3: no credential reached the host of the blobs"
}

# Success, each over some trouble.
good() { # SETTINGS
	anew; faults A "$1"; list "$app"; fetch; exits 0; whole
}
good none=1
no_leak A "- " "a redirect"
check "blobs came from there" test "$(seen A 'select(.server == "other") | .path' | wc -l)" -ge 3
check "tokens are for reading" test -z "$(seen A 'select(.server == "token") | .query' | grep push)"
good "here=1&noredirect=1"
same "$(seen A 'select(.path == "/token") | .server' | sort -u)" main "the token server is the registry's own port"
good away=1; no_leak A "- " "redirected manifests"
good referrers=1
good "flaky=2&only=lab/app/manifests/1"
good "flaky=1&only=/blobs/&after=1"
good cut_blobs=1; no_leak A "- " "truncated blobs"
check "a truncated blob is continued" test -n "$(seen A 'select(.headers.range) | .path')"

# GHCR: its time to wait is microseconds, ours has a floor, and the operator reads why it takes long.
t0=$(date +%s); good "ghcr=1&only=lab/app/manifests/1"; t1=$(date +%s)
complains "too many requests, trying again in"
check "waited for some seconds" test $((t1 - t0)) -ge 3
same "$(seen A 'select(.status == 429) | .path' | sort | uniq -d)" "" "each path was refused once only"

# Lies and refusals.
bad() { # SETTINGS STATUS PATTERN
	anew; faults A "$1"; list "$app"; fetch; exits "$2"; complains "$3"
	check "$1: no generation" test ! -e "$VALISE_STORE/generations/000001/index.json"
	no_leak A "${4-- }" "$1"
}
printf 'retries: 1\n' >"$VALISE_CONFIG"
bad lie=digest-header 32 "E32" ""
bad lie=manifest 32 "E32" ""
bad lie=type 32 "E32" ""
bad lie=blob 32 "E32"
bad lie=short 32 "E32"
bad lie=long 32 "E32"
bad gone=1 31 "E3102" ""
bad refuse=1 31 "without a log-in" ""
bad "flaky=9&only=lab/app/manifests/1" 30 "E3001.*503" ""
bad cut_blobs=9 30 "E3001.*ends early"
bad realm=http://169.254.169.254/token 30 "E3004.*another host" ""
bad realm=https://10.0.0.1/token 30 "E3004.*internal address" ""
bad endless=manifests 16 "E1601" ""
bad endless=blobs 32 "E3201.*longer than" ""
bad gzip=1 32 "E3201.*Content-Encoding"
bad blob_to=file:///etc/passwd 30 "E3004.*not http or https" ""
bad "blob_to=http://127.0.0.1:$A_PORT/loop" 30 "E3004.*more than 5 redirects" ""
bad "blob_to=http://127.0.0.1:$A_OTHER/endless-headers" 30 "E3001.*headers"
bad token_status=403 31 "E3101.*403" ""
printf 'retries: 1\ntimeout: 2s\n' >"$VALISE_CONFIG"
bad slow=1000 30 "E3003.*not finished within 2 s"
printf 'retries: 1\n' >"$VALISE_CONFIG"
faults A none=1; fetch; exits 0; whole

# The log-in: told to the token server, to nobody else, and in no words.
anew; faults A login=operator:geheim
printf '{"auths":{"127.0.0.1:%s":{"auth":"%s"}}}' "$A_PORT" "$(printf operator:geheim | base64)" >"$T/config.json"; chmod 600 "$T/config.json"
printf 'retries: 1\ndocker-config: %s\n' "$T/config.json" >"$VALISE_CONFIG"
fetch; exits 0; whole
no_leak A "- " "a log-in"
check "the token server was told" test -n "$(seen A 'select(.server == "token") | .headers.authorization' | grep Basic)"
check "no secret in words or in the store" sh -c '! grep -r -e geheim -e b3BlcmF0b3I6Z2VoZWlt "$@"' - "$T/out" "$T/err" "$VALISE_STORE"
anew; faults A login=operator:other; fetch; exits 31; complains E3101
printf 'retries: 1\n' >"$VALISE_CONFIG"

# Two images, one of them in trouble: the other one's registry is not asked again for what is there.
anew; faults A gone=1; list "$app, 127.0.0.1:$B_PORT/lab/tool:1"; fetch; exits 31
faults A none=1; faults B none=1; fetch; exits 0; whole
same "$(seen B 'select(.server == "other") | .path' | wc -l)" 0 "a blob that came before is not fetched again"

t_done
