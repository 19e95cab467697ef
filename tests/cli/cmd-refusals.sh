#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What unpack refuses: each with its own exit status and code, and with the store as it was.
. "${srcdir:-.}/tests/lib/cli.sh"
need faketime
W=$T/w; mkdir "$W"; cd "$W" || exit 1
ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0"; export ASAN_OPTIONS
mkdir docs; head -c 200000 /dev/urandom >docs/a; echo b >docs/b
printf 'channel: prod\nexpires: 14d\nitems:\n  - name: docs\n    type: dir\n    path: ./docs\n' >valise.yaml
for k in k l; do valise keygen -o $k --no-password >/dev/null || bail "keygen"; done
pack() { valise --store "$W/a" pack -q "$@" >/dev/null 2>"$T/pack.err" || { cat "$T/pack.err"; bail "pack $*"; }; }
B="--store $W/b"
pack -k k.key -o one
echo c >docs/c
pack -k k.key -o two
valise $B trust add k.pub >/dev/null || bail "trust"

# refused EXIT CODE WORDS..: the last run was refused and the store is as it was
refused() {
	exits "$1"; complains "valise: [a-z]*: $2: "; says_not '^installed'
	same "$(tree_of b)" "$tree" "$LAST: store unchanged"
}

tree=$(tree_of b)
run valise $B unpack two -t l.pub; refused 10 E1005; complains "$(sed -n '1s/.* //p' k.pub)"
run valise $B unpack two -c test; refused 12 E1203; complains 'test'; complains 'prod'
run valise $B unpack two --require-waybill "$(printf '%064d' 0)"; refused 12 E1206
run valise $B unpack nothing; refused 2 E0207
run valise $B unpack docs; refused 15 E1502
run faketime -f '+20d' "$VALISE" $B unpack two; refused 13 E1301
run valise $B unpack two --require-waybill "sha256:$(sha256sum <two/prod-000002/waybill.json | cut -d' ' -f1)"
exits 0

# what is installed
tree=$(tree_of b)
run valise $B unpack one
refused 12 E1201; complains 'store unchanged (prod 2)'
run valise $B verify one; exits 12
run valise $B unpack one --allow-rollback 7; refused 12 E1201
run valise $B unpack one --allow-rollback 0; refused 2 E0201
run valise $B unpack one two
exits 0; says 'already installed: prod 2'

# somebody else numbers from 1 too
echo d >docs/d
LAST="pack the other 2"
for i in 1 2; do valise --store "$W/a2" pack -q -k k.key -o other$i >/dev/null 2>&1 || bail "pack other"; done
run valise $B unpack other2
refused 12 E1202

# too far ahead
pack -k k.key -o far --sequence 20000
run valise $B unpack far; refused 12 E1205
run valise $B unpack far --accept-jump --dry-run; exits 0

# damage, one bundle each: names the file
damage() { rm -rf bad; cp -r far bad; d=bad/prod-020000; }
damage; printf X | dd of=$d/parcels/000001.tar.zst bs=1 seek=5000 conv=notrunc 2>/dev/null
run valise $B unpack bad --accept-jump; refused 11 E1102; complains 'parcels/000001\.tar\.zst'
run valise $B verify bad --accept-expired; exits 11; complains 'E1102: .*parcels/000001\.tar\.zst'; says_not damaged
echo x >>$d/READ-ME.txt
run valise $B verify bad --accept-expired; exits 11; complains 'E1102: 2 faults in a bundle of 1 parcel; the worst: '
says '^damaged  E1102: .*parcels/000001\.tar\.zst'; says '^damaged  E1102: .*READ-ME\.txt'
damage; truncate -s -1 $d/parcels/000001.tar.zst
run valise $B unpack bad --accept-jump; refused 11 E1103; complains 'parcels/000001\.tar\.zst'
damage; printf X >>$d/parcels/000001.tar.zst
run valise $B unpack bad --accept-jump; refused 11 E1103
damage; rm $d/parcels/000001.tar.zst
run valise $B unpack bad --accept-jump; refused 15 E1501; complains 'parcels/000001\.tar\.zst'
damage; sed -i 's/"sequence":20000/"sequence":20001/' $d/waybill.json
run valise $B unpack bad --accept-jump; refused 10 E1002
damage; rm $d/waybill.json.minisig
run valise $B unpack bad --accept-jump; refused 10 E1001
damage; : >$d/waybill.json.minisig
run valise $B unpack bad --accept-jump; refused 10 E1003
damage; rm $d/waybill.json
run valise $B unpack bad --accept-jump; refused 15 E1501; complains 'not written to the end'
damage; cp one/prod-000001/waybill.json.minisig $d/
run valise $B unpack bad --accept-jump; refused 10 E1002

# threshold
valise $B trust add l.pub --threshold 2 >/dev/null || bail "threshold"
tree=$(tree_of b)
run valise $B unpack far --accept-jump; refused 10 E1006; complains '1 of 2'
cp far/prod-020000/waybill.json.minisig "far/prod-020000/waybill.json.$(sed -n '1s/.* //p' l.pub).minisig"
run valise $B unpack far --accept-jump; refused 10 E1006
pack -k k.key -k l.key -o both --sequence 20001
run valise $B unpack both --accept-jump
exits 0; says 'installed: prod 20001'

# expiry forbids to install, not to have
run faketime -f '+20d' "$VALISE" $B status
exits 0; says 'EXPIRED [5-7] days ago'
run faketime -f '+20d' "$VALISE" $B status --max-age 90d; exits 13; complains 'E1301'
run faketime -f '+3d' "$VALISE" $B status --max-age 2d; exits 13; complains 'E1302'
run faketime -f '+3d' "$VALISE" $B status --max-age 4d; exits 0
pack -k k.key -k l.key -o late
tree=$(tree_of b)
run faketime -f '+20d' "$VALISE" $B unpack late; refused 13 E1301
run faketime '1970-01-02 00:00:00' "$VALISE" $B verify late; exits 0; complains 'clock'
run faketime -f '+20d' "$VALISE" $B unpack late --accept-expired
exits 0; says 'installed: prod 20002'

# going back needs the exact number
run valise $B unpack both; exits 12
run valise $B unpack both --allow-rollback 20001
exits 0; says 'installed: prod 20001'
t_done
