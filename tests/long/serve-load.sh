#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 64 clients at once pull a gigabyte of blobs from valise serve, first unknown to it, then known: all complete with the
# right digests, and the server stays small. Silent and slow clients hang around meanwhile.
. "${srcdir:-.}/tests/lib/cli.sh"
. "$SRC/tests/lib/serve.sh"
need python3 curl
mkdir -p "$T/d"
# One of 512 MiB, two of 128, eight of 32, and 64 small ones.
python3 - "$T/d" <<'PY'
import random, sys
rng = random.Random(5)
block = rng.randbytes(1 << 20)
def make(name, size):
    with open(f"{sys.argv[1]}/{name}", "wb") as f:
        f.write(name.encode())
        while f.tell() < size:
            f.write(block[:size - f.tell()])
make("large", 512 << 20)
for i in range(2):
    make(f"middle{i}", 128 << 20)
for i in range(8):
    make(f"layer{i}", 32 << 20)
for i in range(64):
    make(f"small{i:02}", rng.randrange(100, 200000))
PY
printf 'channel: prod\nitems:\n  - name: mix\n    type: dir\n    path: %s\n' "$T/d" >"$T/valise.yaml"
run valise fetch -q -f "$T/valise.yaml"; exits 0
(cd "$T/d" && sha256sum ./*) >"$T/sums"

cat >"$T/pull.py" <<'PY'
import hashlib, http.client, random, sys, threading
port, rounds = int(sys.argv[1]), int(sys.argv[2])
sums = {n[2:]: h for h, n in (line.split() for line in open(sys.argv[3]))}
bad, lock, total = [], threading.Lock(), [0]

def pull(n):
    rng = random.Random(n)
    names = [k for k in sums if k.startswith("small")]
    mine = rng.sample(names, 8) + [f"layer{n % 8}"] + ([f"middle{n % 2}"] if n % 8 == 0 else []) + (["large"] if n % 32 == 0 else [])
    rng.shuffle(mine)
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    for _ in range(rounds):
        for name in mine:
            h, got = hashlib.sha256(), 0
            c.request("GET", f"/files/mix/{name}")
            r = c.getresponse()
            while piece := r.read(1 << 18):
                h.update(piece)
                got += len(piece)
            with lock:
                total[0] += got
                if r.status != 200 or h.hexdigest() != sums[name]:
                    bad.append(f"client {n}: {name}: {r.status}, {got} bytes, {h.hexdigest()}")

threads = [threading.Thread(target=pull, args=(n,)) for n in range(64)]
for t in threads: t.start()
for t in threads: t.join()
print(f"{total[0] / 1e9:.2f} GB pulled")
print("\n".join(bad[:10]))
sys.exit(bool(bad))
PY
peak() { awk '/^VmHWM:/ { print int($2 / 1024) }' "/proc/$SERVE_PID/status"; }
# shellcheck disable=SC2119 # no options
serve
python3 - "$PORT" <<'PY' & idle=$!
import socket, sys, time
s = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(60)]
for one in s[:20]: one.sendall(b"GET /files/mix/large HTTP/1.1\r\nHost: x\r\n\r\n")
time.sleep(600)
PY
T_PIDS="$T_PIDS $idle"
check '64 clients, nothing is known yet' timeout 300 python3 "$T/pull.py" "$PORT" 1 "$T/sums"; sed 's/^/# /' "$T/check"
echo "# peak memory $(peak) MiB"
check '64 clients, everything is known' timeout 300 python3 "$T/pull.py" "$PORT" 2 "$T/sums"; sed 's/^/# /' "$T/check"
echo "# peak memory $(peak) MiB"
check 'peak memory below 64 MiB' [ "$(peak)" -lt 64 ]
check 'nothing was cut that should not' sh -c "! grep 'broken off' '$T/serve.err' | grep -v mix/large"
kill "$idle"; serve_stop TERM; same "$STATUS" 0 'TERM ends it with 0'
t_done
