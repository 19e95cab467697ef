#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# T82: a store on a small file system of its own, really filled up: exit 21, the old generation stays; with room again the same
# command goes on. In the end nothing is left over.
. "${srcdir:-.}/tests/lib/cli.sh"
need unshare python3 pgrep
if [ -z "${VALISE_IN_NAMESPACE:-}" ]; then
	unshare -rm true 2>/dev/null || skip_all "no mount namespaces for this user"
	t_cleanup; trap - EXIT
	VALISE_IN_NAMESPACE=1 exec unshare -rm "$0"
fi
cd "$T" || exit 1
mkdir fs docs
mount -t tmpfs -o size=8m tmpfs fs || skip_all "cannot mount a tmpfs"
trap 'umount "$T/fs"; t_cleanup' EXIT
S="--store $T/fs/store"
noise() { python3 -c 'import random, sys; random.seed(int(sys.argv[1])); sys.stdout.buffer.write(random.randbytes(int(sys.argv[2])))' "$1" "$2"; }
printf 'channel: prod\nitems:\n  - name: docs\n    type: dir\n    path: ./docs\n' >valise.yaml
valise keygen -o k --no-password >/dev/null || bail "keygen"
noise 1 1000000 >docs/one
valise pack --store left -k k.key -o a -q >/dev/null 2>&1 || bail "pack a"
for i in 2 3 4 5 6; do noise $i 1000000 >docs/$i; done
valise pack --store left -k k.key -o b -q >/dev/null 2>&1 || bail "pack b"
valise trust add k.pub $S >/dev/null || bail "trust"
run valise unpack a $S; exits 0
tree=$(tree_of fs/store)

# refused before anything is written: the bundle says how much it needs
head -c 2000000 /dev/zero >fs/ballast
run valise unpack b $S
exits 21; complains 'E2101: .*needs .* but only .* is free'; complains 'store unchanged (prod 1)'
same "$(tree_of fs/store)" "$tree" "the store is as it was"
run valise unpack b $S --dry-run
exits 21

# filled up by somebody else while it is written: stopped at its third fsync, no room left, then on
rm fs/ballast
if command -v strace >/dev/null 2>&1; then
	strace -f -qq -o "$T/strace" -e trace=fsync -e inject=fsync:signal=SIGSTOP:when=3 "$VALISE" unpack b $S >"$T/out" 2>"$T/err" &
	tracer=$! tries=0
	until pid=$(pgrep -P $tracer) && grep -q 'stopped by SIGSTOP' "$T/strace"; do
		tries=$((tries + 1)); [ $tries -lt 100 ] || bail "it does not stop"
		sleep 0.1
	done
	cat /dev/zero >fs/ballast 2>/dev/null
	kill -CONT "$pid"; wait $tracer; STATUS=$? LAST="valise unpack b, filled up meanwhile"
	exits 21; complains 'store unchanged (prod 1)'
	same "$(readlink fs/store/current)" generations/000001 "the old generation is current"
	run valise fsck $S; exits 0
	rm fs/ballast
fi
run valise unpack b $S
exits 0; says 'installed: prod 2'
run valise fsck $S; exits 0
check "nothing is left in staging" test -z "$(ls fs/store/staging)"
t_done
