#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Looking after a store on a host that only receives: a bundle that lies in the source heals it; gc leaves what is needed.
. "${srcdir:-.}/tests/lib/cli.sh"
need xz base64 tar
golden=$(find "$SRC/tests/golden" -name '*.b64' | sort | head -n 1)
mkdir "$T/b" && base64 -d "$golden" | xz -dc | tar xf - -C "$T/b" || bail "cannot open $golden"
cd "$T" || exit 1
valise trust add b/golden.pub >/dev/null; run valise unpack b --accept-expired; exits 0
same "$(cat store/current/places/golden/files/docs/hello.txt)" hello "it is installed"
run valise rollback; exits 2; complains 'E0207: the store holds nothing of golden before'
seq=$(valise status --json | sed -n 's/.*"sequence":\([0-9]*\).*/\1/p' | head -n 1)
run valise rollback "$seq" -q; exits 0; says "^nothing to do: golden is at $seq"

blob=$(printf 'hello\n' | sha256sum | cut -d' ' -f1)
chmod u+w "store/blobs/sha256/$blob"; printf XX >"store/blobs/sha256/$blob"
run valise fsck; exits 24; says "^damaged  sha256:$blob  golden: docs, hello.txt$"
run valise fsck --repair-from b; exits 0; says '^repaired 1 of 1$'
same "$(cat store/current/places/golden/files/docs/hello.txt)" hello "the place is mended with it"

orphan=$(printf 'nobody needs this' | sha256sum | cut -d' ' -f1); printf 'nobody needs this' >"store/blobs/sha256/$orphan"
run valise gc; exits 0; says '^freed 17 B: 1 blob$'; says '^kept 1 generation with '
run valise fsck -a; exits 0; says 'all good$'
t_done
