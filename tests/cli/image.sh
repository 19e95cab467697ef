#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Container images from a real registry: platforms, shared layers, signatures, and what a second run costs.
# shellcheck disable=SC2016 # for sh -c
. "${srcdir:-.}/tests/lib/cli.sh"
. "$SRC/tests/lib/images.sh"
need docker-registry skopeo umoci openssl python3 jq zstd

start_registry; R=127.0.0.1:$REGISTRY_PORT
images_build "$T/i"; images_push "$R" lab

# list NAMES [MORE]: an item of lab's images; list_refs takes full references
list_refs() { printf 'channel: prod\nitems:\n  - name: images\n    type: image\n    images: [%s]\n%s' "$1" "${2:-}" >"$T/valise.yaml"; }
list() { l_r=; for l_n in $1; do l_r="$l_r${l_r:+, }$R/lab/$l_n"; done; list_refs "$l_r" "${2:-}"; }
fetch() { run valise fetch -f "$T/valise.yaml"; }
anew() { chmod -R u+w "$VALISE_STORE" 2>/dev/null; rm -rf "$VALISE_STORE"; }
# What the registry was asked since mark, "METHOD path" per line
mark() { M=$(grep -c '"[A-Z]* /v2/' "$T/daemon.log"); }
asked() { grep -o '"[A-Z]* /v2/[^ ]*' "$T/daemon.log" | tail -n +$((M + 1)) | tr -d '"'; }
# The item's index, and of it the child with a name
item() { i_d=$(jq -r '.manifests[] | select(.annotations["valise.item"] == "images") | .digest' "$VALISE_STORE/index.json"); cat "$VALISE_STORE/blobs/sha256/${i_d#sha256:}"; }
child() { item | jq -r --arg n "$R/lab/$1" '.manifests[] | select(.annotations["valise.image"] | split(" ") | index($n))'; }
digest_of() { child "$1" | jq -r .digest; }
blob() { cat "$VALISE_STORE/blobs/sha256/${1#sha256:}"; }
names() { item | jq -r '.manifests[].annotations["valise.image"]' | sed "s|$R/lab/||g"; }
hex() { images_digest "$1" | cut -d: -f2; }
# same_raw NAME REF: the child's bytes are those of the registry
same_raw() { check "$1 is byte for byte as upstream" sh -c 'skopeo inspect --raw --tls-verify=false "docker://$1" | cmp - "$2"' - "$R/lab/$2" "$VALISE_STORE/blobs/sha256/$(digest_of "$1" | cut -d: -f2)"; }

# Everything, for one platform.
list "$IMAGES_NAMES"; mark; fetch; exits 0
same "$(asked | grep blobs/ | sed 's|.*/||' | sort | uniq -d)" "" "no blob was fetched twice, however many images share it"
for n in app:1 tool:1 zstd:1 docker:1 artifact:1; do same_raw $n $n; same "$(child $n | jq -r '.digest')" "$(images_digest $n)" "$n has upstream's digest"; done
same "$(digest_of multi:1)" "$(images_digest tool:1)" "of an index the manifest of the platform is taken"
same "$(digest_of nested:1)" "$(images_digest tool:1)" "also out of an index in an index"
same "$(child multi:1 | jq -r '.annotations["valise.upstream.digest"]')" "$(images_digest multi:1)" "upstream's index is recorded"
same "$(child app:1 | jq -c .platform)" '{"architecture":"amd64","os":"linux"}' "the platform is told"
same "$(names | grep -c nested)" 1 "what several names mean is one child"
same "$(names | grep nested)" "multi:1 nested:1 tool:1" "with all its names"
same "$(names)" "$(names | sort)" "children are sorted by name"
same "$(item | jq -r .artifactType)" application/vnd.valise.images.v1 "the index says what it is"
same "$(jq -r '.manifests[] | select(.annotations["valise.item"] == "images") | .annotations["valise.source"]' "$VALISE_STORE/index.json")" \
	"$R/lab/app:1 and 7 more" "the source is told"
sig=app:sha256-$(hex app:1).sig
same_raw "$sig" "$sig"
same "$(child "$sig" | jq -r '.annotations["valise.subject"]')" "$(images_digest app:1)" "cosign's signature came along"
sbom=$(item | jq -r --arg s "$(images_digest tool:1)" '.manifests[] | select(.annotations["valise.subject"] == $s) | .annotations["valise.image"]')
check "the referrer came along" test -n "$sbom"
same "$sbom" "$R/lab/tool@$(item | jq -r --arg n "$sbom" '.manifests[] | select(.annotations["valise.image"] == $n) | .digest')" "under its own digest"
check "nothing is left in fetch but notes" sh -c '! ls "$VALISE_STORE"/fetch/*.part*'

# Nothing moved: one HEAD per tag, and no new snapshot.
before=$(tree_of "$VALISE_STORE"); mark; fetch; exits 0; says "nothing new upstream"; complains "unchanged"
same "$(asked | sort)" "$(for n in $IMAGES_NAMES; do echo "HEAD /v2/lab/${n%:1}/manifests/1"; done | sort)" "one HEAD per tag"
same "$(tree_of "$VALISE_STORE")" "$before" "the store is as it was"

