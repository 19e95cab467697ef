#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# craft.py KEY OUT: bundles by a sender who is trusted and hostile, one directory OUT/<case> each, and on stdout a line
# "case code" each. Code 0: nothing is wrong with it. KEY: a minisign secret key without a password.
import hashlib, io, json, os, struct, subprocess, sys, tarfile, tempfile

MT_INDEX = "application/vnd.oci.image.index.v1+json"
MT_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MT_EMPTY = "application/vnd.oci.empty.v1+json"
TITLE = "org.opencontainers.image.title"


def sha(data):
    return hashlib.sha256(data).hexdigest()


def header(name, size, type=b"0", mode=0o444, link=b"", size_field=None, magic=b"ustar\x0000", sum_add=0,
           prefix=b""):
    """One ustar header, right unless asked otherwise."""
    if isinstance(name, str):
        name = name.encode()
    h = bytearray(512)
    h[0:len(name)] = name
    h[100:108] = b"%07o\0" % mode
    h[108:116] = h[116:124] = b"0000000\0"
    h[124:136] = size_field or b"%011o\0" % size
    h[136:148] = b"00000000000\0"
    h[156:157] = type
    h[157:157 + len(link)] = link
    h[257:265] = magic
    h[329:337] = h[337:345] = b"0000000\0"
    h[345:345 + len(prefix)] = prefix
    h[148:156] = b" " * 8
    h[148:156] = b"%06o\0 " % (sum(h) + sum_add)
    return bytes(h)


def entry(name, data, **more):
    return header(name, len(data), **more) + data + bytes(-len(data) % 512)


def blob(data, **more):
    return entry("blobs/sha256/" + sha(data), data, **more)


END = bytes(1024)


def zstd(raw, *options):
    """A file has a known size, which zstd then writes into the frame."""
    with tempfile.NamedTemporaryFile() as f:
        f.write(raw)
        f.flush()
        command = ["zstd", "-q", "-c", *(options or ("-1",)), f.name]
        return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


def desc(data, media_type):
    return {"mediaType": media_type, "digest": "sha256:" + sha(data), "size": len(data)}


def text(doc):
    return json.dumps(doc, separators=(",", ":"), ensure_ascii=False).encode()


def manifest(layers):
    return text({"schemaVersion": 2, "mediaType": MT_MANIFEST, "config": desc(b"{}", MT_EMPTY), "layers": layers})


def index(children):
    return text({"schemaVersion": 2, "mediaType": MT_INDEX, "manifests": children})


def item(name, doc, type="dir", media_type=MT_MANIFEST, **more):
    d = desc(doc, media_type)
    d["annotations"] = {"valise.item": name, "valise.type": type, "org.opencontainers.image.ref.name": name,
                        "valise.source": "./x", "valise.fetched": "2026-11-21T00:00:00Z"}
    d["annotations"].update({k.replace("__", "."): v for k, v in more.items()})
    return d


def layer(data, title, media_type="application/octet-stream", **more):
    d = desc(data, media_type)
    d["annotations"] = {TITLE: title}
    d["annotations"].update({k.replace("__", "."): v for k, v in more.items()})
    return d


class Bundle:
    """Blobs in order; what a bundle says about them can be changed before write()."""

    def __init__(self):
        self.blobs, self.tars, self.frames, self.waybill, self.totals, self.comment = [], None, None, {}, {}, None
        self.edit = lambda text: text

    def put(self, root, docs=(), content=(), items=1):
        self.root = root
        self.blobs = [root, *docs, *content]
        self.items = items

    def file(self, data=b"hello\n", title="a", **more):
        m = manifest([layer(data, title)])
        self.put(index([item("docs", m, **more)]), [m], [b"{}", data])
        return self

    def write(self, path, key):
        tars = self.tars or [b"".join(blob(b) for b in self.blobs) + END]
        frames = self.frames or [zstd(t) for t in tars]
        os.makedirs(path + "/parcels")
        for i, f in enumerate(frames):
            open("%s/parcels/%06d.tar.zst" % (path, i + 1), "wb").write(f)
        w = {"format": "valise-bundle-1", "channel": "prod", "epoch": 1, "sequence": 1,
             "created": "2026-11-21T00:00:00Z", "expires": "2100-01-01T00:00:00Z", "base": None,
             "root": {"digest": "sha256:" + sha(self.root), "size": len(self.root)},
             "totals": {"items": self.items, "blobs": len(self.blobs), "bytes": sum(map(len, self.blobs))},
             "parcels": [{"kind": "tar.zst", "size": len(f), "sha256": sha(f), "raw": len(tars[i])}
                         for i, f in enumerate(frames)],
             "tool": "craft 1"}
        w["totals"].update(self.totals)
        w.update(self.waybill)
        data = self.edit(text(w) + b"\n")
        name = path + "/waybill.json"
        open(name, "wb").write(data)
        comment = "valise-bundle-v1 channel=%(channel)s epoch=%(epoch)s seq=%(sequence)s sha256=" % w + sha(data)
        subprocess.run(["minisign", "-S", "-s", key, "-m", name, "-t", self.comment or comment],
                       stdout=subprocess.DEVNULL, check=True)


