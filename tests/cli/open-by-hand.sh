#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The day without valise: the commands that READ-ME.txt gives are taken from it and run as they stand, with stock tools.
. "${srcdir:-.}/tests/lib/cli.sh"
need minisign jq zstd tar sha256sum
W=$T/w; mkdir "$W"; cd "$W" || exit 1
mkdir -p docs; echo one >docs/one; : >docs/empty
# larger than a parcel and not compressible: it is cut, and must be put together by hand
head -c 80000000 /dev/urandom >docs/large
printf 'channel: prod\nitems:\n  - name: docs\n    type: dir\n    path: ./docs\n' >valise.yaml
valise keygen -o k --no-password >/dev/null || bail "keygen"
run valise pack -q -k k.key -o out; exits 0
D=$W/out/prod-000001
check "a large file takes several parcels" test -s "$D/parcels/000002.tar.zst"
check "READ-ME.txt is ASCII of at most 78 columns" sh -c "! LC_ALL=C grep -n -e '[^ -~]' -e '.\{79\}' '$D/READ-ME.txt'"

# commands SECTION: the indented lines below that headline, KEY.pub and OUT filled in
commands() {
	echo 'set -eu'
	awk -v s="$1" '$0 == s { on = 1; next } /^---/ { next } /^(With|Without) / { on = 0 } on && /^    / { print }' \
		"$D/READ-ME.txt" | sed -e "s|KEY\.pub|$W/k.pub|" -e "s|OUT|$W/opened|"
}
mkdir opened
commands 'Without valise: check' >check.sh
commands 'Without valise: open' >open.sh
check "there are commands to check" grep -q minisign check.sh
check "there are commands to open" grep -q zstd open.sh
cd "$D" || exit 1
run sh "$W/check.sh"
exits 0; says 'seq=1 '; says 'parcels/000002.tar.zst: OK'
run sh "$W/open.sh"
exits 0; complains_not
check "SHA256SUMS agrees" sha256sum -c --quiet SHA256SUMS
run sh -c 'zstd -dc parcels/000001.tar.zst | tar t'
exits 0; complains_not; says '^blobs/sha256/[0-9a-f]\{64\}$'; says_not '^[^b]'

cd "$W/opened" || exit 1
check "every file came" sh -c 'for f in one empty large; do test -s "blobs/sha256/$(sha256sum <"$1/$f" | cut -c1-64)" || test $f = empty; done' - "$W/docs"
item=$(jq -r '.manifests[0].digest' index.json | cut -d: -f2)
same "$(jq -r '.layers[].annotations["org.opencontainers.image.title"]' "blobs/sha256/$item" | sort | tr '\n' ' ')" \
	"empty large one " "index.json leads to the files' names"
if command -v skopeo >/dev/null 2>&1; then
	run skopeo inspect --raw "oci:$W/opened"
	exits 0; says '"layers"'
else
	skip "skopeo is not installed"
fi

# one bit on the way, and the commands say so
cd "$D" || exit 1
printf X | dd of=parcels/000002.tar.zst bs=1 seek=5000 conv=notrunc 2>/dev/null
run sh "$W/check.sh"
check "a changed parcel is found by hand too" test "$STATUS" -ne 0
says 'parcels/000002.tar.zst: FAILED'
t_done
