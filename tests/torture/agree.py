#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# tests/torture/agree.py KEY OUT FIRST LAST: called by agree.sh. Bundles OUT/<n> of documents that name each other at random: shared,
# deep, out of order, sometimes with a wrong size, a second media type, a manifest that is also content, a blob too few.
import json, os, random, sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from craft import Bundle, MT_INDEX, MT_MANIFEST, desc, index, item, layer, manifest, sha, text  # noqa: E402

MT_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
CONTENT = [b"blob %d" % i for i in range(4)]


def child(r, doc, media_type):
    """A descriptor of doc, now and then a wrong one."""
    d = desc(doc, MT_LIST if media_type == MT_INDEX and r.random() < .02 else media_type)
    if r.random() < .01:
        d["size"] += 1
    return d


def documents(r):
    docs = [(manifest([layer(b, "f%d" % i) for i, b in enumerate(r.sample(CONTENT, r.randint(0, 3)))]), MT_MANIFEST)
            for _ in range(r.randint(1, 4))]
    deep = r.random() < .5
    for _ in range(r.randint(5, 12) if deep else r.randint(0, 8)):
        children = [child(r, *r.choice(docs[-1:] if deep and r.random() < .9 else docs)) for _ in range(r.randint(deep, 4))]
        doc = index(children) if r.random() < .97 else text({"schemaVersion": 2, "manifests": children})
        docs.append((doc, MT_INDEX))
        if r.random() < .05:
            doc, media_type = r.choice(docs)
            docs.append((manifest([layer(doc, "document", media_type)]), MT_MANIFEST))
    return docs


def named(doc, *keys):
    doc = json.loads(doc)
    return [d["digest"][7:] for k in keys for d in (doc.get(k) or [] if k != "config" else [doc[k]] if k in doc else [])]


def ordered(r, root, blobs):
    """Documents, each behind one that names it, in one of the orders that a sender may choose; then content."""
    out, waiting, shuffle = [sha(root)], named(root, "manifests"), r.random() < .5
    while waiting:
        h = waiting.pop(r.randrange(len(waiting)) if shuffle else 0)
        if h not in out:
            out.append(h)
            waiting += named(blobs[h], "manifests")
    for h in list(out):
        out += [c for c in dict.fromkeys(named(blobs[h], "layers", "config")) if c not in out]
    return out[:-1] if r.random() < .05 else out


def bundle(seed):
    r = random.Random(seed)
    docs = documents(r)
    items = r.randint(1, 3)
    root = index([item("i%d" % i, *(lambda d: (d[0], "dir", d[1]))(r.choice(docs[-4:]))) for i in range(items)])
    blobs = {sha(b): b for b in [root, b"{}", *CONTENT, *(d for d, _ in docs)]}
    b = Bundle()
    b.root, b.items, b.blobs = root, items, [blobs[h] for h in ordered(r, root, blobs)]
    return b


for n in range(int(sys.argv[3]), int(sys.argv[4]) + 1):
    bundle(n).write("%s/%d" % (sys.argv[2], n), sys.argv[1])
