# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# tests/lib/made.sh: images that no tool would make, written into the files of faultd's mini registry. Wants faults.sh, a
# faultd called A with its images below lab/. The program reads documents of the registry at "$T/A".

# make NAME:TAG: python on stdin makes documents with blob(), manifest(), index() and names them with tag()
make() {
	mkdir -p "$T/A/lab/${1%:*}/manifests"
	{ cat <<'PY'
import base64, hashlib, json, subprocess, sys
top, name = sys.argv[1:3]
INDEX, MANIFEST = "application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json"
CONFIG, LAYER = "application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar"
COSIGN = "application/vnd.dev.cosign.simplesigning.v1+json"
AMD = {"os": "linux", "architecture": "amd64"}
ARM = {"os": "linux", "architecture": "arm64"}
def blob(data, kind, keep=True, **more):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    d = hashlib.sha256(data).hexdigest()
    if keep:
        open("%s/blobs/sha256/%s" % (top, d), "wb").write(data)
    return {"mediaType": kind, "digest": "sha256:" + d, "size": len(data), **more}
def manifest(layers, **more):
    return blob({"schemaVersion": 2, "mediaType": MANIFEST, "layers": layers,
                 "config": blob({"os": "linux", "architecture": "amd64"}, CONFIG), **more}, MANIFEST)
def index(children, **more):
    return blob({"schemaVersion": 2, "mediaType": INDEX, "manifests": children, **more}, INDEX)
def tag(d, of=None):
    repo, _, t = (of or name).rpartition(":")
    data = open("%s/blobs/sha256/%s" % (top, d["digest"][7:]), "rb").read()
    open("%s/lab/%s/manifests/%s" % (top, repo, t), "wb").write(data)
# What is called after d: its referrers, or with ".sig" its signature.
def about(d, suffix=""):
    return name.rpartition(":")[0] + ":" + d["digest"].replace(":", "-") + suffix
# A layer as cosign makes it, by the key in key.pem.
def signature(d):
    text = json.dumps({"critical": {"identity": {"docker-reference": ""}, "image": {"docker-manifest-digest": d["digest"]},
                                    "type": "cosign container image signature"}, "optional": None}).encode()
    made = subprocess.run(["openssl", "dgst", "-sha256", "-sign", top + "/../key.pem"], input=text, stdout=subprocess.PIPE, check=True)
    return blob(text, COSIGN, annotations={"dev.cosignproject.cosign/signature": base64.b64encode(made.stdout).decode()})
PY
	cat; } | python3 - "$T/A" "$1" || bail "make $1"
}
