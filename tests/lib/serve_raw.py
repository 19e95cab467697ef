# SPDX-License-Identifier: Apache-2.0
"""What curl cannot ask of valise serve: raw sockets, slow and silent clients. serve_raw.py TEST PORT [ARGS]: exit 0, or
what is wrong on stdout and exit 1."""
import hashlib, json, os, socket, sys, threading, time

TEST, PORT, ARGS = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
wrong = []


def expect(what, found, wanted):
    good = found in wanted if isinstance(wanted, (set, list)) else found == wanted
    if not good:
        wrong.append(f"{what}: found {found!r}, expected {wanted!r}")


def connect(timeout=10, rcvbuf=None):
    s = socket.socket()
    s.settimeout(timeout)
    if rcvbuf:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    s.connect(("127.0.0.1", PORT))
    return s


def read_all(s):
    pieces = []
    while True:
        try:
            pieces.append(s.recv(1 << 20))
        except ConnectionError:
            pieces.append(b"")
        if not pieces[-1]:
            return b"".join(pieces)


def parse(data):
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split()[1]) if len(lines[0].split()) > 1 else 0
    headers = {}
    for line in lines[1:]:
        k, _, v = line.partition(":")
        headers[k.lower()] = v.strip()
    return status, headers, body


def ask(target, method="GET", headers=(), body=b"", raw=None):
    s = connect()
    lines = [f"{method} {target} HTTP/1.1", "Host: test", "Connection: close"] + [f"{k}: {v}" for k, v in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    s.sendall(raw or ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body)
    with s:
        return parse(read_all(s))


def traversal():  # T100
    for target in ["/v2/../..", "/v2/..%2f..%2f..%2fetc%2fpasswd", "/%00", "/v2/%00", "/v2/\x01", "//", "//v2/", "/v2//",
                   "/v2/../../etc/passwd", "/files/../../../etc/passwd", "/files/rules/../../etc/passwd",
                   "/files/rules/..%2f..%2fetc%2fpasswd", "/files/rules/%2e%2e/%2e%2e/etc/passwd", "/files/rules/%00mid.bin",
                   "/files/rules\\..\\..", "/..", "/.", "/files/rules/./mid.bin", "/osv/../../etc/passwd", "etc/passwd",
                   "http://test/v2/", "/v2/prod/rules/manifests/..%2flatest", "/v2/prod/rules/blobs/sha256:../../current",
                   "/v2/?n=%00", "/v2/_catalog?n=%zz", "/v2/_catalog?last=%0d%0aX:1", "/v2/" + "a/" * 4096, "/" + "a" * 8192,
                   "/" + "a" * 2048, "/files/rules/mid.bin%20", "/v2/prod%2frules/tags/list"]:
        status, headers, body = ask(target)
        expect(f"status of {target[:60]!r}", status, {400, 404, 414, 431})
        expect(f"no header of ours in {target[:60]!r}", "x" in headers, False)
        if b"root:" in body:
            wrong.append(f"{target}: a file from outside")
    expect("2048 bytes are not too many", ask("/" + "a" * 2047)[0], 404)
    expect("a NUL byte", ask("", raw=b"GET /v2/\0 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")[0], {0, 400, 404, 200})
    expect("no Host", ask("", raw=b"GET /v2/ HTTP/1.1\r\n\r\n")[0], 400)
    expect("garbage", ask("", raw=b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n\r\n")[0], {0, 400, 404, 405})
    expect("64 KiB of headers", ask("/v2/", headers=[("X-A", "a" * 65536)])[0], {400, 413, 431})
    expect("alive after all that", ask("/healthz")[0], 200)


def ranges():  # T101
    target, path = ARGS
    data = open(path, "rb").read()
    n = len(data)
    whole = (200, None, data)

    def part(a, b):
        return 206, f"bytes {a}-{b}/{n}", data[a:b + 1]

    none = (416, f"bytes */{n}", b"")
    table = [("bytes=0-0", part(0, 0)), ("bytes=0-9", part(0, 9)), (f"bytes=5-{n}", part(5, n - 1)),
             ("bytes=100-", part(100, n - 1)), ("bytes=-10", part(n - 10, n - 1)), (f"bytes=-{n * 2}", part(0, n - 1)),
             (f"bytes={n - 1}-", part(n - 1, n - 1)), (f"bytes={n}-", none), ("bytes=-0", none),
             ("bytes=18446744073709551616-", none), ("bytes=0-18446744073709551616", part(0, n - 1)),
             ("bytes=99999999999999999999999-", none), ("bytes=9-1", whole), ("bytes=0-0,2-3", whole),
             ("bytes=" + ",".join(f"{i}-{i}" for i in range(1000)), whole), ("bytes=", whole), ("bytes=-", whole),
             ("bytes=a-b", whole), ("bytes=1-2x", whole), ("bytes= 1-2", whole), ("items=0-1", whole), ("0-1", whole),
             ("bytes=+1-2", whole), ("bytes=-5-", whole)]
    for value, (status, content_range, body) in table:
        s, h, b = ask(target, headers=[("Range", value)])
        expect(f"status of {value[:40]}", s, status)
        expect(f"Content-Range of {value[:40]}", h.get("content-range"), content_range)
        expect(f"body of {value[:40]}", hashlib.sha256(b).hexdigest(), hashlib.sha256(body).hexdigest())
        expect(f"Content-Length of {value[:40]}", h.get("content-length"), str(len(body)))
    s, h, b = ask(target, method="HEAD", headers=[("Range", "bytes=0-1")])
    expect("HEAD knows no range", (s, h.get("content-length"), b), (200, str(n), b""))
    etag = ask(target, method="HEAD")[1]["etag"]
    date = ask(target, method="HEAD")[1].get("last-modified")
    for value, status in [(etag, 206), ('"other"', 200), ("W/" + etag, 200), (date, 206),
                          ("Sun, 06 Nov 1994 08:49:37 GMT", 200)]:
        if value:
            expect(f"If-Range {value}", ask(target, headers=[("Range", "bytes=0-1"), ("If-Range", value)])[0], status)


def conditions():
    target, = ARGS
    h = ask(target, method="HEAD")[1]
    etag, date = h["etag"], h["last-modified"]
    late, early = "Sat, 01 Jan 2050 00:00:00 GMT", "Sun, 06 Nov 1994 08:49:37 GMT"
    for headers, status in [([("If-None-Match", etag)], 304), ([("If-None-Match", "W/" + etag)], 304),
                            ([("If-None-Match", "*")], 304), ([("If-None-Match", f'"a", {etag}, "b"')], 304),
                            ([("If-None-Match", '"a","b"')], 200), ([("If-None-Match", etag[:-2] + '"')], 200),
                            ([("If-None-Match", etag.strip('"'))], 200), ([("If-None-Match", "")], 200),
                            ([("If-Modified-Since", date)], 304), ([("If-Modified-Since", late)], 304),
                            ([("If-Modified-Since", early)], 200), ([("If-Modified-Since", "yesterday")], 200),
                            ([("If-None-Match", '"a"'), ("If-Modified-Since", late)], 200),
                            ([("If-None-Match", etag), ("If-Modified-Since", early)], 304),
                            ([("If-None-Match", etag), ("Range", "bytes=0-1")], 304)]:
        for method in "GET", "HEAD":
            s, got, body = ask(target, method=method, headers=headers)
            expect(f"{method} {headers}", s, status)
            expect(f"{method} {headers}: ETag", got.get("etag"), etag)
            if status == 304:
                expect(f"{method} {headers}: body", body, b"")


def heads():  # T104
    for target in ARGS:
        s, get, body = ask(target)
        hs, head, nothing = ask(target, method="HEAD")
        get.pop("date", 0), head.pop("date", 0)
        expect(f"HEAD {target}", (hs, head), (s, get))
        expect(f"body of HEAD {target}", nothing, b"")
        expect(f"length of {target}", get["content-length"], str(len(body)))
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        if "etag" in get:
            expect(f"ETag of {target}", get["etag"], f'"{digest}"')
        if target.startswith("/v2/"):
            expect(f"version of {target}", get.get("docker-distribution-api-version"), "registry/2.0")
            if s == 200 and ("/manifests/" in target or "/blobs/" in target):
                expect(f"digest of {target}", get["docker-content-digest"], digest)
        expect(f"nosniff of {target}", get.get("x-content-type-options"), "nosniff")


def methods():  # T103
    for target in "/v2/", "/v2/prod/rules/blobs/uploads/", "/v2/prod/rules/manifests/latest", "/files/rules/mid.bin", "/":
        for method in "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW":
            for body in b"", b"x" * 1000, b"x" * 300000:
                try:
                    s, h, b = ask(target, method=method, body=body)
                except ConnectionError:  # a large body is not read: the answer may be lost, never the refusal
                    if len(body) < 65536:
                        raise
                    continue
                expect(f"{method} {target} with {len(body)}", s, 405 if b or len(body) < 65536 else {0, 405})
                expect(f"Allow of {method} {target}", h.get("allow"), "GET, HEAD" if s else None)
                if s and target.startswith("/v2/"):
                    expect(f"error of {method} {target}", json.loads(b)["errors"][0]["code"], "UNSUPPORTED")


def two_ends():  # a body that ends in two places hides a second request from a proxy, or from us
    hidden = b"GET /v2/ HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    for ends in (b"Content-Length: 0\r\nContent-Length: 40", b"Content-Length: 40\r\nContent-Length: 0",
                 b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: chunked\r\nContent-Length: 5",
                 b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", b"Transfer-Encoding : chunked",
                 b"content-length: 0\r\nCONTENT-LENGTH: 0"):
        for method in b"GET", b"POST":
            s = connect()
            s.sendall(method + b" /healthz HTTP/1.1\r\nHost: x\r\n" + ends + b"\r\n\r\n0\r\n\r\n" + hidden)
            data = read_all(s)
            expect(f"status of {ends}", parse(data)[0], 400)
            expect(f"answers to {ends}", data.count(b"HTTP/1.1"), 1)


def keepalive():
    s = connect()
    for target in ["/v2/", "/files/rules/mid.bin", "/nothing", "/healthz"]:
        s.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        f = s.makefile("rb")
        status = int(f.readline().split()[1])
        length = 0
        while (line := f.readline().strip()):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        expect(f"{target} on one connection", (status, len(f.read(length)) == length), (404 if target == "/nothing" else 200, True))
    s.sendall(b"".join(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" for _ in range(19)) +
              b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    expect("pipelined answers", read_all(s).count(b"HTTP/1.1 200"), 20)


def served_within(seconds, what):
    began = time.monotonic()
    expect(f"{what}: others are served", ask("/healthz")[0], 200)
    took = time.monotonic() - began
    if took > seconds:
        wrong.append(f"{what}: others waited {took:.2f} s")


def gone(s, within):
    """Did the server end this connection?"""
    s.settimeout(within)
    try:
        while s.recv(1 << 16):
            pass
    except (ConnectionError, BrokenPipeError):
        pass
    except socket.timeout:
        return False
    return True


def silent():  # T102: 500 connections that say nothing, one that sends its head a byte at a time
    drip = connect()
    drip.sendall(b"GET / HT")
    others = []
    for i in range(500):
        try:
            others.append(connect())
        except OSError:
            pass
        if i % 100 == 99:
            served_within(1, f"{i + 1} silent connections")
    began = time.monotonic()
    ended = False
    while time.monotonic() - began < 8 and not ended:
        try:
            drip.sendall(b"x")
        except OSError:
            ended = True
        time.sleep(0.3)
    expect("the head that never ends is cut", ended, True)
    expect("silent ones are cut", all(gone(s, 5) for s in others[-20:]), True)
    served_within(1, "after that")


def never_reading():  # T102: they ask for a large file and take nothing
    target, n = ARGS[0], int(ARGS[1])
    hungry = []
    for _ in range(n):
        s = connect(rcvbuf=4096)
        s.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        hungry.append(s)
    time.sleep(2)
    served_within(1, f"{n} clients that do not read")
    time.sleep(4)
    served_within(1, "after they were cut")
    # What the kernels still hold can be read; then comes the end, long before the file's.
    for s in hungry[:3]:
        expect("cut", gone(s, 5), True)


def trickle():  # reads a little every now and then: moves, but slower than --least-speed
    s = connect(rcvbuf=4096)
    s.sendall(f"GET {ARGS[0]} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    began = time.monotonic()
    got = 0
    while time.monotonic() - began < 15:
        try:
            piece = s.recv(500)
        except OSError:
            break
        if not piece:
            break
        got += len(piece)
        time.sleep(0.1)
    took = time.monotonic() - began
    if took > 12:
        wrong.append(f"not cut in {took:.1f} s, {got} bytes")


def slow_start():  # reads nothing for a while, then calls back and reads to the end: exit 3 when the stream ended early
    target, size, signal_file, go_file = ARGS[0], int(ARGS[1]), ARGS[2], ARGS[3]
    s = connect(timeout=20, rcvbuf=65536)
    s.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    data = s.recv(1 << 16)
    open(signal_file, "w").close()
    while not os.path.exists(go_file):
        time.sleep(0.05)
    data += read_all(s)
    status, headers, body = parse(data)
    print(status, len(body), hashlib.sha256(body).hexdigest())
    sys.exit(0 if len(body) == size else 3)


globals()[TEST]()
for line in wrong[:20]:
    print(line)
sys.exit(1 if wrong else 0)
