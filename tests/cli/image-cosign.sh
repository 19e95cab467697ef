#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The real cosign signs; valise believes only the key that it was given; behind the gap the real cosign verifies what was
# published. Skipped where there is no cosign.
. "${srcdir:-.}/tests/lib/cli.sh"
. "$SRC/tests/lib/images.sh"
. "$SRC/tests/lib/clients.sh"
COSIGN=$(find_client cosign)
[ -n "$COSIGN" ] || skip_all "there is no cosign"
need docker-registry skopeo umoci openssl jq
export COSIGN_PASSWORD=
images_build "$T/images"
start_registry; R=127.0.0.1:$REGISTRY_PORT
images_push "$R" lab
cosign() { timeout 60 "$COSIGN" "$@" >"$T/cosign.out" 2>&1 </dev/null || bail "cosign $*: $(tail -n 3 "$T/cosign.out")"; }
for k in good evil; do cosign generate-key-pair --output-key-prefix "$T/$k"; done
# sign KEY NAME [OPTION]: by digest, into the registry
sign() { cosign sign -y --tlog-upload=false --key "$T/$1.key" ${3:+"$3"} "$R/lab/${2%:*}@$(images_digest "$2")"; }
# list NAMES KEY [MORE]
list() {
	printf 'channel: prod\nitems:\n  - name: images\n    type: image\n    images: [%s]\n    cosign-key: %s\n%s' \
		"$(for n in $1; do printf '%s/lab/%s, ' "$R" "$n"; done)" "$2" "${3:-}" >"$T/valise.yaml"
}
fetch() { run valise fetch -f "$T/valise.yaml" --store "$T/connected"; }

# ---- one key, one image ----
sign good tool:1
list tool:1 good.pub; fetch; exits 0
list tool:1 evil.pub; fetch; exits 32
complains "E3204.*item images: $R/lab/tool:1: .*image $(images_digest tool:1) is not signed by this key"
complains "If the signer changed the key, get the new one from a source that you trust"
sign evil tool:1
list tool:1 evil.pub; fetch; exits 0
list tool:1 good.pub; fetch; exits 0
list docker:1 good.pub; fetch; exits 32; complains "E3204.*$R/lab/docker:1"

# ---- other kinds of keys ----
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072 -out "$T/rsa.pem" 2>/dev/null
openssl genpkey -algorithm ED25519 -out "$T/ed.pem"
for k in rsa ed; do
	cosign import-key-pair -y --key "$T/$k.pem" --output-key-prefix "$T/$k"
	list docker:1 $k.pub; fetch; exits 32
	sign $k docker:1
	list docker:1 $k.pub; fetch; exits 0
done

# ---- as cosign 3 signs: a bundle, attached as a referrer. An older cosign makes the bundle, too ----
# attach KEY NAME PREDICATE-TYPE: the bundle of the manifest's bytes, and a manifest around it
attach() {
	images_raw "$R/lab/$2" >"$T/manifest"; echo '{}' >"$T/predicate"
	cosign attest-blob -y --tlog-upload=false --key "$T/$1.key" --new-bundle-format --bundle "$T/bundle.json" \
		--predicate "$T/predicate" --type "$3" "$T/manifest"
	python3 - "$R" "lab/${2%:*}" "$T/manifest" "$T/bundle.json" <<'PY' || bail "the bundle cannot be pushed"
import hashlib, json, sys, urllib.request
host, repository, manifest, bundle = sys.argv[1], sys.argv[2], open(sys.argv[3], "rb").read(), open(sys.argv[4], "rb").read()
MANIFEST, BUNDLE = "application/vnd.oci.image.manifest.v1+json", "application/vnd.dev.sigstore.bundle.v0.3+json"
digest = lambda b: "sha256:" + hashlib.sha256(b).hexdigest()
def ask(method, url, data=None, kind="application/octet-stream"):
    url = url if url.startswith("http") else "http://%s/v2/%s/%s" % (host, repository, url)
    return urllib.request.urlopen(urllib.request.Request(url, data, {"Content-Type": kind}, method=method))
def put(blob):
    where = ask("POST", "blobs/uploads/", b"").headers["Location"]
    ask("PUT", where + ("&" if "?" in where else "?") + "digest=" + digest(blob), blob)
put(bundle); put(b"{}")
attached = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": BUNDLE,
    "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest(b"{}"), "size": 2},
    "layers": [{"mediaType": BUNDLE, "digest": digest(bundle), "size": len(bundle)}],
    "subject": {"mediaType": json.loads(manifest).get("mediaType", MANIFEST), "digest": digest(manifest), "size": len(manifest)}}).encode()
