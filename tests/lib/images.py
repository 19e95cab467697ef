#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# images.py build DIR: what umoci does not make, into the layout DIR/oci, with a line "NAME DIGEST" each in DIR/names.
# images.py push DIR HOST:PORT PREFIX USER:PASSWORD|'': what skopeo does not push, byte for byte, as PREFIX/NAME.
# tests/lib/images.sh says which images these are.
import base64, gzip, hashlib, http.client, json, subprocess, sys

OCI = "application/vnd.oci.image."
INDEX, MANIFEST, CONFIG, LAYER = OCI + "index.v1+json", OCI + "manifest.v1+json", OCI + "config.v1+json", OCI + "layer.v1.tar"
DOCKER = "application/vnd.docker."
EMPTY = "application/vnd.oci.empty.v1+json"
TITLE, REF = "org.opencontainers.image.title", "org.opencontainers.image.ref.name"
CREATED = "2026-11-01T00:00:00Z"


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Layout:
    def __init__(self, path):
        self.path = path + "/oci"
        self.index = json.load(open(self.path + "/index.json"))

    def file(self, digest):
        return self.path + "/blobs/sha256/" + digest.removeprefix("sha256:")

    def get(self, digest):
        return open(self.file(digest), "rb").read()

    def put(self, data, media_type, **more):
        if not isinstance(data, bytes):
            data = json.dumps(data, indent=1).encode()
        open(self.file(sha(data)), "wb").write(data)
        return {"mediaType": media_type, "digest": sha(data), "size": len(data), **more}

    def find(self, name):
        for d in self.index["manifests"]:
            if d.get("annotations", {}).get(REF) == name:
                return {k: v for k, v in d.items() if k != "annotations"}
        raise SystemExit("no " + name)

    def manifest(self, name):
        return json.loads(self.get(self.find(name)["digest"]))

    def name(self, name, d):
        self.index["manifests"].append({**d, "annotations": {REF: name}})

    def save(self):
        json.dump(self.index, open(self.path + "/index.json", "w"))


def zstd_of(layout, layer):
    raw = gzip.decompress(layout.get(layer["digest"]))
    return layout.put(subprocess.run(["zstd", "-q", "-c", "-3"], input=raw, stdout=subprocess.PIPE, check=True).stdout,
                      LAYER + "+zstd")


def index(manifests, **more):
    return {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests, **more}


def platform(layout, name, architecture, **more):
    d = layout.find(name)
    d.setdefault("mediaType", MANIFEST)
    return {**d, "platform": {"os": "linux", "architecture": architecture, **more}}


def with_variant(layout, name, variant):
    """umoci cannot say it, and a config that differs from the index is refused by crane."""
    m = layout.manifest(name)
    m["config"] = layout.put({**json.loads(layout.get(m["config"]["digest"])), "variant": variant}, CONFIG)
    made = layout.put(m, MANIFEST)
    for d in layout.index["manifests"]:
        if d["annotations"][REF] == name:
            d.update(made)


def attestation(layout, subject):
    """A manifest as BuildKit puts beside an image: an image of no platform whose layer is a statement."""
    statement = layout.put({"_type": "https://in-toto.io/Statement/v0.1", "predicateType": "https://slsa.dev/provenance/v0.2",
                            "subject": [{"name": "app", "digest": {"sha256": subject["digest"][7:]}}]},
                           "application/vnd.in-toto+json", annotations={"in-toto.io/predicate-type": "https://slsa.dev/provenance/v0.2"})
    config = layout.put({"architecture": "unknown", "os": "unknown", "config": {},
                         "rootfs": {"type": "layers", "diff_ids": [statement["digest"]]}}, CONFIG)
    return layout.put({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [statement]}, MANIFEST,
                      annotations={"vnd.docker.reference.digest": subject["digest"],
                                   "vnd.docker.reference.type": "attestation-manifest"},
                      platform={"architecture": "unknown", "os": "unknown"})


