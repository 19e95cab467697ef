# SPDX-License-Identifier: Apache-2.0
"""The part of faultd.py that takes pushes, rightly and wrongly. Its switches are described there."""
import hashlib
import json
import os
import socket
import time
from urllib.parse import parse_qsl, urlsplit


def names_of(data):
    """The digests that a manifest names; nothing for what is none."""
    try:
        doc = json.loads(data)
    except ValueError:
        return []
    found = [doc.get("config")] + (doc.get("layers") or []) + (doc.get("manifests") or [])
    return [d["digest"] for d in found if d]


class Repositories:
    def push_reset(self):
        self.owned = set()   # (repository, digest)
        self.taken = []      # (repository, reference, digest) of manifests
        self.sessions = {}   # upload -> repository

    def push_drop(self, name, digest):
        self.owned.discard((name, digest))
        self.taken = [t for t in self.taken if t[:2] != (name, digest)]

    def has(self, name, digest):
        said = self.set.get("have", "").split(",")
        return (name, digest) in self.owned or "%s@%s" % (name, digest) in said

    def has_tag(self, name, tag):
        return any((name, tag) == (n, t) for n, t, _ in self.taken)


class Pushes:
    def write(self, name, kind, ref):
        s = self.state.set
        if "push" not in s or "readonly" in s:
            return self.errors(int(s.get("readonly", 405)), {"403": "DENIED", "404": "NAME_UNKNOWN"}.get(
                s.get("readonly"), "UNSUPPORTED"))
        if self.unread > int(s.get("limit_body", 1 << 62)):
            return self.answer(413, "<html>413 Request Entity Too Large</html>")
        if kind == "blobs" and self.command == "POST" and ref.startswith("uploads/"):
            return self.upload_begin(name)
        if self.command == "PUT" and self.stumble(kind):
            return None
        if kind == "blobs" and self.command == "PUT" and ref.startswith("uploads/"):
            return self.upload_put(name, ref[8:])
        if kind == "manifests" and self.command == "PUT":
            return self.manifest_put(name, ref)
        return self.errors(405, "UNSUPPORTED")

    def stumble(self, kind):
        s = self.state.set
        if ("blob" in s and kind != "blobs") or ("doc" in s and kind != "manifests"):
            return False
        n = self.state.count("puts")
        time.sleep(float(s.get("stall", 0)))
        first, times = int(s.get("put_fail", 0)), int(s.get("put_times", 1))
        if "move" in s and "moved=1" not in self.path:
            self.answer(int(s["move"]), "", [("Location", self.path + ("&" if "?" in self.path else "?") + "moved=1")])
            return True
        if first and first <= n < first + times:
            if "late" in s:
                self.take_body()
            self.answer(int(s.get("put_status", 500)), "fault\n")
            return True
        first, times = int(s.get("cut", 0)), int(s.get("cut_times", 1))
        if first and first <= n < first + times:
            self.take_body(max(1, self.unread // 2))
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return True
        return False

    def store(self, data):
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        folder = os.path.join(self.state.args.registry, "blobs", "sha256")
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, digest[7:]), "wb") as f:
            f.write(data)
        return digest

    def upload_begin(self, name):
        s = self.state.set
        q = dict(parse_qsl(urlsplit(self.path).query))
        source, digest = q.get("from"), q.get("mount")
        if "quota" in s:
            return self.answer(507, "full\n")
        if digest and s.get("mount") != "202" and (s.get("mount") == "201" or self.state.has(source, digest)):
            if s.get("mount") != "201":
                self.state.owned.add((name, digest))
            return self.answer(201, "", [("Location", "/v2/%s/blobs/%s" % (name, digest))])
        session = "upload-%d" % self.state.count("uploads")
        self.state.sessions[session] = name
        self.take_body()
        return self.answer(202, "", [("Location", self.location(name, session)), ("Range", "0-0")])

    def location(self, name, session):
        how = self.state.set.get("location", "absolute")
        path = "/v2/%s/blobs/uploads/%s" % (name, session)
        return {"absolute": self.state.base("main") + path, "relative": path, "query": path + "?_state=a%2Fb%3D",
                "other": "%s/upload/%s@%s?signature=abc" % (self.state.base("other"), name, session)}.get(how, how)

    def upload_put(self, name, session):
        s = self.state.set
        wanted = dict(parse_qsl(urlsplit(self.path).query)).get("digest", "")
        if self.state.sessions.pop(session, None) != name:
            return self.errors(404, "BLOB_UPLOAD_UNKNOWN")
        if "_state" not in self.path and s.get("location") == "query":
            return self.errors(400, "BLOB_UPLOAD_INVALID")
        data = self.take_body()
        if wanted != "sha256:" + hashlib.sha256(data).hexdigest():
            return self.errors(400, "DIGEST_INVALID")
        if "lose" not in s:
            self.state.owned.add((name, self.store(data)))
        return self.answer(201, "", [("Location", "/v2/%s/blobs/%s" % (name, wanted)), ("Docker-Content-Digest", wanted)])

    def lacks(self, name, data):
        """What a manifest names and the repository does not have, to any depth."""
        missing = []
        for digest in names_of(data):
            if (name, digest) not in self.state.owned and not self.state.has(name, digest):
                missing.append(digest)
                continue
            child = self.read("blobs", "sha256", digest[7:]) or b""
            if child.startswith(b"{") and len(child) < 4 << 20 and b'"schemaVersion"' in child:
                missing += self.lacks(name, child)
        return missing

    def manifest_put(self, name, ref):
        s = self.state.set
        data = self.take_body()
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        try:
            subject = (json.loads(data).get("subject") or {}).get("digest")
        except (ValueError, AttributeError):
            return self.errors(400, "MANIFEST_INVALID")
        if "lax" not in s and self.lacks(name, data):
            return self.errors(400, "MANIFEST_BLOB_UNKNOWN")
        if ref.startswith("sha256:") and ref != digest:
            return self.errors(400, "DIGEST_INVALID")
        self.store(data)
        self.state.owned.add((name, digest))
        self.state.taken.append((name, ref, digest))
        if not ref.startswith("sha256:"):
            folder = os.path.join(self.state.args.registry, name, "manifests")
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, ref), "wb") as f:
                f.write(data)
        headers = [("Location", "/v2/%s/manifests/%s" % (name, digest)), ("Docker-Content-Digest", digest)]
        if subject and "subject" in s:
            headers.append(("OCI-Subject", subject))
        return self.answer(201, "", headers)

    def audit(self):
        lines = []
        for name, ref, digest in self.state.taken:
            shown = "digest %s@%s" % (name, ref) if ref.startswith("sha256:") else "tag %s:%s" % (name, ref)
            missing = self.lacks(name, self.read("blobs", "sha256", digest[7:]) or b"")
            lines.append(shown + "".join(" missing " + m for m in missing))
        return "".join(line + "\n" for line in lines)