# The order of references and one more name: only the new one is asked for whole; the bytes come out the same.
first=$(item | sha256sum)
list "artifact:1 docker:1 buildkit:1 nested:1 multi:1 zstd:1 tool:1 app:1"; fetch; exits 0
same "$(item | sha256sum)" "$first" "the order of the references does not matter"
anew; list "app:1"; fetch; exits 0
list "app:1 tool:1"; mark; fetch; exits 0
same "$(asked | grep /app/)" "HEAD /v2/lab/app/manifests/1" "what was known is not fetched again"
check "its signature is still there" test -n "$(digest_of "$sig")"
one=$(item | sha256sum); anew; fetch; exits 0; same "$(item | sha256sum)" "$one" "the bytes are the same as from nothing"
list "tool:1"; mark; fetch; exits 0
same "$(asked)" "HEAD /v2/lab/tool/manifests/1" "one image less costs nothing more"
same "$(names | grep -c app)" 0 "and takes its signature with it"

# Platforms.
anew; list "multi:1 nested:1 buildkit:1 app:1" "    platforms: [all]
"; fetch; exits 0
for n in multi:1 nested:1 buildkit:1 app:1; do same_raw $n $n; done
for d in $(blob "$(digest_of nested:1)" | jq -r '.manifests[].digest') $(blob "$(images_digest multi:1)" | jq -r '.manifests[].digest'); do
	check "all: $d is there" test -f "$VALISE_STORE/blobs/sha256/${d#sha256:}"
done
mark; fetch; exits 0; same "$(asked | grep -vc HEAD)" 0 "all: the second time costs HEADs only"
list "multi:1 nested:1 buildkit:1" "    platforms: [linux/s390x, linux/amd64]
"; mark; fetch; exits 32; complains "multi:1: there is no image for linux/s390x; it has linux/amd64, linux/arm64/v8"
complains "buildkit:1: there is no image for linux/s390x; it has linux/amd64"
list "nested:1" "    platforms: [linux/s390x, linux/amd64]
"; mark; fetch; exits 0
same "$(asked | grep -c blobs/)" 0 "other platforms: what is here is not fetched again"
i=$(blob "$(digest_of nested:1)")
same "$(echo "$i" | jq -r '.manifests[] | .platform.architecture + " " + .digest')" "amd64 $(images_digest tool:1)
s390x $(images_raw "$R/lab/nested:1" | jq -r '.manifests[1].digest')" "several: the chosen ones in upstream's order"
same "$(child nested:1 | jq -r '.annotations["valise.upstream.digest"]')" "$(images_digest nested:1)" "several: upstream's digest is recorded"
list "multi:1 buildkit:1" "    platforms: [linux/arm64, linux/amd64]
"; fetch; exits 32; complains "buildkit:1: there is no image for linux/arm64"
list "multi:1" "    platforms: [linux/arm64, linux/amd64]
"; fetch; exits 0; same_raw multi:1 multi:1; same "$(child multi:1 | jq -r '.annotations | keys[]')" valise.image "several that are all: upstream's own index"
list "multi:1" "    platforms: [linux/arm64]
"; fetch; exits 0; same "$(child multi:1 | jq -c .platform)" '{"architecture":"arm64","os":"linux","variant":"v8"}' "one: its manifest"
list "app:1" "    platforms: [linux/arm64]
"; fetch; exits 0; complains "app:1 is for linux/amd64 only, and linux/arm64 was asked for"

# By digest, with and without a name.
anew; d=$(images_digest app:1); list "app@$d tool:7@$(images_digest tool:1)"; fetch; exits 0
check "by digest: the name is the digest" test -n "$(digest_of "app@$d")"
same "$(digest_of tool:7)" "$(images_digest tool:1)" "by tag and digest: the digest counts, the tag is the name"
mark; fetch; exits 0; same "$(asked)" "" "what is named by digest is not asked for again"
list "app@sha256:$(printf 0 | sha256sum | cut -d' ' -f1)"; fetch; exits 31; complains "E3102.*lab/app@sha256"

# Two tags of one image; without what is attached.
skopeo copy -q --src-tls-verify=false --dest-tls-verify=false "docker://$R/lab/app:1" "docker://$R/lab/app:latest" >/dev/null || bail "skopeo"
anew; list "app:1 app:latest" "    referrers: false
"; mark; fetch; exits 0
same "$(names)" "app:1 app:latest" "two tags, one child, nothing attached"
same "$(asked | grep -c manifests/)" 2 "and two requests for documents"
mark; fetch; exits 0; same "$(asked | sort)" "HEAD /v2/lab/app/manifests/1
HEAD /v2/lab/app/manifests/latest" "two HEADs the second time"

