#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# trivy-db from a real registry, in upstream's exact shape.
. "${srcdir:-.}/tests/lib/cli.sh"
need docker-registry skopeo python3 jq

# artifact LAYOUT TAG ARTIFACT_TYPE LAYER_TYPE TITLE DIR FILE...: an OCI layout with one artifact of one tar.gz; $T/digest
artifact() {
	a_l=$1 a_tag=$2 a_at=$3 a_mt=$4 a_title=$5 a_dir=$6; shift 6
	rm -rf "$a_l"; mkdir -p "$a_l/blobs/sha256"
	tar -C "$a_dir" --sort=name --owner=0 --group=0 --mtime=@0 -cf - "$@" | gzip -n >"$a_l/tmp"; a_put; a_lh=$A_H a_ls=$A_S
	printf '{}' >"$a_l/tmp"; a_put; a_ch=$A_H
	printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"%s","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:%s","size":2,"data":"e30="},"layers":[{"mediaType":"%s","digest":"sha256:%s","size":%s,"annotations":{"org.opencontainers.image.title":"%s"}}],"annotations":{"org.opencontainers.image.created":"2026-01-01T00:00:00Z"}}' \
		"$a_at" "$a_ch" "$a_mt" "$a_lh" "$a_ls" "$a_title" >"$a_l/tmp"; a_put; echo "sha256:$A_H" >"$T/digest"; echo "$a_lh" >"$T/layer"
	printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"%s"}}]}' \
		"$A_H" "$A_S" "$a_tag" >"$a_l/index.json"
	printf '{"imageLayoutVersion":"1.0.0"}' >"$a_l/oci-layout"
}
a_put() { A_H=$(sha256sum <"$a_l/tmp" | cut -d' ' -f1); A_S=$(wc -c <"$a_l/tmp"); mv "$a_l/tmp" "$a_l/blobs/sha256/$A_H"; }
push() { skopeo copy -q --dest-tls-verify=false "oci:$1:2" "docker://127.0.0.1:$REGISTRY_PORT/$2" >>"$T/skopeo.log" 2>&1 || bail "skopeo cannot push"; }
requests() { grep -c "\"$1 /v2/[^\"]*$2" "$T/daemon.log"; }

CT=application/vnd.aquasec.trivy.config.v1+json
LT=application/vnd.aquasec.trivy.db.layer.v1.tar+gzip
start_registry
mkdir "$T/db"
python3 -c 'import sys; sys.stdout.buffer.write(b"".join(b"%08d advisory\n" % (i // 7) for i in range(30000)))' >"$T/db/trivy.db"
printf '{"Version":2,"NextUpdate":"2026-11-21T06:00:00.5Z","UpdatedAt":"2026-11-20T06:00:00.123456789Z","DownloadedAt":"0001-01-01T00:00:00Z"}' >"$T/db/metadata.json"
artifact "$T/L" 2 $CT $LT db.tar.gz "$T/db" trivy.db metadata.json; first=$(cat "$T/digest")
push "$T/L" aquasec/trivy-db:2

list() { printf 'channel: prod\nitems:\n  - name: trivy-db\n    type: trivy-db\n    references: [%s]\n%s' "$1" "${2:-}" >"$T/valise.yaml"; }
list "127.0.0.1:$REGISTRY_PORT/aquasec/trivy-db:2"

run valise fetch -f "$T/valise.yaml"; exits 0
item=$(skopeo inspect --raw "oci:$VALISE_STORE:prod/trivy-db"); [ -n "$item" ] || bail "skopeo cannot read the store"
same "$(echo "$item" | jq -r .artifactType)" $CT "the artifact type is upstream's"
same "$(echo "$item" | jq -r '.layers[0].mediaType')" $LT "the layer's type is upstream's"
same "$(echo "$item" | jq -r '.layers[0].annotations["org.opencontainers.image.title"]')" db.tar.gz "the title is upstream's"
same "$(echo "$item" | jq -r '.annotations["org.opencontainers.image.created"]')" 2026-01-01T00:00:00Z "annotations are upstream's"
layer=$(echo "$item" | jq -r '.layers[0].digest' | cut -d: -f2)
check "the layer is a gzip of the same tar" sh -c 'gzip -dc "$1" | cmp - "$2"' x "$VALISE_STORE/blobs/sha256/$layer" \
	"$(gzip -dc "$T/L/blobs/sha256/$(cat "$T/layer")" >"$T/tar"; echo "$T/tar")"
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
artifact "$T/L" 2 $CT $LT db.tar.gz "$T/db" trivy.db metadata.json
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
artifact "$T/L" 2 application/vnd.example+json $LT db.tar.gz "$T/db" trivy.db metadata.json; refuse type "no Trivy database"
artifact "$T/L" 2 $CT application/vnd.example.tar+gzip db.tar.gz "$T/db" trivy.db metadata.json; refuse layer "its layer is"
artifact "$T/L" 2 $CT $LT db.tgz "$T/db" trivy.db metadata.json; refuse title "ends in .tar.gz"
artifact "$T/L" 2 $CT $LT db.tar.gz "$T/db" trivy.db; refuse metadata "no member metadata.json"
artifact "$T/L" 2 $CT $LT db.tar.gz "$T/db" metadata.json; refuse nodb "no member trivy.db"
: >"$T/db/trivy.db"
artifact "$T/L" 2 $CT $LT db.tar.gz "$T/db" trivy.db metadata.json; refuse empty "is empty"
echo x >"$T/db/trivy.db"; sed -i 's/"Version":2/"Version":3/' "$T/db/metadata.json"
artifact "$T/L" 2 $CT $LT db.tar.gz "$T/db" trivy.db metadata.json; refuse schema "version 3"
list "127.0.0.1:$REGISTRY_PORT/no/such:2"
run valise fetch -f "$T/valise.yaml"; exits 31

t_done
