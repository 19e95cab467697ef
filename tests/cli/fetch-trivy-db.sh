#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# trivy-db from a real registry, in upstream's exact shape.
. "${srcdir:-.}/tests/lib/cli.sh"
. "$SRC/tests/lib/oci.sh"
need docker-registry skopeo python3 jq

# artifact LAYOUT ARTIFACT_TYPE LAYER_TYPE TITLE FILE...: one tar.gz of files of $T/db; manifest's digest in $T/digest
artifact() {
	a_l=$1 a_at=$2 a_mt=$3 a_title=$4; shift 4
	rm -rf "$a_l"; mkdir -p "$a_l"
	tar -C "$T/db" --sort=name --owner=0 --group=0 --mtime=@0 -cf "$T/tar" "$@"; gzip -nc "$T/tar" >"$T/db.tar.gz"
	oci_artifact "$a_l" 2 "$a_at" "$a_mt" "$a_title" "$T/db.tar.gz" >"$T/digest"
}
push() { skopeo copy -q --dest-tls-verify=false "oci:$1:2" "docker://127.0.0.1:$REGISTRY_PORT/$2" >>"$T/skopeo.log" 2>&1 || bail "skopeo cannot push"; }
requests() { grep -c "\"$1 /v2/[^\"]*$2" "$T/daemon.log"; }

CT=application/vnd.aquasec.trivy.config.v1+json
LT=application/vnd.aquasec.trivy.db.layer.v1.tar+gzip
start_registry
mkdir "$T/db"
python3 -c 'import sys; sys.stdout.buffer.write(b"".join(b"%08d advisory\n" % (i // 7) for i in range(30000)))' >"$T/db/trivy.db"
printf '{"Version":2,"NextUpdate":"2026-11-21T06:00:00.5Z","UpdatedAt":"2026-11-20T06:00:00.123456789Z","DownloadedAt":"0001-01-01T00:00:00Z"}' >"$T/db/metadata.json"
artifact "$T/L" $CT $LT db.tar.gz trivy.db metadata.json; first=$(cat "$T/digest")
push "$T/L" aquasec/trivy-db:2

list() { printf 'channel: prod\nitems:\n  - name: trivy-db\n    type: trivy-db\n    references: [%s]\n%s' "$1" "${2:-}" >"$T/valise.yaml"; }
list "127.0.0.1:$REGISTRY_PORT/aquasec/trivy-db:2"

run valise fetch -f "$T/valise.yaml"; exits 0
item=$(skopeo inspect --raw "oci:$VALISE_STORE:prod/trivy-db"); [ -n "$item" ] || bail "skopeo cannot read the store"
same "$(echo "$item" | jq -r .artifactType)" $CT "the artifact type is upstream's"
same "$(echo "$item" | jq -r '.layers[0].mediaType')" $LT "the layer's type is upstream's"
same "$(echo "$item" | jq -r '.layers[0].annotations["org.opencontainers.image.title"]')" db.tar.gz "the title is upstream's"
same "$(echo "$item" | jq -r '.annotations["org.opencontainers.image.created"]')" 2026-11-20T06:12:00Z "annotations are upstream's"
layer=$(echo "$item" | jq -r '.layers[0].digest' | cut -d: -f2)
check "the layer is a gzip of the same tar" sh -c 'gzip -dc "$1" | cmp - "$2"' x "$VALISE_STORE/blobs/sha256/$layer" "$T/tar"
check "with stored blocks" test "$(wc -c <"$VALISE_STORE/blobs/sha256/$layer")" -gt "$(wc -c <"$T/tar")"
desc=$(jq -c '.manifests[] | select(.annotations["valise.item"] == "trivy-db") | .annotations' "$VALISE_STORE/index.json")
same "$(echo "$desc" | jq -r '.["valise.upstream.digest"]')" "$first" "upstream's manifest digest is recorded"
same "$(echo "$desc" | jq -r '.["valise.updated"]')" 2026-11-20T06:00:00Z "UpdatedAt is recorded"
same "$(echo "$desc" | jq -r '.["valise.next-update"]')" 2026-11-21T06:00:00Z "NextUpdate is recorded"
same "$(echo "$desc" | jq -r '.["valise.source"]')" "127.0.0.1:$REGISTRY_PORT/aquasec/trivy-db:2" "the reference is recorded"
check "no partial file stays" sh -c '! ls "$VALISE_STORE"/fetch/*.part'

