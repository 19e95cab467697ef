#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Looking after a store: back to an older sequence and forward again, and making room.
. "${srcdir:-.}/tests/lib/cli.sh"
need minisign
W=$T/w; mkdir "$W"; cd "$W" || exit 1
valise keygen -o k --no-password >/dev/null || bail "keygen"
mkdir docs
# pack N [OPTION..]: sequence N with its own text, in out/prod-00000N
pack() {
	echo "this is $1" >docs/a; head -c 20000 /dev/urandom >docs/noise; echo "only in $1" >"docs/only-$1"
	printf 'channel: %s\nexpires: 14d\nitems:\n  - name: docs\n    type: dir\n    path: ./docs\n' "${CH:-prod}" >l.yaml
	valise pack --store left -f l.yaml -k k.key -o "out-$1" >log 2>&1 || { cat log; bail "pack $1"; }
	rm "docs/only-$1"
}
for i in 1 2 3 4; do pack $i; done
CH=lab pack 9
printf 'channel: prod\nexpires: 14d\nitems:\n  - name: docs\n    type: dir\n    path: ./docs\n' >p.yaml
printf 'places:\n  - consumer: files\n    channel: prod\n    item: docs\n    path: %s/target\n' "$W" >"$T/valise.conf"
S=$VALISE_STORE
high() { tr -d ' \n' <"$S/state/high.json" | sed 's/.*"name":"prod","epoch":1,"sequence":\([0-9]*\).*/\1/'; }
is_at() {
	same "$(cat target/a)" "this is $1" "the place outside has $1"
	same "$(cat "$S/current/places/prod/files/docs/a")" "this is $1" "the place inside has $1"
	same "$(sed 's/.*"sequence":\([0-9]*\).*/\1/' "$S/current/prod.waybill.json")" "$1" "the waybill is that of $1"
}

run valise rollback; exits 2; complains 'E0207: there is no store at .*Name it with --store'
valise trust add k.pub >/dev/null
run valise rollback; exits 2; complains 'E0207: the store is empty'
run valise gc; exits 0; says '^nothing to remove'
for i in 1 2 3; do run valise unpack "out-$i"; exits 0; done
is_at 3
first=$(tree_of "$S")

# not done
run valise rollback 7; exits 2; complains 'E0207: prod 7 is not in the store; it holds 1, 2 and 3; store unchanged (prod 3)'
complains 'allow-rollback 7'
run valise rollback x; exits 2; complains '"x" is not a sequence number'
run valise rollback -c lab; exits 2; complains 'E0207: channel lab is not in this store; it has prod 3'
run valise rollback -n; exits 0; says '^would install again: prod 2 (3 before)'
run valise rollback --json -n 1; exits 0; says '"sequence":1,"previous":3,"highest":3,"already":false,"dry-run":true'
same "$(tree_of "$S")" "$first" "nothing has changed"

# done
run valise rollback; exits 0; says '^installed again: prod 2 (3 before), packed .*, expires in '
says '^Bundles older than prod 3 stay refused'
is_at 2; same "$(high)" 3 "the mark stays"
run valise status; exits 0; says 'channel prod, sequence 2'; says '^  gone back from prod 3; to return: valise rollback 3, or'
run valise status --json; says '"sequence":2,.*"highest":3'
run valise status; says '^  installed .*, signed by'; says '^  installed again by a rollback '
cp -a "$S" gone; run valise --store gone gc --keep 1; exits 0; run valise --store gone log; exits 0
says '^  prod 2  installed again '; says_not 'unpacked'; rm -rf gone
run valise rollback 2; exits 0; says '^nothing to do: prod is at 2'
run valise rollback; exits 0; says '^installed again: prod 1 (2 before)'; is_at 1
run valise rollback; exits 2; complains 'E0207: the store holds nothing of prod before 1'; is_at 1
run minisign -VHm "$S/current/prod.waybill.json" -x "$S/current/prod.waybill.json.minisig" -p k.pub; exits 0

