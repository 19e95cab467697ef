#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A server that misbehaves on request, for the tests of everything that downloads. Standard library only, 127.0.0.1 only.

    faultd.py --log FILE [--root DIR] [--registry DIR] [--port N --token-port N --other-port N] [--cert PEM --key PEM]
              [--old-tls]   (TLS 1.1 only)

Prints "MAIN TOKEN OTHER" (three ports) on one line when all listen; ends with SIGTERM or when its stdin is closed
(--watch-stdin). Every request on any port is one JSON line in FILE:
    {"server": "main", "method": "GET", "path": "/ok/5", "query": "a=1", "headers": {...lower case...}, "status": 200,
     "sent": 5, "body": ""}

Documents (all of them take the modifiers below as a query):
    /ok/N             N bytes of a fixed pattern, ETag, Last-Modified, ranges, conditions
    /file/PATH        a file below --root, the same way (PATH may also stand directly behind the host when --root is given)
    /endless          a body without end (chunked; ?plain=1: until the connection closes)
    /endless-headers  a head without end
    /status/CODE      an error (?body=TEXT, ?retry_after=TEXT)
    /redirect?to=URL&code=302    /loop    /close (no answer)    /garbage (not HTTP)
    /basic/N?user=U&password=P   401 with a Basic challenge until the right Authorization comes
Modifiers:
    fail=K&status=503&retry_after=S&text=BODY   the first K requests of this path fail so
    truncate=K&at=M                             the first K bodies end after M bytes
    change=K                                    after K requests it is another version (bytes, ETag, Last-Modified)
    norange=1  noifrange=1 (If-Range is not heard)  noetag=1  weak=1  nolm=1  rangelie=1 (206 with another start)  chunked=1  nolength=1
    encoding=gzip   announce=N (Content-Length)   type=T   delay=SECONDS   rate=BYTES_PER_SECOND   header=Name:value   link=N (a Link of N bytes)
