#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# export: archives that podman, skopeo, umoci and crane read, with the trees that were put in; names as people type them;
# and nothing at all when a blob is damaged.
. "${srcdir:-.}/tests/lib/cli.sh"
. "${srcdir:-.}/tests/lib/images.sh"
. "${srcdir:-.}/tests/lib/clients.sh"
need umoci skopeo docker-registry zstd openssl jq
W=$T/w; mkdir "$W"; cd "$W" || exit 1
images_build "$T/images"; start_registry; R=127.0.0.1:$REGISTRY_PORT; images_push "$R" lab
H=localhost:$REGISTRY_PORT # another name for the same place: a name may stand in one item only
mkdir -p docs/sub; echo one >docs/one; printf '#!/bin/sh\n' >docs/sub/run; chmod +x docs/sub/run
cat >valise.yaml <<Y
channel: prod
items:
  - name: docs
    type: dir
    path: ./docs
  - name: lab
    type: image
    images: [$R/lab/app:1, $R/lab/tool:1, $R/lab/zstd:1, $R/lab/docker:1, $R/lab/artifact:1]
  - name: several
    type: image
    images: [$H/lab/app:1, $H/lab/tool:1, $H/lab/zstd:1, $H/lab/docker:1]
  - name: many
    type: image
    images: [$R/lab/multi:1, $R/lab/nested:1, $R/lab/buildkit:1]
    platforms: [all]
Y
run valise fetch; exits 0
export XDG_RUNTIME_DIR="$T"
roots=$T/images/roots
# A docker-archive has the tree: by skopeo into a layout, which umoci unpacks.
docker_tree() { rm -rf "$T/l"; skopeo copy --quiet "docker-archive:$1" "oci:$T/l:x" && images_same_tree "$T/l:x" "$2"; }
oci_tree() { rm -rf "$T/l"; mkdir "$T/l" && tar xf "$1" -C "$T/l" && images_same_tree "$T/l:$2" "$3"; }
raw_digest() { echo "sha256:$(skopeo inspect --raw "$1" | sha256sum | cut -d' ' -f1)"; }

# docker-archive: gzip layers as they are, zstd layers undone
run valise export lab/app:1 -F docker-archive -o app.tar
exits 0; says '^exported    app\.tar, docker-archive, 1 image, 5\.3 MB'; says "$R/lab/app:1  linux/amd64"; says 'docker load -i app\.tar'
check "app: the tree is the one that went in" docker_tree app.tar "$roots/app"
run valise export zstd:1 -F docker-archive -o zstd.tar
exits 0; says '1 of its layers decompressed'
check "zstd: the tree is the one that went in" docker_tree zstd.tar "$roots/tool"
check "zstd: the archive is no OCI layout" sh -c '! tar tf zstd.tar | grep -q index.json'
run valise export docker:1 -F docker-archive -o docker.tar; exits 0
check "docker media types: the tree is the one that went in" docker_tree docker.tar "$roots/app"
run valise export multi:1 -F docker-archive -p linux/arm64 -o arm64.tar
exits 0; says 'multi:1  linux/arm64/v8$'
check "multi, linux/arm64: its tree" docker_tree arm64.tar "$roots/arm64"
run valise export buildkit:1 -F docker-archive -o buildkit.tar; exits 0
check "an attestation beside it is no second platform" docker_tree buildkit.tar "$roots/app"
run valise export several -F docker-archive -o several.tar; exits 0; says ', 4 images, '
same "$(tar xOf several.tar manifest.json | jq -c 'map(.RepoTags[0] | split("/")[2])')" '["app:1","docker:1","tool:1","zstd:1"]' "several images in one archive"
have_crane
for f in app zstd docker arm64; do
	[ -n "$CRANE" ] || { skip "crane is not here"; continue; }
	check "crane: $f.tar is whole" "$CRANE" validate --tarball $f.tar
done
if have_podman; then
	for f in app zstd docker arm64 several; do
		run pod load -i $f.tar
		exits 0; says "Loaded image: .*:$REGISTRY_PORT/lab/"
	done
else
	skip "podman does not work here"
fi
run valise export lab/tool:1 -F docker-archive -o - ; exits 0; same "$(tar xOf "$T/out" manifest.json | jq -r '.[0].RepoTags[0]')" "$R/lab/tool:1" "to standard output"

# oci-archive: every byte of every manifest, all platforms, signatures
run valise export lab/app:1 -o app-oci.tar
exits 0; says 'oci-archive, 1 image, 2 signatures and attestations'; says "skopeo copy oci-archive:app-oci\.tar:$R/lab/app:1"
same "$(raw_digest "oci-archive:app-oci.tar:$R/lab/app:1")" "$(images_digest app:1)" "app: the manifest's bytes"
hex=$(images_digest app:1 | cut -d: -f2)
same "$(raw_digest "oci-archive:app-oci.tar:$R/lab/app:sha256-$hex.sig")" "$(images_digest "app:sha256-$hex.sig")" "the signature's bytes"
check "app: umoci finds the tree" oci_tree app-oci.tar "$R/lab/app:1" "$roots/app"
same "$(jq '[.manifests[] | .digest] | length' "$T/l/index.json")" 3 "image, signature and SBOM are in the index"
run valise export lab/app:1 -o app-plain.tar --no-attached; exits 0
same "$(raw_digest oci-archive:app-plain.tar)" "$(images_digest app:1)" "alone it needs no name"
run valise export many -o many.tar; exits 0; says '3 images'; says '^podman load takes an oci-archive with one name only: .*--image NAME'
for n in multi nested buildkit; do
	same "$(raw_digest "oci-archive:many.tar:$R/lab/$n:1")" "$(images_digest $n:1)" "$n: the index's bytes"
