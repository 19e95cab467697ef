#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# One store, one writer: the second one is told at once, or waits; readers do not care; a dead one leaves no lock.
. "${srcdir:-.}/tests/lib/cli.sh"
need python3
W=$T/w; mkdir "$W"; cd "$W" || exit 1
mkdir docs; echo hello >docs/a
printf 'channel: prod\nexpires: 14d\nitems:\n  - name: docs\n    type: dir\n    path: ./docs\n' >valise.yaml
valise keygen -o k --no-password >/dev/null || bail "keygen"
valise --store "$W/a" pack -k k.key -o out -q >/dev/null 2>&1 || bail "pack"
VALISE_STORE=$W/b; export VALISE_STORE
valise trust add k.pub >/dev/null || bail "trust"
valise unpack out >/dev/null 2>&1 || bail "unpack"
tree=$(tree_of b)

# Holds the store's lock as valise does, until the file $2 is gone.
cat >hold.py <<'P'
import fcntl, os, struct, sys, time
fd = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
open("held", "w").close()
while os.path.exists(sys.argv[2]):
    time.sleep(0.05)
P
# hold FILE: in the background, until FILE is gone; returns when the lock is held
hold() {
	rm -f held; : >"$1"
	python3 hold.py b/lock "$1" & holder=$!
	i=0; while [ ! -e held ] && [ $i -lt 400 ]; do i=$((i + 1)); sleep 0.05; done
}
hold one

run valise unpack out; exits 20; complains 'E2001'; complains 'store unchanged'
run valise trust add k.pub; exits 20; complains 'E2001'
run valise fsck --rebuild-state; exits 20
run valise unpack out --lock-wait=1; exits 20
same "$(tree_of b)" "$tree" "the store is as it was"
run valise status; exits 0; says 'channel prod'
run valise verify out; exits 0
run valise fsck; exits 0
run valise list; exits 0

(sleep 0.5; rm one) &
run valise unpack out --lock-wait
exits 0; says 'already installed'
wait "$holder"
run valise unpack out; exits 0

# kill -9 does not leave a lock
hold two
run valise unpack out; exits 20
kill -9 "$holder"; wait "$holder" 2>/dev/null
run valise unpack out; exits 0
t_done
