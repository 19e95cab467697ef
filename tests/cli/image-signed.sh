#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Images that the real cosign signed: an index, the manifests in it, an attestation, a signature as OCI referrer.
. "${srcdir:-.}/tests/lib/cli.sh"
. "$SRC/tests/lib/images.sh"
. "$SRC/tests/lib/clients.sh"
need docker-registry skopeo umoci openssl python3 jq zstd
COSIGN=$(find_client cosign); [ -n "$COSIGN" ] || skip_all "cosign is not installed"

start_registry; R=127.0.0.1:$REGISTRY_PORT
images_build "$T/i"; images_push "$R" lab
cosign() { (cd "$T" && COSIGN_PASSWORD='' "$COSIGN" "$@") >>"$T/cosign.log" 2>&1; }
sign() { s_n=$1; shift; cosign sign --yes --key cosign.key --tlog-upload=false --allow-http-registry "$@" "$R/lab/${s_n%:1}@$(images_digest "$s_n")" || bail "cosign sign"; }
list() { printf 'channel: prod\nitems:\n  - name: images\n    type: image\n    cosign-key: cosign.pub\n    images: [%s]\n%s' "$R/lab/$1" "${2:-}" >"$T/valise.yaml"; }
fetch() { run valise fetch -f "$T/valise.yaml"; }
names() { n_d=$(jq -r '.manifests[] | select(.annotations["valise.item"] == "images") | .digest' "$VALISE_STORE/index.json"); jq -r '.manifests[].annotations["valise.image"]' "$VALISE_STORE/blobs/sha256/${n_d#sha256:}" | sed "s|$R/lab/||g"; }
cosign generate-key-pair || bail "cosign generate-key-pair"

# The index is signed, one manifest of it is carried.
list multi:1; fetch; exits 32; complains "E3204.*multi:1.*no signature"
sign multi:1
printf '{}' >"$T/predicate.json"
cosign attest --yes --key cosign.key --tlog-upload=false --allow-http-registry --predicate predicate.json --type custom \
	"$R/lab/multi@$(images_digest multi:1)" || bail "cosign attest"
fetch; exits 0
same "$(names)" "multi:1
multi:sha256-$(images_digest multi:1 | cut -d: -f2).att
multi:sha256-$(images_digest multi:1 | cut -d: -f2).sig" "signature and attestation of the index came along"

# The manifests are signed, the index is not: enough as far as they are carried.
sign tool:1
skopeo copy -q --src-tls-verify=false --dest-tls-verify=false --all --preserve-digests "docker://$R/lab/multi:1" "docker://$R/lab/tool:multi" || bail skopeo
list tool:multi; fetch; exits 0; check "the manifest's signature came along" sh -c "echo '$(names)' | grep -q 'tool:sha256-$(images_digest tool:1 | cut -d: -f2).sig'"
list tool:multi "    platforms: [all]
"; fetch; exits 32; complains "E3204.*tool:multi"

# As OCI 1.1 wants it: no tag, but a referrer.
COSIGN_EXPERIMENTAL=1; export COSIGN_EXPERIMENTAL
sign docker:1 --registry-referrers-mode=oci-1-1
list docker:1; fetch; exits 0; same "$(names | grep -c 'docker@sha256:')" 1 "the signature is a referrer"

# Another key.
cp "$T/i/cosign.pub" "$T/cosign.pub"; fetch; exits 32; complains "E3204.*docker:1.*not signed by this key"

t_done