def plain():
    """The bundle that all others are made from: one item of one file."""
    return Bundle().file()


def tar_cases():
    g = plain()
    entries = [blob(b) for b in g.blobs]
    all, last = b"".join(entries), g.blobs[-1]
    before, name = b"".join(entries[:-1]), "blobs/sha256/" + sha(last)

    def piece(offset, data):
        return entry("%s@%016x" % (name, offset), data)
    yield "pieces", 0, before + piece(0, last[:3]) + piece(3, last[3:]) + END
    yield "setuid", 0, before + blob(last, mode=0o6777) + END
    yield "end-missing", 1104, all
    yield "end-half", 1104, all + bytes(512)
    yield "end-behind", 1104, all + END + bytes(512)
    yield "sum", 1104, before + blob(last, sum_add=1) + END
    yield "size-base-256", 1104, before + blob(last, size_field=b"\x80" + bytes(10) + b"\6") + END
    yield "size-octal-max", 1104, before + blob(last, size_field=b"77777777777\0") + END
    yield "gnu-magic", 1104, before + blob(last, magic=b"ustar  \0") + END
    yield "prefix", 1104, before + blob(last, prefix=b"etc") + END
    for kind in b"xgLKS1234567\0":
        yield "type-%02x" % kind, 1104, before + blob(last, type=bytes([kind])) + END
    for case, odd in (("dots", "blobs/sha256/../x"), ("absolute", "/etc/passwd"), ("tail", name + "/x"),
                      ("upper", "blobs/sha256/" + sha(last).upper()), ("short", name[:-1]), ("escape", "\x1b[31m")):
        yield "name-" + case, 1104, before + entry(odd, last) + END
    yield "offset-max", 1601, before + entry(name + "@" + "f" * 16, last) + END
    yield "twice", 1104, all + entries[-1] + END
    yield "overlap", 1104, before + piece(0, last[:4]) + piece(3, last[3:]) + END
    yield "gap", 1104, before + piece(0, last[:3]) + piece(4, last[4:]) + END
    yield "cut", 1106, before + piece(0, last[:3]) + END
    yield "other-bytes", 1106, before + entry(name, b"HELLO\n") + END
    yield "smuggled", 1105, all + blob(b"extra") + END
    yield "one-less", 1105, before + END


def frame_cases():
    tar = b"".join(map(blob, plain().blobs)) + END
    good, size = zstd(tar), struct.pack("<Q", len(tar))
    yield "two-frames", 1104, tar, good + zstd(b"x")
    yield "skippable", 1104, tar, b"\x50\x2a\x4d\x18\4\0\0\0abcd" + good
    yield "no-size", 1104, tar, zstd(tar, "--no-content-size")
    yield "no-check", 1104, tar, zstd(tar, "--no-check")
    yield "cut", 1104, tar, good[:-5]
    yield "behind", 1104, tar, good + b"x"
    yield "window-31", 1601, tar, b"\x28\xb5\x2f\xfd\xc4" + bytes([21 << 3]) + size + good[9:]
    yield "dictionary", 1104, tar, b"\x28\xb5\x2f\xfd\xc5\x40\5" + size + good[9:]
    yield "zeros", 1104, bytes(64 << 20), zstd(bytes(64 << 20))
    yield "bomb", 1104, tar, zstd(bytes(256 << 20))


