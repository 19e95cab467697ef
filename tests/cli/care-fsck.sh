#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A store whose disk lies: what is damaged, which items need it, and getting it again from a bundle, a store, a layout.
. "${srcdir:-.}/tests/lib/cli.sh"
need jq minisign
W=$T/w; mkdir "$W"; cd "$W" || exit 1
valise keygen -o k --no-password >/dev/null || bail "keygen"
valise keygen -o other --no-password >/dev/null
mkdir one two
echo shared >one/same; cp one/same two/same; echo only one >one/a; echo only two >two/b; head -c 3000000 /dev/urandom >one/noise
pack() {
	printf 'channel: prod\nexpires: 14d\nitems:\n  - name: first\n    type: dir\n    path: ./one\n  - name: second\n    type: dir\n    path: ./two\n' >l.yaml
	valise pack --store left -f l.yaml -k k.key -o "$1" >log 2>&1 || { cat log; bail "pack $1"; }
}
pack b1
S=$VALISE_STORE; valise trust add k.pub >/dev/null
valise unpack b1 >/dev/null 2>&1 || bail "unpack"
cp -a "$S" whole
blob() { sha256sum "$1" | cut -d' ' -f1; }
same=$(blob one/same) a=$(blob one/a) noise=$(blob one/noise)
manifest=$(valise --json list | jq -r 'select(.item == "first").digest' | cut -d: -f2)
root=$(valise --json status | jq -r 'select(.type == "channel").root' | cut -d: -f2)
fresh() { rm -rf "$S"; cp -a whole "$S"; }
rot() { for b in "$@"; do chmod u+w "$S/blobs/sha256/$b"; printf XX | dd of="$S/blobs/sha256/$b" bs=1 conv=notrunc 2>/dev/null; chmod a-w "$S/blobs/sha256/$b"; done; }
lose() { for b in "$@"; do rm -f "$S/blobs/sha256/$b"; done; }
healthy() { run valise fsck; exits 0; says '^8 blobs checked, 3.0 MB, all good'; same "$(cd "$S/blobs/sha256" && sha256sum -- * | awk '$1 != $2')" "" "every blob has its content"; }
healthy

# every item is named, once each
rot "$same"; run valise fsck; exits 24
says "^damaged  sha256:$same  prod: first, same$"; says "^damaged  sha256:$same  prod: second, same$"
same "$(grep -c . "$T/out")" 3 "three lines"
says '^8 blobs checked, 3.0 MB, NOT good'; complains 'E2401: 1 of the things checked is damaged. Mend it with valise fsck --repair-from BUNDLE'
run valise fsck --json; exits 24
same "$(jq -r 'select(.type == "fault") | "\(.item) \(.title) \(.repaired) \(.text)"' "$T/out" | head -n 1)" \
	"first same false the content is not what its name says" "the same as JSON"
same "$(jq -r 'select(.type == "result") | "\(.blobs) \(.faults) \(.repaired)"' "$T/out")" "8 1 0" "and the result"

# from the bundle; the place shares the damaged file, so it is mended with it
check "the place is damaged, too" test "$(cat "$S/current/places/prod/files/first/same")" != shared
run valise fsck --repair-from b1; exits 0
says "^repaired  sha256:$same  prod: first, same$"; says '^repaired 1 of 1$'; says 'all good$'
same "$(cat "$S/current/places/prod/files/first/same" "$S/current/places/prod/files/second/same")" "shared
shared" "the places are whole"
same "$(find "$S" -type f -perm /222 -path '*sha256*')" "" "no blob can be written"
same "$(ls "$S/staging")" "" "nothing is left in staging"
healthy

# everything at once: the root, a manifest, content; missing or damaged
for how in rot lose; do
	for from in b1 whole b1/prod-000001; do
		fresh; $how "$root" "$manifest" "$same" "$a" "$noise"
		run valise fsck; exits 24; says "$root  prod: the snapshot itself"; says_not "$a"
		run valise fsck --repair-from "$from"; exits 0
		says '^repaired 5 of 5$'; says "^repaired  sha256:$noise  prod: first, noise$"
		healthy
	done
done

# half of it: what is still missing is named, with who needs it; a second source brings the rest
fresh; lose "$same" "$noise" "$manifest"
mkdir -p layout/blobs/sha256; echo '{"imageLayoutVersion":"1.0.0"}' >layout/oci-layout
cp "whole/blobs/sha256/$manifest" "whole/blobs/sha256/$same" layout/blobs/sha256/
echo garbage >"layout/blobs/sha256/$noise"
run valise fsck --repair-from layout; exits 24
says "^repaired 2 of 3; sha256:$noise is still missing, needed by prod: first, noise$"
says "^missing  sha256:$noise  prod: first, noise$"; complains "sha256:$noise has another size there"; complains 'Name another source'
head -c 3000000 /dev/zero >"layout/blobs/sha256/$noise"
run valise fsck --repair-from layout; exits 24; complains "E1106: .*$noise"
run valise fsck --repair-from layout --repair-from b1; exits 0; healthy

# a bundle that nobody vouches for is not opened; one that is damaged or of other content is no help
fresh; lose "$a"
cp -a b1 forged; cd forged/* || exit 1
minisign -S -s "$W/other.key" -m waybill.json -x waybill.json.minisig -t "$(sed -n 's/^trusted comment: //p' waybill.json.minisig)" >/dev/null 2>&1 </dev/null
cd "$W" || exit 1
run valise fsck --repair-from forged; exits 24; complains 'warning: .*E1005'; says '^repaired 0 of 1; '
run valise fsck --repair-from forged -t other.pub; exits 0; healthy
fresh; lose "$a"; cp -a b1 flipped; for p in flipped/*/parcels/*; do printf X | dd of="$p" bs=1 seek=3000 conv=notrunc 2>/dev/null; done
run valise fsck --repair-from flipped; exits 24; complains 'warning: .*E1102'
run valise fsck --repair-from none; exits 2; complains 'none'
run valise fsck --repair-from one; exits 24; complains 'warning: .*E1502'
rm -f "layout/blobs/sha256/$a"; mkfifo "layout/blobs/sha256/$a"
run timeout 10 "$VALISE" fsck --repair-from layout; exits 24
# older than what was accepted: nothing is installed by it
echo new >one/more; pack b2; lose "$same"
valise unpack b2 >/dev/null 2>&1 || bail "unpack b2"
lose "$same"; run valise fsck --repair-from b1; exits 0; run valise status; says 'sequence 2'
run valise unpack b1; exits 12

# generations that rollback can go to

old=$(jq -r '.manifests[0].digest' "$S/generations/000001/index.json" | cut -d: -f2)
lose "$old"; run valise fsck; exits 0
run valise fsck --all; exits 24; says "^missing  sha256:$old  prod 1: the snapshot itself$"
run valise gc; exits 11; complains 'nothing was removed'
run valise fsck -a --repair-from b1; exits 0
run valise rollback; exits 0; run valise gc --keep 1; exits 0; run valise fsck -a; exits 0
t_done
