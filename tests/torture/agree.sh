#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# verify reads a bundle without a store, unpack walks the closure in one: for bundles whose documents name each other at random
# both give the same verdict, with the same code. VALISE_AGREE=FIRST-LAST chooses other ones.
. "${srcdir:-.}/tests/lib/cli.sh"
need python3 zstd minisign
cd "$T" || exit 1
range=${VALISE_AGREE:-1-120}
valise keygen -o k --no-password >/dev/null || bail "keygen"
mkdir b; python3 "$SRC/tests/torture/agree.py" k.key b "${range%-*}" "${range#*-}" || bail "agree.py"
valise --store s0 trust add k.pub >/dev/null || bail "trust"
code() { sed -n 's/.*\(E1[0-9][0-9][0-9]\): .*/\1/p' "$1" | head -n 1; }
: >codes; : >differ
for b in b/*; do
	timeout 30 "$VALISE" --store none verify "$b" -t k.pub >/dev/null 2>one; a=$?
	rm -rf s; cp -a s0 s; timeout 30 "$VALISE" --store s unpack "$b" --no-place >/dev/null 2>two; c=$?
	echo "$a $(code one)" >>codes
	[ "$a $(code one)" = "$c $(code two)" ] || { echo "$b: verify: $a"; cat one; echo "unpack: $c"; cat two; } >>differ
done
LAST="$range"; cp differ "$T/err"; : >"$T/out"
check "verify and unpack agree about every bundle" test ! -s differ
for want in "0 " "11 E1105" "16 E1601"; do
	check "some bundles end with $want" grep -q "^$want" codes
done
t_done