def waybill_cases():
    epoch, tool = b'"epoch":1', b"craft 1"
    for case, old, new in (
            ("twice", epoch, epoch + b"," + epoch), ("real", epoch, epoch + b".0"), ("1e400", epoch, epoch + b"e400"),
            ("minus", epoch, b'"epoch":-0'), ("2-53", epoch, b'"epoch":9007199254740992'),
            ("zero", epoch, b'"epoch":01'),
            ("bytes", tool, b"\xff"), ("surrogate", tool, b"\\ud800"), ("nul", tool, b"\\u0000"),
            ("control", tool, "\u009b31m".encode()), ("comma", b'"}\n', b'",}\n'), ("behind", b"}\n", b"}\n{}"),
            ("deep", b'"tool"', b'"x-d":' + b"[" * 9 + b"]" * 9 + b',"tool"'),
            ("long", b'"tool"', b'"x-d":"' + b"a" * (1 << 20) + b'","tool"'),
            ("unknown", b'"tool"', b'"toll":1,"tool"'), ("sha512", b'"sha256:', b'"sha512:')):
        b = plain()
        b.edit = lambda text, old=old, new=new: text.replace(old, new)
        yield "json-" + case, 1101, b
    for case, code, key, value in (
            ("x-key", 0, "x-foo", {"a": [1]}), ("channel", 1101, "channel", "../x"),
            ("sequence-0", 1101, "sequence", 0),
            ("epoch-2", 1204, "epoch", 2), ("expired", 1301, "expires", "2026-11-21T00:00:01Z"),
            ("format", 1107, "format", "valise-bundle-2"),
            ("base", 1107, "base", {"sequence": 1, "root": "sha256:" + "0" * 64})):
        b = plain()
        b.waybill = {key: value, **({"sequence": 2} if key == "base" else {})}
        yield case, code, b
    for case, key, value in ("items", "items", 2), ("bytes", "bytes", 1 << 40), ("blobs", "blobs", 1):
        b = plain()
        b.totals = {key: value}
        yield "totals-" + case, 1105, b
    b = plain()
    b.comment = "valise-bundle-v1 channel=prod epoch=1 seq=2 sha256=" + "0" * 64
    yield "comment", 1007, b


def snapshot(layers, content, **more):
    b = Bundle()
    m = manifest(layers)
    b.put(index([item("docs", m, **more)]), [m], [b"{}", *content])
    return b


def nested(depth, fan, type):
    """Few bytes that name each other fan^depth times."""
    doc, kind, docs = manifest([layer(b"x", "Go/all.zip")]), MT_MANIFEST, []
    docs.append(doc)
    for _ in range(depth):
        doc, kind = index([desc(doc, kind)] * fan), MT_INDEX
        docs.insert(0, doc)
    b = Bundle()
    b.put(index([item("docs", doc, type=type, media_type=kind)]), docs, [b"{}", b"x"])
    return b


def numbered(n):
    """n manifests that differ, and the index of them."""
    docs = [manifest([layer(b"x", "f%d" % i)]) for i in range(n)]
    return index([desc(d, MT_MANIFEST) for d in docs]), docs


def shared(items, documents):
    """Items that are the same index of so many documents but one: few bytes, and a walk for each of them."""
    doc, docs = numbered(documents - 1)
    b = Bundle()
    b.put(index([item("i%04d" % i, doc, "image", MT_INDEX) for i in range(items)]), [doc, *docs], [b"{}", b"x"], items)
    return b


def image_in_two_items():
    """An image index below one item's index, below another's, and twice in that one."""
    m = manifest([layer(b"x", "f")])
    image = index([desc(m, MT_MANIFEST)])
    one, two = index([desc(image, MT_INDEX)]), index([desc(image, MT_INDEX), desc(m, MT_MANIFEST), desc(image, MT_INDEX)])
    b = Bundle()
    b.put(index([item("a", one, "image", MT_INDEX), item("b", two, "image", MT_INDEX)]), [one, two, image, m],
          [b"{}", b"x"], 2)
    return b


def two_media_types():
    doc = text({"schemaVersion": 2, "manifests": []})
    lists = [desc(doc, MT_INDEX), desc(doc, "application/vnd.docker.distribution.manifest.list.v2+json")]
    top = index(lists)
    b = Bundle()
    b.put(index([item("docs", top, "image", MT_INDEX)]), [top, doc])
    return b


