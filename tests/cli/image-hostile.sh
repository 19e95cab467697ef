#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A registry that wants to get an image past cosign-key, spoil the items of others, or keep valise busy.
# shellcheck disable=SC2016 # for jq
. "${srcdir:-.}/tests/lib/cli.sh"
. "$SRC/tests/lib/images.sh"
. "$SRC/tests/lib/faults.sh"
. "$SRC/tests/lib/made.sh"
need python3 jq openssl

images_build "$T/i"; faultd A; faultd_images A lab "$T/i"; faults A "open=1&noredirect=1"
R=127.0.0.1:$A_PORT
printf 'retries: 1\n' >"$VALISE_CONFIG"
openssl ecparam -name prime256v1 -genkey -noout -out "$T/key.pem" 2>/dev/null
openssl pkey -in "$T/key.pem" -pubout -out "$T/key.pub"
# list MORE NAME..: an item for each, called like its repository
list() {
	l_more=$1; shift
	printf 'channel: prod\nitems:\n' >"$T/valise.yaml"
	for l_n; do printf '  - name: %s\n    type: image\n    images: [%s]\n%s' "${l_n%%:*}" "$R/lab/$l_n" "$l_more"; done >>"$T/valise.yaml"
}
fetch() { run valise fetch -f "$T/valise.yaml"; }
anew() { chmod -R u+w "$VALISE_STORE" 2>/dev/null; rm -rf "$VALISE_STORE"; }
item() { i_d=$(jq -r --arg n "$1" '.manifests[] | select(.annotations["valise.item"] == $n) | .digest' "$VALISE_STORE/index.json"); cat "$VALISE_STORE/blobs/sha256/${i_d#sha256:}"; }
all='    platforms: [all]
'
two='    platforms: [linux/amd64, linux/arm64]
'
signed='    cosign-key: key.pub
'

# ---- an index whose manifests are signed, and not itself: each of them must be ----
make each:1 <<'PY'
a = {**manifest([blob(b"amd", LAYER)]), "platform": AMD}
b = {**manifest([blob(b"arm", LAYER)]), "platform": ARM}
tag(index([a, b]))
for d in a, b:
    tag(manifest([signature(d)]), about(d, ".sig"))
PY
list "$all$signed" each:1; fetch; exits 0
anew; list "$two$signed" each:1; fetch; exits 0
make one:1 <<'PY'
a = {**manifest([blob(b"amd", LAYER)]), "platform": AMD}
b = {**manifest([blob(b"other", LAYER)]), "platform": ARM}
tag(index([a, b]))
tag(manifest([signature(a)]), about(a, ".sig"))
PY
for p in "$all" "$two"; do anew; list "$p$signed" one:1; fetch; exits 32; complains "E3204.*has no signature of cosign"; done
# The one that is not signed stands under the name of its own signature: it is part of the image all the same.
make own:1 <<'PY'
a = {**manifest([blob(b"amd", LAYER)]), "platform": AMD}
b = {**manifest([blob(b"evil", LAYER)]), "platform": ARM}
tag(index([a, b]))
tag(manifest([signature(a)]), about(a, ".sig"))
tag(b, about(b, ".sig"))
PY
for p in "$all" "$two"; do
	anew; list "$p$signed" own:1; fetch; exits 32; complains "E3204.*has no signature of cosign"
	complains "[.]sig is part of the image itself"; check "no snapshot" test ! -e "$VALISE_STORE/current"
done
# What is attached need not be signed.
make sbom:1 <<'PY'
a = {**manifest([blob(b"amd", LAYER)]), "platform": AMD}
tag(index([a]))
tag(manifest([signature(a)]), about(a, ".sig"))
tag(index([index([manifest([blob(b"sbom", "text/plain")])], subject=a)]), about(a))
PY
anew; list "$all$signed" sbom:1; fetch; exits 0
same "$(item sbom | jq '.manifests | length')" 3 "the image, its signature, and an index of SBOMs"
make crowd:1 <<'PY'
m = manifest([blob(b"crowd", LAYER)])
tag(m)
tag(manifest([signature(m)] * 300), about(m, ".sig"))
PY
anew; list "$signed" crowd:1; fetch; exits 16; complains "E1601.*holds 300 signatures; at most 256 are tried"