ask("PUT", "manifests/" + digest(attached), attached, MANIFEST)
listed = json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
    "manifests": [{"mediaType": MANIFEST, "digest": digest(attached), "size": len(attached), "artifactType": BUNDLE}]}).encode()
ask("PUT", "manifests/" + digest(manifest).replace(":", "-"), listed, "application/vnd.oci.image.index.v1+json")
PY
}
attach good artifact:1 https://sigstore.dev/cosign/sign/v1
list artifact:1 good.pub; fetch; exits 0
list artifact:1 evil.pub; fetch; exits 32; complains "E3204.*$R/lab/artifact:1.*is not signed by this key"
attach good artifact:1 https://slsa.dev/provenance/v1
list artifact:1 good.pub; rm -rf "$T/connected"; fetch; exits 32; complains "E3204.*is not a signature of a container image"

# ---- keys that are none ----
list tool:1 good.key; fetch; exits 2
complains "E0204.*good.key holds a private key, not a public key"; complains "Keep it to yourself"
list tool:1 good.pub "    referrers: false
"; fetch; exits 2; complains "E0202.*referrers: false"

# ---- the signature of one image beside another: whoever can write to the registry can do that ----
sig() { echo "sha256-$(images_digest "$1" | cut -d: -f2).sig"; }
skopeo copy --quiet --src-tls-verify=false --dest-tls-verify=false "docker://$R/lab/tool:$(sig tool:1)" \
	"docker://$R/lab/zstd:$(sig zstd:1)" || bail "skopeo cannot copy the signature"
list zstd:1 good.pub; fetch; exits 32
complains "E3204.*for another image: $(images_digest tool:1), not $(images_digest zstd:1)"; complains "Do not use the image"

# ---- over the gap: an index with all its platforms, and one platform of an index that was signed with what is in it ----
sign good multi:1 --recursive
list "multi:1 tool:1" good.pub "    platforms: [all]
"
run valise keygen -o "$T/k" --no-password; exits 0
run valise trust add "$T/k.pub"; exits 0
run valise pack -f "$T/valise.yaml" -k "$T/k.key" -o "$T/bundle" --store "$T/connected"; exits 0
run valise unpack "$T/bundle"; exits 0
free_port; P=127.0.0.1:$PORT; mkdir "$T/registry-2"
cat >"$T/registry-2.yml" <<CONF
version: 0.1
storage: { filesystem: { rootdirectory: $T/registry-2 } }
http: { addr: "$P" }
CONF
t_daemon docker-registry serve "$T/registry-2.yml"; wait_port "$PORT"
run valise publish "$P/isolated"; exits 0
for n in multi:1 tool:1; do
	run timeout 60 "$COSIGN" verify --key "$T/good.pub" --insecure-ignore-tlog=true "$P/isolated/lab/$n"; exits 0
	says "\"docker-manifest-digest\":\"$(images_digest "$n")\""
done
run timeout 60 "$COSIGN" verify --key "$T/evil.pub" --insecure-ignore-tlog=true "$P/isolated/lab/multi:1"; exits 12
arm=$(images_raw "$P/isolated/lab/multi:1" | jq -r '.manifests[] | select(.platform.architecture == "arm64") | .digest')
run timeout 60 "$COSIGN" verify --key "$T/good.pub" --insecure-ignore-tlog=true "$P/isolated/lab/multi@$arm"; exits 0
list "multi:1" good.pub "    platforms: [linux/arm64]
"; fetch; exits 0
t_done
