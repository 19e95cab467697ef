#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A sender who is trusted and hostile: everything below the signature is a lie. Each bundle is refused with its code and
# leaves nothing, or does no harm; and nothing it says reaches the terminal as it is.
. "${srcdir:-.}/tests/lib/cli.sh"
need python3 zstd minisign
W=$T/w; mkdir "$W"; cd "$W" || exit 1
valise keygen -o k --no-password >/dev/null || bail "keygen"
mkdir b; python3 "$SRC/tests/lib/craft.py" k.key b >cases || bail "craft.py"
valise --store s0 trust add k.pub >/dev/null || bail "trust"
empty=$(tree_of s0)

# No control character but the line's end, none that reorders text, in all that was printed.
printable() {
	if cat "$@" | grep -qP '[\x00-\x09\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]'; then
		not_ok "$LAST: prints only what is printable"
	else
		ok "$LAST: prints only what is printable"
	fi
}
while read -r case code; do
	rm -rf s; cp -a s0 s
	run timeout 60 "$VALISE" --store s unpack "b/$case"
	exits $((code / 100)); printable "$T/out" "$T/err"
	if [ "$code" -ne 0 ]; then
		complains "E$code: "; complains 'store unchanged (empty)'
		same "$(tree_of s)" "$empty" "$LAST: leaves nothing"
		continue
	fi
	same "$(find s -type f -perm /7022 ! -name lock | head -n 1)" "" "$LAST: no file with rights of its own"
	same "$(find s/current/places/ ! -type d ! -type f)" "" "$LAST: places hold files and directories alone"
	for command in status list "list docs" env "--json status" "--json list docs" "--json env"; do
		# shellcheck disable=SC2086
		valise --store s $command
	done >"$T/all" 2>&1
	printable "$T/all"
done <cases
same "$(find / -maxdepth 1 -name evil; find . -name evil)" "" "nothing was written elsewhere"

# verify says the same as unpack would, except what only shows when an archive is expanded
for case in good:0 title-dots:11 title-escape:11 item-4:11 item-0:11 not-a-document:11 tar-smuggled:11 zstd-bomb:11 depth:16 \
	endless-osv:0 endless-mystery:0 share:0 two-media-types:11 documents-4097:16 documents-16-times:0 \
	documents-17-times:16; do
	run valise verify "b/${case%:*}" -t k.pub; exits "${case#*:}"
done

# what nobody vouches for can be looked at
for case in title-escape item-2 type-escape endless-osv share documents-16-times archive-garbage zstd-bomb json-bytes; do
	run timeout 60 "$VALISE" --store "$T/none" inspect "b/$case"; printable "$T/out" "$T/err"
	check "inspect ends by itself" test "$STATUS" -lt 20
	run timeout 60 "$VALISE" --store "$T/none" --json inspect "b/$case"; printable "$T/out" "$T/err"
done

# what is no file on the medium
odd() {
	rm -rf m; mkdir m; cp -a b/good m/x
	LAST=$1; rm -rf "m/x/$2"; mkdir -p "$(dirname "m/x/$2")"; shift 2; "$@"
	rm -rf s; cp -a s0 s; run timeout 10 "$VALISE" --store s unpack m; exits 11; complains 'E1101: .*m/x'
	same "$(tree_of s)" "$empty" "$LAST: leaves nothing"
}
for f in waybill.json waybill.json.minisig parcels/000001.tar.zst SHA256SUMS; do
	odd "FIFO $f" "$f" mkfifo "m/x/$f"
	odd "link $f" "$f" ln -s /dev/zero "m/x/$f"
	odd "directory $f" "$f" mkdir "m/x/$f"
done
odd "link parcels" parcels ln -s "$W/b/good/parcels" m/x/parcels

# names on the medium are foreign text, too, and too many of them are not all told
rm -rf m; mkdir m; name=$(printf 'x\033[31m\ny'); cp -a b/good "m/$name"
printf x >"m/$name/$(printf '\033[2J\nvalise: installed')"
i=0; while [ $i -lt 200 ]; do i=$((i + 1)); : >"m/$name/odd-$i"; done
run valise verify m -t k.pub; exits 0; printable "$T/out" "$T/err"; complains '191 more names'
check "few lines" test "$(wc -l <"$T/err")" -lt 20
t_done
