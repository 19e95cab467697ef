#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A store is walked at random: unpack, rollback, gc and fsck of two channels in any order, beside a model of ten lines that
# says what must come of it. VALISE_WALK_SEED repeats one walk, VALISE_WALK_STEPS makes it longer.
. "${srcdir:-.}/tests/lib/cli.sh"
need python3
cd "$T" || exit 1
valise keygen -o k --no-password >log 2>&1 || bail "keygen"
mkdir docs
pack() { # CHANNEL SEQUENCE: a file of its own, one that all have, one of this channel
	echo "$1 $2" >docs/a; seq 1000 >docs/same; echo "$1" >docs/mine; seq "$2" 3000 >docs/noise
	printf 'channel: %s\nexpires: 14d\nitems:\n  - name: docs\n    type: dir\n    path: ./docs\n' "$1" >l.yaml
	valise pack --store left -f l.yaml -k k.key -o "$1-$2" >log 2>&1 || { cat log; bail "pack $1 $2"; }
}
for i in 1 2 3 4; do pack prod $i; done
for i in 1 2 3; do pack lab $i; done
valise trust add k.pub >log 2>&1 || bail "trust"
printf 'places:\n  - consumer: files\n    channel: prod\n    item: docs\n    path: %s/target\n' "$T" >"$T/valise.conf"
seed=${VALISE_WALK_SEED:-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}; echo "# VALISE_WALK_SEED=$seed"
python3 "$SRC/tests/torture/walk.py" "$VALISE" "$T" "$seed" "${VALISE_WALK_STEPS:-150}"