# afterwards: what is older than the mark is refused as before, the mark itself and what is newer come in
run valise unpack out-2; exits 12; complains 'E1201: prod 2 is older than prod 3'; is_at 1
run valise unpack out-3; exits 0; says '^installed: prod 3 (1 before)'; is_at 3
run valise unpack out-3; exits 0; says '^already installed: prod 3'
run valise status; says_not 'gone back'
run valise rollback 1; exits 0; run valise rollback 3; exits 0; says '^installed again: prod 3 (1 before)'
says_not 'stay refused'; is_at 3
run valise rollback 2; exits 0; run valise unpack out-4; exits 0; says '^installed: prod 4 (2 before)'; is_at 4
same "$(high)" 4 "the mark rises again"

# two channels
run valise unpack out-9; exits 0
run valise rollback; exits 2; complains 'E0201: say which channel with --channel; the store has lab 1, prod 4'
run valise rollback -c prod 2; exits 0; is_at 2
check "the other channel's papers and places stay" test -s "$S/current/lab.waybill.json" -a -s "$S/current/places/lab/files/docs/a"
run valise rollback -c prod 4; exits 0

# expired
run valise rollback -c prod 3; exits 0
sed -i 's/"valise.expires":"[^"]*"/"valise.expires":"2026-11-01T00:00:00Z"/g' "$S"/generations/*/index.json
run valise rollback -c prod 2; exits 13; complains 'E1301: prod 2 expired .*; store unchanged (lab 1, prod 3)'
run valise rollback -c prod 2 --accept-expired; exits 0; complains 'accepted because you said so'; is_at 2

# gc: what it says beforehand is what it does; what is current stays whole
before=$(find "$S/blobs/sha256" -type f | wc -l)
run valise gc --keep 0; exits 2; complains 'E0201: --keep must be at least 1'
run valise gc -n --keep 1; exits 0; cp "$T/out" plan; says '^would free [0-9.]* [kM]*B: [0-9]* generations, [0-9]* blobs$'
same "$(find "$S/blobs/sha256" -type f | wc -l)" "$before" "a dry run removes nothing"
run valise gc --keep 1; exits 0; says '^kept 1 generation with '
same "$(head -n 1 "$T/out")" "$(sed 's/would free/freed/;1q' plan)" "it does what it said"
run valise fsck; exits 0; is_at 2
same "$(find "$S/generations" -mindepth 1 -maxdepth 1 | wc -l)" 1 "one generation is left"
same "$(high)" 4 "the marks are not touched"
run valise gc --json; exits 0; says '"command":"gc","dry-run":false,"bytes":0,"generations":0,"blobs":0'
run valise rollback -c prod 4; exits 2; complains 'prod 4 is not in the store; it holds 2'
run valise unpack out-3; exits 12
run valise unpack out-4; exits 0; is_at 4
run valise rollback; exits 2
run valise rollback -c prod --accept-expired; exits 0; is_at 2

# a blob that is missing: nothing is done, and it is said which item needs it
run valise rollback -c prod 4; exits 0
# shellcheck disable=SC2012
blob=$(sha256sum "$S"/generations/*/places/prod/files/docs/only-2 | head -n 1 | cut -d' ' -f1)
rm -f "$S/blobs/sha256/$blob"; first=$(tree_of "$S")
run valise rollback -c prod 2 --accept-expired; exits 11
complains "E1105: prod 2 cannot be gone back to: blob sha256:$blob is missing, needed by docs; store unchanged (lab 1, prod 4)"
complains 'fsck --repair-from'
run valise gc; exits 11; complains "nothing was removed from .*generation [0-9]* is to be kept: prod 2: blob sha256:$blob is missing"
same "$(tree_of "$S")" "$first" "neither changed anything"
run valise gc --keep 1; exits 0

# the packing side: what was fetched before, and no places, which it never had
run valise --store left rollback -c prod; exits 0; says '^installed again: prod 3 (4 before)'; complains_not
check "no places are made there" test ! -e left/current/places
run valise --store left pack --no-fetch -f p.yaml -k k.key -o again; exits 0; complains 'repeats the content of prod 3'
same "$(ls again)" prod-000005 "it has a number of its own"
run valise unpack again; exits 0; same "$(cat target/a)" "this is 3" "the older content, as the newest bundle"
run valise --store left gc --keep 1; exits 0; says '^freed .*: [0-9]* generations, [0-9]* blobs'
run valise --store left pack -f p.yaml -k k.key -o last; exits 0; run valise verify last -t k.pub; exits 0
run valise --store left fsck -a; exits 0
t_done
