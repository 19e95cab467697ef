#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# --json: every line of stdout is one JSON object with a type, results come, errors are one object on stderr.
. "${srcdir:-.}/tests/lib/cli.sh"
need jq
W=$T/w; mkdir "$W"; cd "$W" || exit 1
mkdir docs; echo hello >docs/a; head -c 100000 /dev/urandom >docs/b
printf 'channel: prod\nexpires: 14d\nitems:\n  - name: docs\n    type: dir\n    path: ./docs\n' >valise.yaml

# good FILTER: exit 0, stderr empty, every line an object with a type, one of them matches
good() {
	exits 0; complains_not
	check "$LAST: every line is an object with a type" jq -e -s -R 'split("\n") | map(select(. != "") | fromjson | .type | type == "string") | all' "$T/out"
	same "$(grep -cv '^{.*}$' "$T/out")" 0 "$LAST: one object per line"
	check "$LAST: has $1" jq -e -s "map(select($1)) | length >= 1" "$T/out"
}
run valise --json init x --channel test; good '.type == "result" and .command == "init"'
run valise --json init --list; good '.type == "source" and .source == "osv"'
run valise --json keygen -o k --no-password; good '.type == "key" and (."public-key" | length) == 56'
run valise --json fetch --dry-run; good '.type == "would-fetch" and .item == "docs" and ."item-type" == "dir"'
run valise --json fetch; good '.type == "result" and .command == "fetch" and .changed == true and .failed == 0'
run valise --json pack -k k.key -o out --dry-run; good '.type == "result" and ."dry-run" == true and .carried > 0'
run valise --json pack -k k.key -o out
good '.type == "result" and .path == "out/prod-000001" and .sequence == 1 and .signed == true'
check "pack: phases begin and end" jq -e -s 'map(select(.type == "phase" or .type == "phase-end")) | length >= 2' "$T/out"
waybill=sha256:$(sha256sum <out/prod-000001/waybill.json | cut -d' ' -f1)
same "$(jq -r 'select(.type == "result").waybill' "$T/out")" "$waybill" "pack: the waybill's digest"
VALISE_STORE=$W/b; export VALISE_STORE
run valise --json status; good '.type == "empty"'
run valise --json list; good '.type == "empty"'
run valise --json inspect out; good '.type == "bundle" and .verified == false'
check "inspect: items" jq -e -s 'map(select(.type == "item" and .item == "docs" and .files == 2)) | length == 1' "$T/out"
run valise --json inspect out -t k.pub; good '.type == "bundle" and .verified == true and (.signers | length) == 1'
run valise --json trust add k.pub; good '.type == "trusted"'
run valise --json trust list; good '.type == "trusted" and .note == "k.pub"'
run valise --json verify out; good ".type == \"result\" and (.signers | length) == 1 and .command == \"verify\" and .waybill == \"$waybill\""
run valise --json unpack out; good '.type == "result" and (.signers | length) == 1 and .command == "unpack" and .already == false and .sequence == 1'
run valise unpack out --json; good '.type == "result" and .already == true'
run valise --json status; good '.type == "channel" and (.signers | length) == 1 and .channel == "prod" and .expired == false'
check "status: items" jq -e -s 'map(select(.type == "item" and ."item-type" == "dir")) | length == 1' "$T/out"
run valise --json list docs; good '.type == "file" and .title == "a" and .bytes == 6'
run valise --json env; good '.type == "env" or .type == "comment"'
run valise --json fsck; good '.type == "result" and .faults == 0'
run valise --json version; good '.type == "version" and .pack == true'
run valise --json trust remove k.pub; good '.type == "removed" and .keys == 1'
run valise --json -q verify out -t k.pub
same "$(wc -l <"$T/out")" 1 "with -q the result alone"

# one error object, on stderr
printf X | dd of=out/prod-000001/parcels/000001.tar.zst bs=1 seek=2000 conv=notrunc 2>/dev/null
run valise --json --store "$W/c" unpack out -t k.pub
exits 11
same "$(wc -l <"$T/err")" 1 "one line on stderr"
check "code, exit, file, found, expected, store" jq -e '.type == "error" and .code == "E1102" and .exit == 11 and
	(.file | endswith("parcels/000001.tar.zst")) and (.found | length) > 7 and (.expected | length) > 7 and .found != .expected and
	.store == "unchanged" and (.message | length) > 10 and (.hint | length) > 5' "$T/err"
run valise --json verify out -t k.pub
exits 11
check "verify: each fault is an object" jq -e -s 'map(select(.type == "fault" and .code == "E1102")) | length == 1' "$T/out"
t_done
