#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A medium may answer differently the second time: unpack opens each of its files once, reads each byte once, and maps none.
. "${srcdir:-.}/tests/lib/cli.sh"
need strace python3
mkdir -p "$T/docs"; head -c 300000 /dev/urandom >"$T/docs/a"; seq 20000 >"$T/docs/b"
printf 'channel: prod\nitems:\n  - name: docs\n    type: dir\n    path: ./docs\n' >"$T/valise.yaml"
cd "$T" || exit 1
run valise keygen -o k --no-password; exits 0
run valise pack --store left -f valise.yaml -k k.key -o OUT; exits 0
run valise trust add k.pub; exits 0
run strace -f -y -qq -e trace=openat,read,pread64,readv,mmap,copy_file_range,sendfile -o "$T/trace" "$VALISE" unpack OUT
exits 0
cat >"$T/judge.py" <<'PY'
import os, re, sys
root, opens, bytes_read, bad = os.path.realpath(sys.argv[1]), {}, {}, []
for line in open(sys.argv[2], errors="replace"):
    m = re.search(r"= \d+<(%s/[^>]*)>" % re.escape(root), line)
    if " openat(" in line and m:
        opens[m[1]] = opens.get(m[1], 0) + 1
    m = re.search(r"(read|pread64|readv|mmap|copy_file_range|sendfile)\(.*?<(%s/[^>]*)>.*= (-?\d+)" % re.escape(root), line)
    if m:
        if m[1] not in ("read", "pread64", "readv"):
            bad.append("%s of %s" % (m[1], m[2]))
        bytes_read[m[2]] = bytes_read.get(m[2], 0) + max(0, int(m[3]))
files = [p for p in opens if os.path.isfile(p)]
if not any("parcels/" in p for p in files):
    bad.append("no parcel was opened: the trace is not understood")
for p in files:
    if opens[p] != 1:
        bad.append("%s opened %d times" % (p, opens[p]))
    if bytes_read.get(p, 0) > os.path.getsize(p):
        bad.append("%s: %d bytes read of %d" % (p, bytes_read[p], os.path.getsize(p)))
print("\n".join(bad))
sys.exit(1 if bad else 0)
PY
check "each file of the medium is opened once and read once" python3 "$T/judge.py" "$T/OUT" "$T/trace"
t_done
