#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# T91, T92: valise pack is killed before every call that changes a file, and then each of these calls fails with "no space" and
# with "I/O error". Each time: what lies on the medium is no bundle or a whole one; a number that was signed once is never signed
# again with other content; the same command again works. VALISE_SWEEP_STEP=N takes every Nth point only.
. "${srcdir:-.}/tests/lib/cli.sh"
need strace minisign
strace -qq -o /dev/null -e inject=getpid:retval=1 true 2>/dev/null || skip_all "strace cannot inject faults here"
cd "$T" || exit 1
calls="mkdir mkdirat write pwrite64 rename renameat renameat2 unlinkat symlinkat linkat fsync syncfs fchmod ftruncate fallocate"
step=${VALISE_SWEEP_STEP:-1}
mkdir docs; echo old >docs/a
printf 'channel: prod\nitems:\n  - name: docs\n    type: dir\n    path: ./docs\n' >valise.yaml
valise keygen -o k --no-password >log 2>&1 || bail "keygen"
valise pack --store store0 -k k.key -o out0 >log 2>&1 || bail "pack"
echo new >docs/a; seq 5000 >docs/b

fresh() { rm -rf store out; cp -a store0 store; cp -a out0 out; }
pack() { "$@" "$VALISE" pack --store store -k k.key -o out -j 1 -q >path 2>err </dev/null; }
# whole BUNDLE: its signature and its parcels are good
whole() { minisign -VHqm "$1/waybill.json" -p k.pub && (cd "$1" && sha256sum -c --quiet SHA256SUMS); }
fault() { echo "# $call $k: $1"; faults=$((faults + 1)); }

# After a fault: no bundle 2, or one without a waybill, or one that is whole and keeps its bytes.
judge() {
	sealed=
	if [ -f out/prod-000002/waybill.json.minisig ] && minisign -VHqm out/prod-000002/waybill.json -p k.pub 2>/dev/null; then
		sealed=$(sha256sum <out/prod-000002/waybill.json)
		(cd out/prod-000002 && sha256sum -c --quiet SHA256SUMS) >log 2>&1 || fault "signed before the parcels were there"
	fi
	pack || { fault "the same command again fails: $(cat err)"; return; }
	whole "$(cat path)" >log 2>&1 || fault "the next bundle is not whole: $(cat log)"
	[ -z "$sealed" ] && return
	[ "$(sha256sum <out/prod-000002/waybill.json)" = "$sealed" ] || fault "a signed bundle was changed"
	[ "$(cat path)" != out/prod-000002 ] || fault "a number was given twice"
}

# sweep WHAT STRACE-ACTION
sweep() {
	points=0 faults=0
	for call in $calls; do
		k=1
		while fresh; pack strace -qq -f -o trace -e trace="$call" -e inject="$call:$2:when=$k"; status=$?
			grep -q -e INJECTED -e 'killed by' trace; do
			points=$((points + 1))
			if [ "$1" != kill ] && [ $status -ne 0 ]; then
				# only the last write, to stdout, fails when the bundle is whole
				[ ! -e out/prod-000002 ] || whole out/prod-000002 >log 2>&1 || fault "an unfinished bundle stayed"
				grep -q '^valise: pack: E[0-9]' err || fault "exit $status without an error: $(cat err)"
			fi
			judge
			k=$((k + step))
		done
	done
	LAST="pack under $1"; STATUS=0
	same "$faults" 0 "$1: no fault at $points points"
	check "$1: there were points" test "$points" -gt $((40 / step))
}
sweep kill signal=SIGKILL
sweep ENOSPC error=ENOSPC
sweep EIO error=EIO
t_done