# A tag moves: only what is new is fetched, and the operator reads how much.
skopeo copy -q --src-tls-verify=false --dest-tls-verify=false "docker://$R/lab/tool:1" "docker://$R/lab/app:latest" >/dev/null || bail "skopeo"
mark; fetch; exits 0; complains "images: $R/lab/app:latest moved, 0 of 1 layers new"
same "$(asked | grep -c blobs/)" 1 "moved: its config only"
same "$(digest_of app:latest)" "$(images_digest tool:1)" "moved: the new image"
same "$(digest_of app:1)" "$(images_digest app:1)" "the other one stays"

# One reference that is not there fails the item with its name; the others' blobs stay.
anew; list "app:1 gone:1 nope:2"; fetch; exits 31; complains "E3102.*item images: $R/lab/gone:1"; complains "images: $R/lab/nope:2.*404"
check "no snapshot" test ! -e "$VALISE_STORE/current/index.json"
list "app:1"; mark; fetch; exits 0; same "$(asked | grep -c blobs/)" 0 "the blobs that came are not fetched again"
printf 'max-download: 1MB\n' >"$VALISE_CONFIG"; anew; mark; fetch; exits 16; complains "E1601.*max-download"
same "$(asked | grep -c blobs/)" 0 "a layer that is too large is refused before any is fetched"
: >"$VALISE_CONFIG"

# The key that must have signed.
anew; cp "$T/i/cosign.pub" "$T/i/other.pub" "$T"
list "app:1" "    cosign-key: cosign.pub
"; fetch; exits 0; check "signed: the signature is carried" test -n "$(digest_of "$sig")"
mark; fetch; exits 0; same "$(asked)" "HEAD /v2/lab/app/manifests/1" "signed: the second time costs one HEAD"
before=$(tree_of "$VALISE_STORE/generations")
list "app:1" "    cosign-key: other.pub
"; fetch; exits 32; complains "E3204.*$R/lab/app:1"; complains "not signed by this key"
cp "$T/other.pub" "$T/cosign.pub"
list "app:1" "    cosign-key: cosign.pub
"; fetch; exits 32; complains E3204
cp "$T/i/cosign.pub" "$T/cosign.pub"
list "app:1 tool:1" "    cosign-key: cosign.pub
"; fetch; exits 32; complains "E3204.*$R/lab/tool:1"; complains "has no signature of cosign"
list "buildkit:1" "    cosign-key: cosign.pub
"; fetch; exits 32; complains E3204
same "$(tree_of "$VALISE_STORE/generations")" "$before" "nothing unsigned becomes a snapshot"
list "app:1" "    cosign-key: none.pub
"; fetch; exits 2; complains none.pub

# GitLab's analyzers are the same thing under another name; a mirror in the place of a registry that nobody reaches.
anew; printf 'channel: prod\nitems:\n  - name: images\n    type: gitlab-analyzers\n    registry: %s/lab\n    analyzers: [tool:1, "app:1"]\n' "$R" >"$T/valise.yaml"
fetch; exits 0; same "$(digest_of tool:1)" "$(images_digest tool:1)" "gitlab-analyzers: the image is there"
anew; printf 'retries: 1\nmirrors:\n  - prefix: docker.io/library\n    use: [%s/lab]\n    only: true\n' "$R" >"$VALISE_CONFIG"
list_refs "tool:1"; fetch; exits 0
same "$(item | jq -r '.manifests[0].annotations["valise.image"]')" docker.io/library/tool:1 "a mirror: the name is upstream's"
: >"$VALISE_CONFIG"

# Two items that share indexes, manifests and layers: each blob once.
anew; printf 'channel: prod\nitems:\n  - name: images\n    type: image\n    platforms: [all]\n    images: [%s/lab/multi:1, %s/lab/app:1]\n  - name: more\n    type: image\n    platforms: [all]\n    images: [%s/lab/nested:1, %s/lab/docker:1]\n' "$R" "$R" "$R" "$R" >"$T/valise.yaml"
mark; fetch; exits 0; same "$(asked | grep blobs/ | sed 's|.*/||' | sort | uniq -d)" "" "two items: no blob was fetched twice"
mark; fetch; exits 0; same "$(asked | grep -vc HEAD)" 0 "two items: HEADs only"; same "$(asked | wc -l)" 4 "and four of them"

# Through the gap.
anew; list "$IMAGES_NAMES" "    platforms: [linux/amd64, linux/arm64]
"; sed -i 's/images: \[.*/images: ['"$R\/lab\/app:1, $R\/lab\/multi:1, $R\/lab\/docker:1"']/' "$T/valise.yaml"
run valise keygen -o "$T/k" --no-password; exits 0
run valise pack -f "$T/valise.yaml" -k "$T/k.key" -o "$T/bundle"; exits 0
VALISE_STORE=$T/isolated; run valise trust add "$T/k.pub"; exits 0
run valise unpack "$T/bundle"; exits 0
for n in app:1 multi:1 docker:1; do same_raw $n $n; done
run valise list; exits 0; says images
run valise fsck; exits 0

t_done