# Nothing new: one manifest request, no blob.
before=$(tree_of "$VALISE_STORE/generations"); m=$(requests GET manifests/2); b=$(requests GET blobs/)
run valise fetch -f "$T/valise.yaml"; exits 0
same "$(requests GET manifests/2)" $((m + 1)) "one manifest request"
same "$(requests GET blobs/)" "$b" "no blob request"
same "$(tree_of "$VALISE_STORE/generations")" "$before" "no new generation"

# A new database.
echo more >>"$T/db/trivy.db"
artifact "$T/L" $CT $LT db.tar.gz trivy.db metadata.json
push "$T/L" aquasec/trivy-db:2
run valise fetch -f "$T/valise.yaml"; exits 0
new=$(skopeo inspect --raw "oci:$VALISE_STORE:prod/trivy-db" | jq -r '.layers[0].digest')
check "the layer is new" test "$new" != "sha256:$layer"

# By digest, and byte for byte.
exact=$(cat "$T/digest")
list "127.0.0.1:$REGISTRY_PORT/aquasec/trivy-db@$exact" "    exact: true
"
run valise fetch -f "$T/valise.yaml"; exits 0
same "sha256:$(skopeo inspect --raw "oci:$VALISE_STORE:prod/trivy-db" | sha256sum | cut -d' ' -f1)" "$exact" "exact: the manifest is upstream's"

# The first registry is down, the second has it; then a mirror of valise.conf comes first.
free_port; down=$PORT
list "127.0.0.1:$down/aquasec/trivy-db:2, 127.0.0.1:$REGISTRY_PORT/aquasec/trivy-db:2"
printf 'retries: 1\n' >"$VALISE_CONFIG"
run valise fetch -f "$T/valise.yaml"; exits 0
complains "trying the next registry"
list "registry.invalid/aquasec/trivy-db"
printf 'retries: 1\nmirrors:\n  - prefix: registry.invalid/aquasec\n    use: [127.0.0.1:%s/aquasec]\n    only: true\n' "$REGISTRY_PORT" >"$VALISE_CONFIG"
run valise fetch -f "$T/valise.yaml"; exits 0
: >"$VALISE_CONFIG"

# What is not a database is refused, and the store stays as it is.
before=$(tree_of "$VALISE_STORE/generations")
refuse() {
	push "$T/L" "wrong/$1:2"; list "127.0.0.1:$REGISTRY_PORT/wrong/$1:2"
	run valise fetch -f "$T/valise.yaml"; exits 32; complains "$2"
	same "$(tree_of "$VALISE_STORE/generations")" "$before" "$1: the generation stays"
}
artifact "$T/L" application/vnd.example+json $LT db.tar.gz trivy.db metadata.json; refuse type "no Trivy database"
artifact "$T/L" $CT application/vnd.example.tar+gzip db.tar.gz trivy.db metadata.json; refuse layer "its layer is"
artifact "$T/L" $CT $LT db.tgz trivy.db metadata.json; refuse title "ends in .tar.gz"
artifact "$T/L" $CT $LT db.tar.gz trivy.db; refuse metadata "no member metadata.json"
artifact "$T/L" $CT $LT db.tar.gz metadata.json; refuse nodb "no member trivy.db"
: >"$T/db/trivy.db"
artifact "$T/L" $CT $LT db.tar.gz trivy.db metadata.json; refuse empty "is empty"
echo x >"$T/db/trivy.db"; sed -i 's/"Version":2/"Version":3/' "$T/db/metadata.json"
artifact "$T/L" $CT $LT db.tar.gz trivy.db metadata.json; refuse schema "version 3"
list "127.0.0.1:$REGISTRY_PORT/no/such:2"
run valise fetch -f "$T/valise.yaml"; exits 31

t_done
