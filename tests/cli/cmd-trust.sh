#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# trust: add, list, remove, thresholds, and what makes no sense.
. "${srcdir:-.}/tests/lib/cli.sh"
cd "$T" || exit 1
for k in a b c; do valise keygen -o $k --no-password >/dev/null || bail "keygen"; done
id() { sed -n '1s/.* //p' "$1"; }

run valise trust list
exits 0; says 'No key is trusted yet'
check "looking makes no store" test ! -e store

run valise trust add a.pub --note "Alice, desk 3"
exits 0; says "^key id      $(id a.pub)"; says "^key line    $(sed -n 2p a.pub)"; says 'telephone'
run valise trust list
exits 0; says "$(id a.pub)"; says 'every channel'; says 'Alice, desk 3'
tree=$(tree_of store)
run valise trust add a.pub
exits 0
run valise trust list --json
exits 0; same "$(jq -s 'length' "$T/out")" 1 "the same key is there once"

run valise trust add b.pub -c prod
exits 0; says 'trusted for prod'
run valise trust list --json
same "$(jq -r 'select(.channel == "prod") | ."key-id"' "$T/out")" "$(id b.pub)" "a key for one channel"

# what makes no sense changes nothing
tree=$(tree_of store)
run valise trust add a.pub --threshold 0; exits 2; complains 'E0205'
run valise trust add a.pub --threshold 9; exits 2; complains 'E0205'
run valise trust add a.pub --threshold 17; exits 2; complains 'at most 16'
run valise trust add a.pub --threshold -1; exits 2; complains 'is not a number'
run valise trust add; exits 2; complains 'name the public key files'
run valise trust add none.pub; exits 2; complains 'none\.pub'
run valise trust add a.key; exits 2; complains 'a\.key'
run valise trust add a.pub -c Prod; exits 2
run valise trust list --note x; exits 2
run valise trust remove 0123456789ABCDEF; exits 2; complains 'E0207'
# T13: one key under two ids; T14: two keys under one id
python3 - <<'P'
import base64
a, b = (base64.b64decode(open(n + ".pub").read().split("\n")[1]) for n in "ab")
def save(name, raw): open(name, "w").write("untrusted comment: x\n" + base64.b64encode(raw).decode() + "\n")
save("a2.pub", a[:2] + b"12345678" + a[10:])
save("b2.pub", b[:2] + a[2:10] + b[10:])
P
run valise trust add a2.pub; exits 2; complains 'E0205'
run valise trust add b2.pub; exits 2; complains 'E0205'
same "$(tree_of store)" "$tree" "the store is as it was"

run valise trust add c.pub --threshold 3
exits 0; says 'threshold'
run valise trust list
says '3 signatures are needed for every channel'
run valise trust remove "$(id a.pub)"
exits 2; complains 'E0205'
run valise trust add --threshold 1
exits 0
run valise trust remove a.pub
exits 0; says 'no longer trusted'
run valise trust remove "$(sed -n 2p c.pub)"
exits 0
run valise trust list --json
same "$(jq -r 'select(.type == "trusted") | ."key-id"' "$T/out")" "$(id b.pub)" "one key is left"

# a damaged list is told, not guessed
file=$(find store/trust -type f | head -n 1); echo '{' >"$file"
run valise trust list; exits 24; complains 'E2402'
run valise trust add a.pub; exits 24
t_done
