#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Bundles of every release unpack for ever (tests/golden/README).
. "${srcdir:-.}/tests/lib/cli.sh"
need xz base64 tar
seq 1 2000 >"$T/numbers"
for golden in "$SRC"/tests/golden/*.b64; do
	release=${golden##*/}; release=${release%.b64}
	mkdir "$T/$release" && base64 -d "$golden" | xz -dc | tar xf - -C "$T/$release" || bail "cannot open $golden"
	VALISE_STORE=$T/store-$release
	run valise trust add "$T/$release/golden.pub"; exits 0
	run valise verify "$T/$release" --accept-expired; exits 0
	run valise unpack "$T/$release" --accept-expired; exits 0
	tree=$VALISE_STORE/current/places/golden/files/docs
	same "$(cat "$tree/hello.txt")" hello "$release: hello.txt"
	check "$release: numbers.txt" cmp "$tree/numbers.txt" "$T/numbers"
	check "$release: run.sh is executable" test -x "$tree/run.sh"
	check "$release: empty is there and empty" sh -c "test -f '$tree/empty' && ! test -s '$tree/empty'"
done
t_done