# ---- others' items ----
# A lie about the size of a blob that somebody else's image has, too; the liar's request comes first.
make lies:1 <<'PY'
d = blob(b"a layer of many", LAYER)
d["size"] = 99
tag(manifest([d]))
PY
make honest:1 <<'PY'
d = {**manifest([blob(b"a layer of many", LAYER)]), "platform": AMD}
for i in range(3):
    d = index([d])
tag(d)
PY
anew; list "" lies:1 honest:1; fetch; exits 32; complains "item lies: $R/lab/lies:1: .*15 bytes are announced, 99 expected"
complains "^fetch: honest: .* stored"
check "the honest item did not fail" sh -c '! grep -q "honest failed" "$1"' sh "$T/err"

# Somebody else's image as a signature of one's own: it stays the image that was asked for.
make app:9 <<'PY'
tag(manifest([blob(b"nine", LAYER)]))
PY
make thief:1 <<'PY'
m = manifest([blob(b"thief", LAYER)])
tag(m)
tag(manifest([blob(b"nine", LAYER)]), about(m, ".sig"))
PY
printf 'channel: prod\nitems:\n  - name: images\n    type: image\n    images: [%s/lab/thief:1, %s/lab/app:9]\n' "$R" "$R" >"$T/valise.yaml"
anew; fetch; exits 0; run valise list; exits 0; says "in 2 images"
same "$(item images | jq -c '[.manifests[].annotations | keys[]] | unique')" '["valise.image"]' "nobody's signature"
first=$(item images | sha256sum)
fetch; exits 0; same "$(item images | sha256sum)" "$first" "and so it is the next time"

# ---- work without end ----
# What is listed by a stranger is not looked into.
make lone:1 <<'PY'
m = manifest([blob(b"lone", LAYER)])
tag(m)
tag(index([index([manifest([blob(b"nowhere", LAYER, False)])])]), about(m))
PY
anew; list "" lone:1; fetch; exits 0; complains "is listed as attached, but does not say so itself"
same "$(seen A 'select(.path | test("lone/blobs/")) | .path' | wc -l)" 2 "only the image's own blobs are asked for"
# Attached to what is in what is attached to what is in ...
make chain:1 <<'PY'
d = manifest([blob(b"chain", LAYER)])
tag(d)
for i in range(8):
    inner = manifest([blob(b"%d" % i, LAYER)])
    tag(index([index([inner], subject=d)]), about(d))
    d = inner
PY
anew; list "" chain:1; fetch; exits 0; same "$(item chain | jq '.manifests | length')" 2 "what is in something attached is not asked about"
# Half of it chosen, half of it about what is not there.
make many:1 <<'PY'
def entry(i, os, arch, **more):
    return {"mediaType": MANIFEST, "size": 300, "digest": "sha256:%064x" % i, "platform": {"os": os, "architecture": arch}, **more}
strange = {"annotations": {"vnd.docker.reference.digest": "sha256:%064x" % 7777777}}
d = index([entry(i, "linux", "amd64") for i in range(1, 2049)] + [entry(9, "linux", "arm64")] +
          [entry(i, "unknown", "unknown", **strange) for i in range(50000, 52046)])
tag(index([d] * 15))
PY
anew; list "$two" many:1; fetch; exits 16
# A list of nothing but what nobody knows.
make flood:1 <<'PY'
m = manifest([blob(b"flood", LAYER)])
tag(m)
tag(index([{"mediaType": "application/vnd.example.odd", "digest": "sha256:%064x" % i, "size": 5} for i in range(9000)]), about(m))
PY
anew; list "" flood:1; fetch; exits 0; complains "valise knows no application/vnd.example.odd"
complains "more that seems to be attached is left out"
check "a flood of warnings is cut" test "$(wc -l <"$T/err")" -lt 20
t_done