done
run valise export multi -o s.tar -p linux/amd64; exits 0
check "one platform of an index" oci_tree s.tar "$R/lab/multi:1" "$roots/tool"
run valise export zstd:1 -o zstd-oci.tar; exits 0
same "$(raw_digest oci-archive:zstd-oci.tar)" "$(images_digest zstd:1)" "zstd stays zstd"
# skopeo of this age cannot copy an artifact, but it can read it
run valise export artifact -o artifact.tar; exits 0
same "$(raw_digest oci-archive:artifact.tar)" "$(images_digest artifact:1)" "an artifact's manifest"

# files
run valise export docs -o out; exits 0; says '^exported    out, 2 files'
check "the files are those that were fetched" diff -r docs out
check "programs can run" test -x out/sub/run
run valise export docs -o out; exits 2; complains 'E0206: out is already there'; complains_not 'begins'
run valise export lab/artifact:1 -F files -o art; exits 0
same "$(cat art/rules/a.yml)" "rule: a" "the titles of an artifact"
run valise export lab/tool:1 -F files -o bad; exits 2; complains 'has no file name'
run valise export docs -F oci-archive -o docs.tar; exits 0
check "an item of files is an artifact" sh -c 'skopeo inspect --raw oci-archive:docs.tar | jq -e ".layers | length == 2"'

# the same bytes again, also through a pipe
run valise export lab/app:1 -o - ; exits 0; check "the same bytes" cmp "$T/out" app-oci.tar; complains_not 'E[0-9]'

# names
run valise export lab/tool:1 -o tool.tar; exits 0
run valise export "$(images_digest tool:1)" -o - ; exits 0; check "by digest" cmp "$T/out" tool.tar
run valise export lab --image "$R/lab/tool:1" -o t.tar; exits 0; says "$R/lab/tool:1"; rm t.tar
printf 'names:\n  - from: %s/lab\n    to: sec/analyzers\n' "$R" >"$T/valise.conf"
run valise export lab/sec/analyzers/tool:1 -o t.tar; exits 0; check "by the name it is served under" cmp t.tar tool.tar; rm t.tar
: >"$T/valise.conf"
run valise export lab/tol:1 -o t.tar; exits 2; complains 'E0207: there is no image tol:1\. Did you mean tool:1?'
run valise export nothing -o t.tar; exits 2; complains 'E0207: there is no item or image nothing in this store\. It holds the items: docs, lab, many, several'
run valise export man -o t.tar; exits 2; complains 'no item or image man in this store\. Did you mean many?'
run valise export docs/x -o t.tar; exits 2; complains 'item docs holds no images'
run valise export lab -c test -o t.tar; exits 2; complains 'It holds: prod'
run valise export lab/tool:1 --image app:1 -o t.tar; exits 2; complains 'two images are named'
# what makes no sense
run valise export lab/tool:1; exits 2; complains 'where to? -o PATH is missing'
run valise export lab/tool:1 -o t.tar -F tar; exits 2; complains 'It is docker-archive, oci-archive or files'
run valise export multi:1 -F docker-archive -o t.tar; exits 2; complains 'has 2 platforms.*: linux/amd64, linux/arm64/v8\. Choose with --platform'
run valise export multi:1 -p linux/s390x -o t.tar; exits 2; complains 'no image for platform linux/s390x.*It has: linux/amd64, linux/arm64/v8'
run valise export multi:1 -p amd64 -o t.tar; exits 2; complains 'no image for platform amd64\. A platform is written OS/ARCH\. It has: linux/amd64'
run valise export artifact:1 -F docker-archive -o t.tar; exits 2; complains 'no image but an artifact'
run valise export docs -F docker-archive -o t.tar; exits 2; complains 'holds files, no images'
run valise export docs -o -; exits 2; complains 'writes a directory'
run valise export lab -F files -o t; exits 2; complains 'takes one artifact'
run valise export lab/tool:1 -o none/t.tar; exits 22
run valise --store none export lab -o t.tar; exits 2; complains 'there is no store at'
run valise --json export lab/tool:1 -o j.tar; exits 0
check "--json" jq -e '.type == "result" and .format == "oci-archive" and (.images | length) == 2 and .bytes > 0' "$T/out"

# a damaged blob ends it, and leaves nothing behind
damage() { chmod u+w "$VALISE_STORE/blobs/sha256/$1"; cp "$VALISE_STORE/blobs/sha256/$1" "$T/good"; printf XXXX | dd of="$VALISE_STORE/blobs/sha256/$1" bs=1 seek="$2" conv=notrunc 2>/dev/null; }
mend() { cp "$T/good" "$VALISE_STORE/blobs/sha256/$1"; }
layer() { skopeo inspect --raw "oci-archive:$1" | jq -r '.layers[-1].digest' | cut -d: -f2; }
before=$(ls -A)
big=$(layer app-plain.tar); damage "$big" 3000001
for f in docker-archive oci-archive; do
	run valise export lab/app:1 -F $f -o bad; exits 24; complains "E2401: blob sha256:$big is damaged"; says_nothing
	run valise export lab/app:1 -F $f -o -; exits 24
	check "what came through the pipe is no whole archive" sh -c "! tar tf '$T/out' >/dev/null 2>&1"
done
mend "$big"
z=$(layer zstd-oci.tar); damage "$z" 9000
run valise export zstd:1 -F docker-archive -o bad; exits 24; complains "E2401: .*zstd:1: blob sha256:$z is damaged"
mend "$z"
one=$(sha256sum <docs/one | cut -d' ' -f1); damage "$one" 0
run valise export docs -o bad; exits 24; complains "one: blob sha256:$one is damaged"
mend "$one"
same "$(ls -A)" "$before" "nothing is left behind"
t_done