def docker_image(layout, name):
    m = layout.manifest(name)
    config = {**m["config"], "mediaType": DOCKER + "container.image.v1+json"}
    layers = [{**l, "mediaType": DOCKER + "image.rootfs.diff.tar.gzip"} for l in m["layers"]]
    kind = DOCKER + "distribution.manifest.v2+json"
    return layout.put({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": layers}, kind)


def artifact(layout):
    empty = layout.put(b"{}", EMPTY)
    files = [("rules/a.yml", b"rule: a\n"), ("README.txt", b"An artifact of two files.\n")]
    layers = [layout.put(data, "text/plain", annotations={TITLE: title}) for title, data in files]
    return layout.put({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "application/vnd.example.rules.v1", "config": empty,
                       "layers": layers, "annotations": {"org.opencontainers.image.created": CREATED}}, MANIFEST)


def signature(layout, subject, key):
    """The tag that cosign sign makes: the payload is a layer, its signature an annotation of that layer."""
    payload = json.dumps({"critical": {"identity": {"docker-reference": "registry.example.com/lab/app"},
                                       "image": {"docker-manifest-digest": subject["digest"]},
                                       "type": "cosign container image signature"}, "optional": None}).encode()
    signed = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=payload, stdout=subprocess.PIPE, check=True)
    layer = layout.put(payload, "application/vnd.dev.cosign.simplesigning.v1+json",
                       annotations={"dev.cosignproject.cosign/signature": base64.b64encode(signed.stdout).decode()})
    config = layout.put({"architecture": "", "created": "0001-01-01T00:00:00Z", "os": "", "config": {},
                         "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}, CONFIG)
    return layout.put({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [layer]}, MANIFEST)


def referrer(layout, subject, text):
    """An SBOM with a subject; and the index that stands under the fallback tag."""
    kind = "application/vnd.example.sbom.v1+json"
    notes = {"org.opencontainers.image.created": CREATED}
    layer = layout.put({"bomFormat": "CycloneDX", "about": text}, kind, annotations={TITLE: "sbom.json"})
    d = layout.put({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind, "config": layout.put(b"{}", EMPTY), "layers": [layer],
                    "subject": subject, "annotations": notes}, MANIFEST)
    return layout.put(index([{**d, "artifactType": kind, "annotations": notes}]), INDEX)


def build(path):
    layout = Layout(path)
    with_variant(layout, "arm64", "v8")
    app, tool = layout.find("app"), layout.find("tool")
    m = layout.manifest("tool")
    m["layers"] = [zstd_of(layout, l) for l in m["layers"]]
    made = {"zstd": layout.put(m, MANIFEST)}
    made["multi"] = layout.put(index([platform(layout, "tool", "amd64"), platform(layout, "arm64", "arm64", variant="v8")]), INDEX)
    made["nested"] = layout.put(index([made["multi"], platform(layout, "s390x", "s390x")]), INDEX)
    made["buildkit"] = layout.put(index([platform(layout, "app", "amd64"), attestation(layout, app)]), INDEX)
    made["docker"] = docker_image(layout, "app")
    made["artifact"] = artifact(layout)
    hexes = {"app": app["digest"][7:], "tool": tool["digest"][7:]}
    made["app/sha256-%s.sig" % hexes["app"]] = signature(layout, app, path + "/cosign.key")
    made["app/sha256-" + hexes["app"]] = referrer(layout, app, "app")
    made["tool/sha256-" + hexes["tool"]] = referrer(layout, tool, "tool")
    for name, d in made.items():
        layout.name(name, d)
    layout.save()
    with open(path + "/names", "w") as out:
        for name, d in {"app": app, "tool": tool, **made}.items():
            repository, _, tag = name.partition("/")
            print("%s:%s %s" % (repository, tag or "1", d["digest"]), file=out)


class Registry:
    def __init__(self, host, login):
        self.conn = http.client.HTTPConnection(host, timeout=20)
        self.auth = {"Authorization": "Basic " + base64.b64encode(login.encode()).decode()} if login else {}

    def ask(self, method, url, body=None, **header):
        self.conn.request(method, url, body, {**self.auth, **{k.replace("_", "-"): v for k, v in header.items()}})
        r = self.conn.getresponse()
        r.read()
        return r

    def blob(self, repository, digest, data):
        if self.ask("HEAD", "/v2/%s/blobs/%s" % (repository, digest)).status == 200:
            return
        where = self.ask("POST", "/v2/%s/blobs/uploads/" % repository).getheader("Location")
        where = where[where.index("/v2/"):]
        url = where + ("&" if "?" in where else "?") + "digest=" + digest
        self.done(self.ask("PUT", url, data, Content_Type="application/octet-stream"), digest)

    def manifest(self, repository, reference, data, media_type):
        r = self.ask("PUT", "/v2/%s/manifests/%s" % (repository, reference), data, Content_Type=media_type)
        self.done(r, repository + ":" + reference)

    @staticmethod
    def done(r, what):
        if r.status not in (201, 202):
            raise SystemExit("%s: status %d" % (what, r.status))


def push_document(layout, registry, repository, reference, d):
    doc = json.loads(layout.get(d["digest"]))
    for child in doc.get("manifests", []):
        push_document(layout, registry, repository, child["digest"], child)
    for blob in [doc["config"], *doc["layers"]] if "layers" in doc else []:
        registry.blob(repository, blob["digest"], layout.get(blob["digest"]))
    registry.manifest(repository, reference, layout.get(d["digest"]), d["mediaType"])


def push(path, host, prefix, login):
    layout, registry = Layout(path), Registry(host, login)
    for d in layout.index["manifests"]:
        name, _, tag = d["annotations"][REF].partition("/")
        if tag or name in ("nested", "buildkit", "docker", "artifact"):
            push_document(layout, registry, prefix + "/" + name, tag or "1", d)


if __name__ == "__main__":
    {"build": build, "push": push}[sys.argv[1]](*sys.argv[2:])
