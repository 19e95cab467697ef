#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Images that are odd, and registries that know less: old formats, foreign layers, nesting without end, strangers among the
# referrers, no digest in the head; and a fetch that is stopped and goes on.
# shellcheck disable=SC2016 # for python and sh -c
. "${srcdir:-.}/tests/lib/cli.sh"
. "$SRC/tests/lib/images.sh"
. "$SRC/tests/lib/faults.sh"
. "$SRC/tests/lib/made.sh"
need python3 jq curl umoci skopeo openssl zstd
[ -x "$(command -v nginx || echo /usr/sbin/nginx)" ] || skip_all "nginx is not installed"

images_build "$T/i"; faultd A; faultd_images A lab "$T/i"; faults A "open=1&noredirect=1"
R=127.0.0.1:$A_PORT
printf 'retries: 1\n' >"$VALISE_CONFIG"
list() { l_r=; for l_n in $1; do l_r="$l_r${l_r:+, }$R/lab/$l_n"; done; printf 'channel: prod\nitems:\n  - name: images\n    type: image\n    images: [%s]\n%s' "$l_r" "${2:-}" >"$T/valise.yaml"; }
fetch() { run valise fetch -f "$T/valise.yaml"; }
anew() { chmod -R u+w "$VALISE_STORE" 2>/dev/null; rm -rf "$VALISE_STORE"; }
item() { i_d=$(jq -r '.manifests[] | select(.annotations["valise.item"] == "images") | .digest' "$VALISE_STORE/index.json"); cat "$VALISE_STORE/blobs/sha256/${i_d#sha256:}"; }
names() { item | jq -r '.manifests[].annotations["valise.image"]' | sed "s|$R/lab/||g"; }

# refuse NAME STATUS PATTERN [MORE]: no snapshot comes of it
refuse() {
	anew; list "$1" "${4:-}"; fetch; exits "$2"; complains "$3"; complains "lab/$1"
	check "$1: no snapshot" test ! -e "$VALISE_STORE/current"
}
all='    platforms: [all]
'