def content_cases():
    for case, title in (("escape", "a\x1b[31m"), ("line", "a\nb"), ("dots", "../x"), ("absolute", "/etc/x"),
                        ("long", "x" * 10000), ("backslash", "a\\b"), ("none", "")):
        yield "title-" + case, 1105, plain().file(title=title)
    yield "title-right-to-left", 0, plain().file(title="a\u202eb\u009b31m")
    x = layer(b"x", "a")
    yield "title-twice", 1105, snapshot([x, x], [b"x"])
    yield "title-below-file", 1105, snapshot([x, layer(b"y", "a/b")], [b"x", b"y"])
    yield "size-other", 1105, snapshot([dict(x, size=2)], [b"x"])
    yield "size-2-60", 1105, snapshot([dict(x, size=1 << 60)], [b"x"])
    yield "digest-sha512", 1105, snapshot([dict(x, digest="sha512:" + "0" * 128)], [])
    yield "digest-short", 1105, snapshot([dict(x, digest="sha256:" + "0" * 63)], [])
    yield "annotation-long", 1105, snapshot([layer(b"x", "a", note="y" * (1 << 17))], [b"x"])
    yield "type-escape", 0, snapshot([x], [b"x"], type="\x1b[31m\n\u202e", valise__source="\x1b[2J\n")
    yield "not-a-document", 1105, snapshot([x], [b"x"], media_type="text/plain")
    for name in "../x", "\x1b[31m", "":
        b, m = Bundle(), manifest([x])
        b.put(index([item(name, m)]), [m], [b"{}", b"x"])
        yield "item-%d" % len(name), 1105, b
    both = text({"schemaVersion": 2, "manifests": [], "config": desc(b"{}", MT_EMPTY), "layers": []})
    b = Bundle()
    b.put(index([item("docs", both)]), [both], [b"{}"])
    yield "two-documents", 1105, b
    yield "depth", 1601, nested(9, 1, "dir")
    for type in "osv", "dir", "trivy-db", "mystery":
        yield "endless-" + type, 1105 if type == "trivy-db" else 0, nested(6, 200, type)
    yield "share", 0, image_in_two_items()
    yield "two-media-types", 1105, two_media_types()
    yield "documents-4097", 1601, shared(1, 4097)
    yield "documents-16-times", 0, shared(16, 4096)
    yield "documents-17-times", 1601, shared(17, 4096)


def archive(*members):
    f = io.BytesIO()
    with tarfile.open(fileobj=f, mode="w:gz") as t:
        for name, type, link in members:
            m = tarfile.TarInfo(name)
            m.type, m.linkname, m.mode, m.size = type, link, 0o6777, 1 if type == tarfile.REGTYPE else 0
            t.addfile(m, io.BytesIO(b"x"))
    data = f.getvalue()
    return snapshot([layer(data, "r.tar.gz")], [data], type="http", valise__unpack="true")


def archive_cases():
    file = tarfile.REGTYPE
    yield "fine", 0, archive(("a/b", file, ""))
    yield "link", 0, archive(("l", tarfile.SYMTYPE, "/"), ("l/evil", file, ""))
    yield "hard-link", 0, archive(("l", tarfile.LNKTYPE, "/etc/passwd"))
    yield "device", 0, archive(("l", tarfile.CHRTYPE, ""))
    for case, name in ("dots", "../../evil"), ("absolute", "/evil"), ("escape", "\x1b[31m\n"):
        yield case, 1105, archive((name, file, ""))
    garbage = b"no archive"
    yield "garbage", 1105, snapshot([layer(garbage, "\u009b.tar.gz")], [garbage], type="trivy-db")


def cases():
    yield "good", 0, plain()
    for name, code, tar in tar_cases():
        b = plain()
        b.tars = [tar]
        yield "tar-" + name, code, b
    for name, code, tar, frame in frame_cases():
        b = plain()
        b.tars, b.frames = [tar], [frame]
        yield "zstd-" + name, code, b
    yield from waybill_cases()
    yield from content_cases()
    for name, code, b in archive_cases():
        yield "archive-" + name, code, b


if __name__ == "__main__":
    for case, code, bundle in cases():
        bundle.write(sys.argv[2] + "/" + case, sys.argv[1])
        print(case, code)
