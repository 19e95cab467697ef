#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fsck --repair-from is killed before every call that changes a file, while a damaged blob is also a place's file (one inode).
# After each kill the same command mends both: what is damaged stays known until the place has its content again.
. "${srcdir:-.}/tests/lib/cli.sh"
need strace taskset
strace -qq -o /dev/null -e inject=getpid:retval=1 true 2>/dev/null || skip_all "strace cannot inject faults here"
ASAN_OPTIONS=detect_leaks=0; export ASAN_OPTIONS
cd "$T" || exit 1
valise keygen -o k --no-password >/dev/null 2>&1 || bail "keygen"
mkdir docs; seq 1000 >docs/a
printf 'channel: prod\nexpires: 14d\nitems:\n  - name: docs\n    type: dir\n    path: ./docs\n' >l.yaml
valise pack --store left -f l.yaml -k k.key -o b >log 2>&1 || bail "pack"
valise trust add k.pub >/dev/null; valise unpack b >/dev/null 2>&1 || bail "unpack"
S=$VALISE_STORE
blob=$S/blobs/sha256/$(sha256sum docs/a | cut -d' ' -f1)
place=$S/current/places/prod/files/docs/a
# shellcheck disable=SC2012
[ "$(ls -i "$blob" | cut -d' ' -f1)" = "$(ls -i "$place" | cut -d' ' -f1)" ] || skip_all "places are no links here"
cp -a "$S" whole # a copy whose links are its own
rot() { chmod u+w "$blob"; printf XX | dd of="$blob" bs=1 conv=notrunc 2>/dev/null; chmod a-w "$blob"; }
fresh() { rm -rf "$S"; cp -a whole "$S"; rot; }
calls='pwrite64 write fsync fchmod ftruncate renameat unlinkat'
fresh
for call in $calls; do
	n=0 killed=0 bad=
	while n=$((n + 1)); [ $n -le 40 ]; do
		fresh
		taskset -c 0 strace -f -qq -o /dev/null -e "trace=$call" -e signal=none -e "inject=$call:signal=SIGKILL:when=$n" \
			"$VALISE" fsck --repair-from b >killed.out 2>&1 </dev/null
		[ $? -eq 137 ] || break
		killed=$((killed + 1))
		valise fsck --repair-from b >again 2>&1 || bad="$bad $n(fsck)"
		cmp -s docs/a "$blob" || bad="$bad $n(blob)"
		cmp -s docs/a "$place" || bad="$bad $n(place)"
		[ -z "$(find "$blob" "$place" -perm /222)" ] || bad="$bad $n(mode)"
	done
	same "$bad" "" "killed before each $call ($killed times): the next run mends blob and place"
done
t_done