# What nobody can check, or nobody could carry.
make old:1 <<'PY'
tag(blob({"schemaVersion": 1, "name": "lab/old", "tag": "1", "architecture": "amd64", "fsLayers": [], "history": []}, ""))
PY
refuse old:1 32 "E3202.*Docker's old format (schema 1)"
make foreign:1 <<'PY'
tag(manifest([blob(b"windows", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", False, urls=["http://127.0.0.1:1/layer"])]))
PY
refuse foreign:1 31 "is a foreign layer, .*does not follow the URLs"
make both:1 <<'PY'
m = json.loads(open("%s/blobs/sha256/%s" % (top, manifest([])["digest"][7:])).read())
tag(blob({**m, "manifests": []}, MANIFEST))
PY
refuse both:1 32 "E3201.*an index and a manifest at once"
make leaf:1 <<'PY'
tag(index([blob(b"x", "application/vnd.example.thing", platform=AMD)]))
PY
refuse leaf:1 32 "E3202.*vnd.example.thing" "$all"
make title:1 <<'PY'
tag(manifest([blob(b"x", LAYER, annotations={"org.opencontainers.image.title": "../../etc/passwd"})]))
PY
refuse title:1 32 "E3202.*not a safe relative path"
make size:1 <<'PY'
d = blob(b"0123456789", LAYER)
d["size"] = 11
tag(manifest([d]))
PY
refuse size:1 32 "E3201.*10 bytes are announced, 11 expected"

# No room: said before anything is fetched.
if [ "$(df -Pk "$T" | awk 'NR == 2 { print $4 }')" -lt 800000000 ]; then
	make vast:1 <<'PY'
d = blob(b"vast", LAYER)
d["size"] = 1000000000000
tag(manifest([blob(b"small", LAYER), d]))
PY
	printf 'retries: 1\nmax-download: 2TB\n' >"$VALISE_CONFIG"
	refuse vast:1 21 "E2101.*1.0 TB are to come into .*store, but only .* is free"
	same "$(seen A 'select(.path | test("vast/blobs/")) | .path')" "" "no blob was asked for"
	printf 'retries: 1\n' >"$VALISE_CONFIG"
else
	skip "there is room for a terabyte"
fi

# Nesting and numbers.
make deep:1 <<'PY'
d = {**manifest([]), "platform": AMD}
for i in range(7):
    d = index([d])
tag(d)
PY
refuse deep:1 16 "E1601.*nested more than" "$all"
refuse deep:1 16 "E1601.*nested more than"
make deep:2 <<'PY'
d = {**manifest([]), "platform": AMD}
for i in range(4):
    d = index([d])
tag(d)
PY
anew; list deep:2 "$all"; fetch; exits 0; list deep:2; fetch; exits 0
make many:1 <<'PY'
tag(index([{"mediaType": MANIFEST, "size": 300, "digest": "sha256:%064x" % i} for i in range(5000)]))
PY
faults A "open=1&noredirect=1"
refuse many:1 16 "E1601.*more than 4096 documents" "$all"
make ways:1 <<'PY'
d = {**manifest([]), "platform": AMD}
for i in range(3):
    d = index([d] * 300)
tag(d)
PY
refuse ways:1 16 "E1601.*more than 65536"
make fat:1 <<'PY'
tag(index([{"mediaType": MANIFEST, "size": 5000000, "digest": "sha256:%064x" % 1}]))
PY
refuse fat:1 16 "E1601.*more than the 4 MiB" "$all"
make huge:1 <<'PY'
tag(blob({"schemaVersion": 2, "mediaType": INDEX, "manifests": [], "annotations": {"a%d" % i: "x" * 60000 for i in range(80)}}, INDEX))
PY
refuse huge:1 16 "E1601.*4194304"

# An index without platforms has nothing to choose from; the same image many times is one image.
make plain:1 <<'PY'
tag(index([manifest([blob(b"one", LAYER)]), manifest([blob(b"two", LAYER)])]))
PY
anew; list plain:1; fetch; exits 0; same "$(item | jq -r '.manifests[0].mediaType' | grep -c index)" 1 "an index without platforms is carried whole"
make twice:1 <<'PY'
m = {**manifest([blob(b"one", LAYER), blob(b"one", LAYER)]), "platform": AMD}
tag(index([m, m, index([m])]))
PY
anew; list twice:1 "$all"; fetch; exits 0; list twice:1; fetch; exits 0

# The chosen of several, with what BuildKit says about them; upstream's annotations stay.
make kit:1 <<'PY'
a = {**manifest([blob(b"amd", LAYER)]), "platform": AMD, "annotations": {"note": "kept"}}
b = {**manifest([blob(b"arm", LAYER)]), "platform": {"os": "linux", "architecture": "arm64"}}
c = {**manifest([blob(b"s390", LAYER)]), "platform": {"os": "linux", "architecture": "s390x"}}
def says(d):
    return {**manifest([blob(b"about " + d["digest"].encode(), "application/vnd.in-toto+json")]), "platform": {"os": "unknown", "architecture": "unknown"},
            "annotations": {"vnd.docker.reference.digest": d["digest"], "vnd.docker.reference.type": "attestation-manifest"}}
tag(index([c, says(c), b, a, says(a), says(b)]))
PY
anew; list kit:1 "    platforms: [linux/amd64, linux/arm64]
"; fetch; exits 0
new=$(item | jq -r '.manifests[0].digest'); new=$VALISE_STORE/blobs/sha256/${new#sha256:}
same "$(jq -r '.manifests[] | .platform.architecture + " " + (.annotations.note // "-")' "$new")" "arm64 -
amd64 kept
unknown -
unknown -" "several: upstream's order, annotations, and the attestations of the chosen ones"
list kit:1 "    platforms: [linux/amd64, linux/arm64]
    referrers: false
"; fetch; exits 0; new=$(item | jq -r '.manifests[0].digest')
same "$(jq '.manifests | length' "$VALISE_STORE/blobs/sha256/${new#sha256:}")" 2 "referrers: false: without attestations"

# Strangers among the referrers: who does not say that it belongs here does not come along.
make lone:1 <<'PY'
m = manifest([blob(b"lone", LAYER)])
tag(m)
good = manifest([blob(b"sbom", "text/plain")], subject=m)
other = manifest([blob(b"other", "text/plain")])
more = manifest([blob(b"more", "text/plain")], subject=good)
odd = {"mediaType": "application/vnd.oci.artifact.manifest.v1+json", "digest": "sha256:" + "1" * 64, "size": 5}
tag(index([good, other, odd]), "lone:" + m["digest"].replace(":", "-"))
tag(index([more]), "lone:" + good["digest"].replace(":", "-"))
PY
anew; list lone:1; fetch; exits 0; same "$(item | jq '.manifests | length')" 3 "the referrer, and what is attached to it"
complains "is listed as attached, but does not say so itself"; complains "left out: valise knows no application/vnd.oci.artifact.manifest.v1+json"
fallback=$(item | sha256sum)
anew; faults A "open=1&noredirect=1&referrers=1"; fetch; exits 0; same "$(item | sha256sum)" "$fallback" "the referrers API tells the same"

# A registry that lists what is attached in pages.
make paged:1 <<'PY'
m = manifest([blob(b"paged", LAYER)])
tag(m)
for i in range(5):
    manifest([blob(b"sbom %d" % i, "text/plain")], subject=m)
PY
anew; faults A "open=1&noredirect=1&referrers=1&page=2"; list paged:1; fetch; exits 0; complains_not "left out"
same "$(item | jq '.manifests | length')" 6 "all pages of the referrers came"

# Stopped in the middle of a layer: the next run goes on where it ended.
anew; faults A "open=1&noredirect=1&slow=1500000"; list app:1
"$VALISE" fetch -f "$T/valise.yaml" >"$T/out" 2>"$T/err" & pid=$!
t_i=0; until [ "$(find "$VALISE_STORE/fetch" -name '*.part' -size +1000k 2>/dev/null | wc -l)" -gt 0 ]; do t_i=$((t_i + 1)); [ $t_i -lt 100 ] || bail "no part"; sleep 0.1; done
kill -TERM $pid; wait $pid; STATUS=$?; LAST="a fetch that is interrupted"; exits 143; complains E0102
faults A "open=1&noredirect=1"; fetch; exits 0
check "a range was asked for" test -n "$(seen A 'select(.headers.range) | .headers.range' | grep -v '^bytes=0-')"
same "$(seen A 'select(.path | test("/blobs/")) | .path' | sort | uniq -d)" "" "and each blob once"

# A registry that is only files: no Docker-Content-Digest, no media types.
mkdir -p "$T/www/v2/lab/app/manifests" "$T/www/v2/lab/app/blobs"
cp "$T/A/lab/app/manifests/1" "$T/www/v2/lab/app/manifests/1"
for b in $(jq -r '.config.digest, .layers[].digest' "$T/A/lab/app/manifests/1"); do cp "$T/A/blobs/sha256/${b#sha256:}" "$T/www/v2/lab/app/blobs/$b"; done
start_nginx "$T/www"; R=127.0.0.1:$NGINX_PORT
anew; list app:1; fetch; exits 0; same "$(names)" app:1 "files of a web server are a registry"
: >"$T/nginx/access.log"; fetch; exits 0; says "nothing new"
same "$(cut -d' ' -f1-2 "$T/nginx/access.log")" "HEAD /v2/lab/app/manifests/1
GET /v2/lab/app/manifests/1" "without a digest in the head the document is looked at"

t_done
