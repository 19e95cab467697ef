# SPDX-License-Identifier: Apache-2.0
# tests/lib/oci.sh: artifacts in the exact shape in which upstream publishes them, as an OCI layout for skopeo.
# oci_artifact LAYOUT TAG ARTIFACT-TYPE LAYER-MEDIA-TYPE TITLE FILE: prints the manifest's digest
oci_artifact() {
	o_b=$1/blobs/sha256; mkdir -p "$o_b"
	oci_blob() { o_h=$(sha256sum <"$1" | cut -d' ' -f1); o_s=$(wc -c <"$1"); cp "$1" "$o_b/$o_h"; chmod u+w "$o_b/$o_h"; }
	oci_blob "$6"; o_layer=$o_h o_layer_size=$o_s
	printf '{}' >"$1/empty"; oci_blob "$1/empty"; o_empty=$o_h; rm "$1/empty"
	cat >"$1/m" <<JSON
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"$3",
"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:$o_empty","size":2,"data":"e30="},
"layers":[{"mediaType":"$4","digest":"sha256:$o_layer","size":$o_layer_size,"annotations":{"org.opencontainers.image.title":"$5"}}],
"annotations":{"org.opencontainers.image.created":"2026-11-20T06:12:00Z"}}
JSON
	oci_blob "$1/m"; rm "$1/m"
	cat >"$1/index.json" <<JSON
{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json",
"digest":"sha256:$o_h","size":$o_s,"annotations":{"org.opencontainers.image.ref.name":"$2"}}]}
JSON
	printf '{"imageLayoutVersion":"1.0.0"}' >"$1/oci-layout"
	echo "sha256:$o_h"
}
# push_trivy_db FILE: as aquasec/trivy-db:2 to the registry on $REGISTRY_PORT
push_trivy_db() {
	rm -rf "$T/oci-trivy"
	oci_artifact "$T/oci-trivy" 2 application/vnd.aquasec.trivy.config.v1+json \
		application/vnd.aquasec.trivy.db.layer.v1.tar+gzip db.tar.gz "$1" >/dev/null
	skopeo copy --quiet --dest-tls-verify=false "oci:$T/oci-trivy:2" "docker://127.0.0.1:$REGISTRY_PORT/aquasec/trivy-db:2"
}