Registry: /v2/NAME/manifests/REF from DIR/NAME/manifests/REF (REF may be a digest: then DIR/blobs/sha256/HEX is tried too),
    /v2/NAME/blobs/DIGEST from DIR/blobs/sha256/HEX, "ok-N" instead of a digest gives the pattern. Without a token it answers 401
    and names the TOKEN port; blobs redirect to the OTHER port.
    The behaviour is set at run time: GET /_set?KEY=VALUE, GET /_reset; GET /_sync answers when the log is complete
        realm=URL  challenge=RAW  open=1 (no token)  basic=USER:PASSWORD  login=USER:PASSWORD (the token server wants it)
        token=TEXT (what it gives)  token_status=500  token_body=RAW  refuse=1 (every token)  expire=1 (tokens serve once)
        noredirect=1  lie=digest-header|blob|short|long|type|manifest   limit=429|403 (TOOMANYREQUESTS for all of /v2/)
        gone=1 (404 for blobs)
        here=1 (the token server is the registry's own host and port, /token)  readonly_token=1 (tokens for pulls only)
        flaky=K (the first K requests of each path and method under /v2/ are answered 503)  after=S (their Retry-After)
        many=K (the same with 429 and a Retry-After)  ghcr=K (with 429 as GHCR words it)  only=TEXT (where the path has it)  verb=POST
        cut_blobs=K (the first K bodies of each blob end in the middle)  slow=BYTES_PER_SECOND (blobs)
        away=1 (manifests redirect to the OTHER port, too)  blob_to=URL (where blobs redirect to)  gzip=1 (an encoding is said)
        endless=manifests|blobs (they have no end)  referrers=1 (the referrers API; else 404)  page=N (of it, N at a time)
    tags/list names the files in DIR/NAME/manifests. referrers/DIGEST lists the manifests in DIR/blobs/sha256 with that
    subject.
Pushes: /_set?push=1. What is pushed is written below DIR; a repository then has only what was pushed or
    mounted there since /_reset, or were said to be there: have=NAME@DIGEST (several with commas). Tokens need a scope with push.
    GET /_drop?name=NAME&digest=DIGEST: somebody has removed that from the repository.
    GET /_audit gives a line "tag NAME:REF" or "digest NAME@REF" for each manifest that was taken, with " missing DIGEST"
    behind it when the repository lacks something that it names (to any depth), and an empty answer when nothing was.
        readonly=405|403|404 (every write)  limit_body=N (413 for larger ones)  quota=1 (507 for blobs)
        put_fail=N (the N-th PUT is answered put_status, default 500, before its body is read, with late=1 after it;
        put_times of them from there, default 1)
        cut=N (the connection of the N-th PUT ends in the middle of its body; cut_times)   blob=1, doc=1: both count PUTs of
        blobs only, of manifests only
        mount=202 (never mounts)|201 (always, though it has nothing)
        location=relative|query|other (the OTHER port takes it, without a token)|RAW
        subject=1 (OCI-Subject and the referrers API)  noexpect=1 (Expect is not heard)  move=307|302 (first answer to a PUT)
        stall=SECONDS (before a PUT's body is read, Expect or not)
        lax=1 (manifests are taken though something is missing)  lose=1 (blobs are answered 201 and forgotten)
"""
import argparse
import base64
import hashlib
import json
import os
import signal
import socket
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

sys.dont_write_bytecode = True
import faultd_push  # noqa: E402

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
LM = ["Sun, 06 Nov 2022 08:49:37 GMT", "Mon, 07 Nov 2022 08:49:37 GMT"]


def pattern(n, version=0):
    """The bytes of /ok/n: numbered lines of 65 bytes, so that a glued file is seen."""
    out = bytearray()
    i = 0
    while len(out) < n:
        out += b"%d:%062d\n" % (version, i)
        i += 1
    return bytes(out[:n])


class State(faultd_push.Repositories):
    def __init__(self, args):
        self.push_reset()
        self.args = args
        self.lock = threading.Lock()
        self.counts = {}
        self.set = {}
        self.tokens = {}
        self.serial = 0
        self.active = 0
        self.log = open(args.log, "a", encoding="utf-8") if args.log else None
        self.ports = {}

    def count(self, key):
        with self.lock:
            self.counts[key] = self.counts.get(key, 0) + 1
            return self.counts[key]

    def write(self, record):
        if self.log:
            with self.lock:
                self.log.write(json.dumps(record, sort_keys=True) + "\n")
                self.log.flush()

    def scheme(self):
        return "https" if self.args.cert else "http"

    def base(self, server):
        return "%s://127.0.0.1:%d" % (self.scheme(), self.ports[server])


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, name, port, state):
        super().__init__(("127.0.0.1", port), Handler)
        self.name = name
        self.state = state
        if state.args.cert:
            ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            ctx.load_cert_chain(state.args.cert, state.args.key)
            if state.args.old_tls:
                ctx.set_ciphers("DEFAULT:@SECLEVEL=0")
                ctx.minimum_version = ctx.maximum_version = ssl.TLSVersion.TLSv1_1
            self.socket = ctx.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request, client_address):
        pass  # clients hang up on purpose


class Handler(faultd_push.Pushes, BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "faultd"
    sys_version = ""

    def log_message(self, *args):
        pass

    def handle_expect_100(self):
        return True  # asked for when the body is read, if at all

    def take_body(self, limit=1 << 62):
        """The body, at most `limit` bytes of it; what is not read ends the connection."""
        if "100-continue" in self.headers.get("Expect", "") and "noexpect" not in self.state.set:
            self.send_response_only(100)
            self.end_headers()
        data = bytearray()
        while self.unread and len(data) < limit:
            part = self.rfile.read1(min(65536, self.unread, limit - len(data)))
            if not part:
                raise ConnectionResetError
            data += part
            self.unread -= len(part)
        self.received = len(data)
        return bytes(data)

    def do_GET(self):
        self.state = self.server.state
        self.received = 0
        self.sent = 0
        self.code = 0
        self.body_in = ""
        parts = urlsplit(self.path)
        counted = not parts.path.startswith("/_")
        with self.state.lock:
            self.state.active += counted
        self.q = dict(parse_qsl(parts.query, keep_blank_values=True))
        try:
            self.unread = int(self.headers.get("Content-Length") or 0)
            if self.unread and not parts.path.startswith(("/v2/", "/upload/")):
                self.body_in = self.take_body(1 << 20).decode("utf-8", "replace")
            self.route(unquote(parts.path))
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError, socket.timeout):
            self.close_connection = True
        finally:
            if counted:
                self.state.write({
                    "server": self.server.name, "method": self.command, "path": parts.path, "query": parts.query,
                    "headers": {k.lower(): v for k, v in self.headers.items()}, "status": self.code,
                    "sent": self.sent, "body": self.body_in, "received": self.received})
            with self.state.lock:
                self.state.active -= counted

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    # -- answers ---------------------------------------------------------------------------------------------------
    def head(self, code, headers):
        self.code = code
        self.send_response_only(code)
        for name, value in headers:
            self.send_header(name, value)
        if self.unread:
            self.close_connection = True
            self.send_header("Connection", "close")
        self.end_headers()

    def answer(self, code, body=b"", headers=()):
        if isinstance(body, str):
            body = body.encode()
        self.head(code, list(headers) + [("Content-Length", str(len(body)))])
        if self.command != "HEAD":
            self.put(body)

    def put(self, data):
        rate = float(self.q.get("rate", 0))
        step = max(1, int(rate / 10)) if rate else 65536
        for i in range(0, len(data), step):
            part = data[i:i + step]
            self.wfile.write(part)
            self.sent += len(part)
            if rate:
                self.wfile.flush()
                time.sleep(len(part) / rate)

    def route(self, path):
        if path == "/_set":
            self.state.set.update(self.q)
            return self.answer(200)
        if path == "/_sync":
            for _ in range(400):
                if self.state.active == 0:
                    break
                time.sleep(0.005)
            return self.answer(200)
        if path == "/_reset":
            self.state.set.clear()
            self.state.tokens.clear()
            self.state.counts.clear()
            self.state.push_reset()
            return self.answer(200)
        if path == "/_drop":
            self.state.push_drop(self.q.get("name"), self.q.get("digest"))
            return self.answer(200)
        if path == "/_audit":
            return self.answer(200, self.audit())
        if path == "/token" and "here" in self.state.set:
            return self.token()
        if self.server.name == "token":
            return self.token()
        if path.startswith("/v2/"):
            return self.registry(path[4:])
        if self.server.name == "other" and path.startswith("/upload/"):
            return self.upload_put(*path[8:].split("@", 1))
        if self.server.name == "other" and path.startswith("/moved/"):
            name, _, ref = path[7:].rpartition("/manifests/")
            return self.manifest(name, ref)
        if self.server.name == "other" and path.startswith("/blob/"):
            return self.blob(path[6:])
        name, _, rest = path[1:].partition("/")
        special = getattr(self, "at_" + name.replace("-", "_"), None)
        if special:
            return special(rest)
        if self.state.args.root:
            return self.at_file(path[1:])
        return self.answer(404, "no such path\n")

    def at_ok(self, rest):
        self.document(lambda version: pattern(int(rest), version))

    def at_file(self, rest):
        root = os.path.realpath(self.state.args.root or "/nonexistent")
        full = os.path.realpath(os.path.join(root, rest))
        if not full.startswith(root + os.sep) or not os.path.isfile(full):
            return self.answer(404, "no such file\n")
        with open(full, "rb") as f:
            data = f.read()
        return self.document(lambda version: data, hashlib.sha256(data).hexdigest()[:16])

    def at_status(self, rest):
        extra = [("Retry-After", self.q["retry_after"])] if "retry_after" in self.q else []
        self.answer(int(rest), self.q.get("body", "status %s\n" % rest), extra)

    def at_redirect(self, rest):
        self.answer(int(self.q.get("code", 302)), "moved\n", [("Location", self.q.get("to", ""))])

    def at_loop(self, rest):
        self.answer(302, "moved\n", [("Location", "/loop/%d" % (int(rest or 0) + 1))])

    def at_close(self, rest):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def at_garbage(self, rest):
        self.close_connection = True
        self.wfile.write(b"SSH-2.0-nothing-for-you\r\n\r\nxxxx")

    def at_endless(self, rest):
        self.close_connection = True
        plain = "plain" in self.q
        self.head(200, [("Connection", "close")] if plain else [("Transfer-Encoding", "chunked")])
        part = b"x" * 16384
        while True:
            self.wfile.write(part if plain else b"%x\r\n%s\r\n" % (len(part), part))
            self.sent += len(part)

    def at_endless_headers(self, rest):
        self.close_connection = True
        self.code = 200
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        n = 0
        while True:
            self.wfile.write(b"X-Filler-%d: %s\r\n" % (n, b"y" * 500))
            n += 1

    def at_basic(self, rest):
        pair = "%s:%s" % (self.q.get("user", ""), self.q.get("password", ""))
        if self.headers.get("Authorization") != "Basic " + base64.b64encode(pair.encode()).decode():
            return self.answer(401, "who are you\n", [("WWW-Authenticate", 'Basic realm="test"')])
        return self.at_ok(rest)

    # -- a document with all the trimmings -----------------------------------------------------------------------------
    def document(self, make, tag=None):
        q = self.q
        n = self.state.count(self.server.name + self.path)
        if "delay" in q:
            time.sleep(float(q["delay"]))
        if n <= int(q.get("fail", 0)):
            extra = [("Retry-After", q["retry_after"])] if "retry_after" in q else []
            return self.answer(int(q.get("status", 503)), q.get("text", "fault\n"), extra)
        version = 1 if "change" in q and n > int(q["change"]) else 0
        data = make(version)
        etag = '"%s-v%d"' % (tag or "len%d" % len(data), version)
        if "weak" in q:
            etag = "W/" + etag
        headers = [("Content-Type", q.get("type", "application/octet-stream"))]
        if "noetag" not in q:
            headers.append(("ETag", etag))
        if "nolm" not in q:
            headers.append(("Last-Modified", LM[version]))
        if "encoding" in q:
            headers.append(("Content-Encoding", q["encoding"]))
        if "header" in q:
            headers.append(tuple(q["header"].split(":", 1)))
        if "link" in q:
            headers.append(("Link", "<%s>; rel=preload" % ("x" * int(q["link"]))))
        if self.not_modified(etag, LM[version]):
            return self.head(304, headers)
        code, start = 200, self.range_start(etag, LM[version], len(data))
        if start is not None and start >= len(data):
            return self.answer(416, "", [("Content-Range", "bytes */%d" % len(data))])
        if start is not None:
            code = 206
            said = start + 7 if "rangelie" in q else start
            headers.append(("Content-Range", "bytes %d-%d/%d" % (said, len(data) - 1, len(data))))
            data = data[start:]
        return self.body(code, headers, data, n)

    def body(self, code, headers, data, n):
        q = self.q
        cut = n <= int(q.get("truncate", 0))
        send = data[:int(q.get("at", 0))] if cut else data
        if "chunked" in q:
            headers.append(("Transfer-Encoding", "chunked"))
        elif "nolength" in q:
            headers.append(("Connection", "close"))
        else:
            headers.append(("Content-Length", q.get("announce", str(len(data)))))
        self.head(code, headers)
        if self.command == "HEAD":
            return
        if "chunked" in q:
            for i in range(0, len(send), 8192):
                part = send[i:i + 8192]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                self.sent += len(part)
            if not cut:
                self.wfile.write(b"0\r\n\r\n")
        else:
            self.put(send)
        if cut or "nolength" in q or "announce" in q:
            self.close_connection = True

    def not_modified(self, etag, modified):
        inm = self.headers.get("If-None-Match")
        if inm is not None:
            return inm in (etag, "*") and "noetag" not in self.q
        return self.headers.get("If-Modified-Since") == modified and "nolm" not in self.q

    def range_start(self, etag, modified, size):
        value = self.headers.get("Range")
        condition = self.headers.get("If-Range")
        if not value or "norange" in self.q or not value.startswith("bytes="):
            return None
        if condition and condition not in (etag, modified) and "noifrange" not in self.q:
            return None
        first = value[6:].split("-")[0]
        return int(first) if first.isdigit() else None

    # -- registry ------------------------------------------------------------------------------------------------------
    def errors(self, code, name, headers=()):
        body = json.dumps({"errors": [{"code": name, "message": name.lower()}]})
        self.answer(code, body, [("Content-Type", "application/json")] + list(headers))

    def allowed(self, name, push=False):
        s = self.state.set
        given = self.headers.get("Authorization", "")
        if "open" in s:
            return True
        if "basic" in s:
            return given == "Basic " + base64.b64encode(s["basic"].encode()).decode()
        token = given[7:] if given.startswith("Bearer ") else None
        granted = self.state.tokens.get(token, "").split(" ")
        wanted = "repository:%s:pull,push" if push else "repository:%s:pull"
        if "refuse" in s or not any(g in (wanted % name, "repository:%s:pull,push" % name) for g in granted):
            return False
        if "expire" in s:
            del self.state.tokens[token]
        return True

    def challenge(self, name, push=False):
        s = self.state.set
        if "challenge" in s:
            return s["challenge"]
        if "basic" in s:
            return 'Basic realm="registry"'
        realm = s.get("realm", self.state.base("main" if "here" in s else "token") + "/token")
        return 'Bearer realm="%s",service="faultd",scope="repository:%s:pull%s"' % (realm, name, ",push" if push else "")

    def registry(self, rest):
        s = self.state.set
        if "limit" in s:
            return self.answer(int(s["limit"]), "TOOMANYREQUESTS: retry-after: 35.852us, allowed: 44000/minute\n")
        if self.flaky():
            return None
        for kind in ("manifests", "blobs", "tags", "referrers"):
            name, found, ref = rest.rpartition("/%s/" % kind)
            if not found and kind == "blobs":
                name, found, ref = rest.partition("/blobs/")
            if found:
                break
        else:
            return self.answer(200 if not rest else 404, "{}")
        write = self.command not in ("GET", "HEAD")
        if not self.allowed(name, write):
            return self.errors(401, "UNAUTHORIZED", [("WWW-Authenticate", self.challenge(name, write))])
        if write:
            return self.write(name, kind, ref)
        if s.get("endless") == kind:
            return self.at_endless(ref)
        if kind == "manifests" and "away" in s:
            return self.answer(307, "", [("Location", "%s/moved/%s?signature=abc" % (self.state.base("other"), rest))])
        if kind == "manifests":
            return self.manifest(name, ref)
        if kind == "tags":
            return self.tags(name)
        if kind == "referrers":
            return self.referrers(ref)
        if "gone" in s or ("push" in s and not self.state.has(name, ref)):
            return self.errors(404, "BLOB_UNKNOWN")
        if "noredirect" in s or "push" in s:
            return self.blob(ref)
        to = s.get("blob_to", "%s/blob/%s?signature=abc" % (self.state.base("other"), ref))
        return self.answer(307, "", [("Location", to)])

    def flaky(self):
        s = self.state.set
        if s.get("only", "") not in self.path or s.get("verb", self.command) != self.command:
            return False
        n = self.state.count("flaky %s %s" % (self.command, self.path))
        extra = [("Retry-After", s["after"])] if "after" in s else []
        if n <= int(s.get("flaky", 0)):
            self.answer(503, "busy\n", extra)
        elif n <= int(s.get("many", 0)):
            self.errors(429, "TOOMANYREQUESTS", extra or [("Retry-After", "1")])
        elif n <= int(s.get("ghcr", 0)):
            self.answer(429, '{"errors":[{"code":"TOOMANYREQUESTS",'
                             '"message":"retry-after: 35.852\u00b5s, allowed: 44000/minute"}]}')
        else:
            return False
        return True

    def tags(self, name):
        try:
            names = sorted(os.listdir(os.path.join(self.state.args.registry, name, "manifests")))
        except (OSError, TypeError):
            return self.errors(404, "NAME_UNKNOWN")
        return self.answer(200, json.dumps({"name": name, "tags": [n for n in names if ":" not in n]}),
                           [("Content-Type", "application/json")])

    def referrers(self, digest):
        if not {"referrers", "subject"} & set(self.state.set):
            return self.answer(404, "404 page not found\n")
        found = []
        folder = os.path.join(self.state.args.registry, "blobs", "sha256")
        for name in sorted(os.listdir(folder) if os.path.isdir(folder) else []):
            data = self.read("blobs", "sha256", name)
            if not data.startswith(b"{") or len(data) > 4 << 20:
                continue
            doc = json.loads(data)
            subject = doc.get("subject") if isinstance(doc, dict) else None
            if isinstance(subject, dict) and subject.get("digest") == digest:
                kind = doc.get("artifactType") or doc.get("config", {}).get("mediaType")
                found.append({"mediaType": doc.get("mediaType", MANIFEST), "digest": "sha256:" + name, "size": len(data),
                              "artifactType": kind, "annotations": doc.get("annotations", {})})
        kind = "application/vnd.oci.image.index.v1+json"
        head, page = [("Content-Type", kind)], int(self.state.set.get("page", 0))
        if page:
            first = int(self.q.get("last") or 0)
            if first + page < len(found):
                head.append(("Link", '<%s?last=%d>; rel="next"' % (self.path.split("?")[0], first + page)))
            found = found[first:first + page]
        return self.answer(200, json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": found}), head)

    def read(self, *steps):
        if not self.state.args.registry or any(".." in s or s.startswith("/") for s in steps):
            return None
        try:
            with open(os.path.join(self.state.args.registry, *steps), "rb") as f:
                return f.read()
        except OSError:
            return None

    def manifest(self, name, ref):
        lie = self.state.set.get("lie")
        if "push" in self.state.set and not (self.state.has(name, ref) or self.state.has_tag(name, ref)):
            return self.errors(404, "MANIFEST_UNKNOWN")
        data = self.read(name, "manifests", ref)
        if data is None and ref.startswith("sha256:"):
            data = self.read("blobs", "sha256", ref[7:])
        if data is None:
            return self.errors(404, "MANIFEST_UNKNOWN")
        kind = json.loads(data).get("mediaType", MANIFEST)
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        if lie == "digest-header":
            digest = "sha256:" + "0" * 64
        if lie == "type":
            kind = "application/vnd.docker.distribution.manifest.list.v2+json"
        if lie == "manifest":
            data = data.replace(b"{", b"{ ", 1)
        headers = [("Content-Type", kind), ("Docker-Content-Digest", digest), ("ETag", '"%s"' % digest)]
        if self.headers.get("If-None-Match") == '"%s"' % digest:
            return self.head(304, headers)
        return self.answer(200, data, headers)

    def blob(self, ref):
        lie = self.state.set.get("lie")
        if ref.startswith("ok-"):
            data = pattern(int(ref[3:]))
        else:
            data = self.read("blobs", "sha256", ref[7:]) if ref.startswith("sha256:") else None
        if data is None:
            return self.errors(404, "BLOB_UNKNOWN")
        if lie == "blob" and data:
            data = bytes([data[0] ^ 1]) + data[1:]
        if lie == "short":
            data = data[:-1]
        if lie == "long":
            data = data + b"!"
        if "cut_blobs" in self.state.set:
            self.q.update(truncate=self.state.set["cut_blobs"], at=str(len(data) // 2))
        if "gzip" in self.state.set:
            self.q["encoding"] = "gzip"
        if "slow" in self.state.set:
            self.q["rate"] = self.state.set["slow"]
        return self.document(lambda version: data, "blob" + ref)

    # -- token server ----------------------------------------------------------------------------------------------------
    def token(self):
        s = self.state.set
        if "token_status" in s:
            return self.answer(int(s["token_status"]), "no token today\n")
        if "token_body" in s:
            return self.answer(200, s["token_body"], [("Content-Type", "application/json")])
        form = dict(parse_qsl(self.body_in))
        if "login" in s:
            want = "Basic " + base64.b64encode(s["login"].encode()).decode()
            if self.headers.get("Authorization") != want and form.get("refresh_token") != s["login"]:
                return self.errors(401, "UNAUTHORIZED")
        with self.state.lock:
            self.state.serial += 1
            token = s.get("token", "token-%d" % self.state.serial)
        asked = [v for k, v in parse_qsl(urlsplit(self.path).query) if k == "scope"]
        scope = form.get("scope") or " ".join(asked)
        self.state.tokens[token] = scope.replace(",push", "") if "readonly_token" in s else scope
        key = "access_token" if form else "token"
        return self.answer(200, json.dumps({key: token, "expires_in": 300}), [("Content-Type", "application/json")])


def main():
    p = argparse.ArgumentParser()
    for name in ("log", "root", "registry", "cert", "key"):
        p.add_argument("--" + name)
    for name in ("port", "token-port", "other-port"):
        p.add_argument("--" + name, type=int, default=0)
    p.add_argument("--watch-stdin", action="store_true")
    p.add_argument("--old-tls", action="store_true")
    args = p.parse_args()
    state = State(args)
    for name, port in (("main", args.port), ("token", args.token_port), ("other", args.other_port)):
        server = Server(name, port, state)
        state.ports[name] = server.server_address[1]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    print(state.ports["main"], state.ports["token"], state.ports["other"], flush=True)
    if args.watch_stdin:
        while sys.stdin.buffer.read(4096):
            pass
        os._exit(0)
    signal.pause()


if __name__ == "__main__":
    import warnings
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGTERM, lambda *a: os._exit(0))
    signal.signal(signal.SIGINT, lambda *a: os._exit(0))
    main()
