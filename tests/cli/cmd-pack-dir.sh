#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The whole way with a tree of files: keygen, pack, inspect, verify, trust, unpack, status, env, list, fsck; and again.
. "${srcdir:-.}/tests/lib/cli.sh"

run valise init "$T/init"; exits 0
before=$(tree_of "$T/init")
run valise init "$T/init"; exits 2; complains 'E0206: .*/init/valise\.yaml is already there and is not overwritten'
same "$(tree_of "$T/init")" "$before" "init: nothing is left beside the list that was there"
run valise fetch --dry-run -f "$T/init/valise.yaml"
exits 0; says '^would ask upstream for item osv'; says_not 'nothing new upstream'; complains_not
W=$T/w; mkdir "$W"; cd "$W" || exit 1
umask 022
mkdir -p docs/sub; echo one >docs/one; echo two >docs/sub/two; printf '#!/bin/sh\necho hi\n' >docs/run; chmod +x docs/run
: >docs/empty; head -c 300000 /dev/urandom >docs/random
cat >valise.yaml <<'Y'
channel: prod
expires: 14d
items:
  - name: docs
    type: dir
    path: ./docs
Y
A="--store $W/a" B="--store $W/b"   # connected, isolated

# what is missing is told before anything is done
run valise $A pack -o out; exits 2; complains 'no key to sign with: .*no valise.key.*Make one with valise keygen'
mkdir deft; cp -r docs valise.yaml deft/
run valise keygen -o deft/valise --no-password; exits 0
run valise --store "$W/deft-store" pack -f deft/valise.yaml -o deft/out; exits 0; complains 'signing with deft/valise.key'
run valise verify deft/out --trust deft/valise.pub; exits 0
rm -r deft
run valise $A pack -k k.key; exits 2; complains 'where to? -o DIR is missing'
run valise $A pack -k k.key -o out.tar; exits 2; complains 'as directories only'
run valise $A pack -k k.key -o -; exits 2; complains 'as directories only'
run valise $A pack -k k.key --unsigned -o out; exits 2; complains 'contradicts'
run valise $A pack -k k.key -o out; exits 2; complains 'k\.key'
run valise $A pack -k k.key -o out --level 20; exits 2
run valise $A pack -k k.key -o out --jobs 0; exits 2
run env SOURCE_DATE_EPOCH=today "$VALISE" $A pack -k k.key -o out; exits 2; complains 'SOURCE_DATE_EPOCH'
run valise $A pack -k k.key -o out -f none.yaml; exits 2; complains 'none\.yaml'
check "nothing was written" test ! -e out
: >out; run valise $A pack -k k.key -o out; exits 2; complains 'E0206: out is a file, not a directory'; rm out

# no settings at all can be asked for
run valise --config /dev/null $A pack -k k.key -o out; exits 2; complains 'there is no secret key k\.key'
run env VALISE_CONFIG=/dev/null "$VALISE" $A pack -k k.key -o out; exits 2; complains 'there is no secret key k\.key'
run valise --config none.conf $A pack -k k.key -o out; exits 2; complains 'E0203: there is no file none\.conf'

valise keygen -o k --no-password >/dev/null || bail "keygen"
run valise $A pack -k k.key -o out
exits 0
says '^bundle      out/prod-000001'; says 'prod 1, expires in 14 days'; says '^Next: carry out/prod-000001'
same "$(ls out)" prod-000001 "one bundle was written"
for f in READ-ME.txt SHA256SUMS volume.json waybill.json waybill.json.minisig parcels/000001.tar.zst; do
	check "it has $f" test -s "out/prod-000001/$f"
done
spoken=$(sed -n '/^waybill/,$ { s/^waybill *//; p; }' "$T/out" | head -n 2 | tr -d ' \n')
same "$spoken" "$(sha256sum <out/prod-000001/waybill.json | cut -d' ' -f1)" "the waybill's hash can be read aloud"
check "the parcels match SHA256SUMS" sh -c 'cd out/prod-000001 && sha256sum -c SHA256SUMS'

# inspect works without a key and says so; verify does not
run valise $B inspect out
exits 0; says 'NOT VERIFIED'; says 'channel     prod, sequence 1'; says '^  docs  *dir'
run valise $B inspect out -t k.pub
exits 0; says_not 'NOT VERIFIED'; says "good, by key $(sed -n '1s/.* //p' k.pub)"
run valise $B verify out
exits 10; says_nothing; complains 'E1009'
run valise $B verify out --trust k.pub
exits 0; says '^verified    prod 1'
check "none of this made a store" test ! -e b
run valise $B unpack out
exits 10; complains 'E1009'
run valise $B status
exits 0; says 'is empty'
run valise $B status --max-age 3d
exits 13; complains 'E1302'
run valise $B env
exits 2; complains 'E0207'

valise $B trust add k.pub >/dev/null || bail "trust add"
run valise $B unpack out --dry-run
exits 0; says '^would install: prod 1'
check "a dry run installs nothing" test ! -e b/current
run valise $B unpack out
exits 0; says '^installed: prod 1'
tree=$(tree_of b)
run valise $B unpack out
exits 0; says '^already installed: prod 1'
same "$(tree_of b)" "$tree" "the second time changes nothing"

run valise $B status
exits 0; says '^channel prod, sequence 1: packed .*expires in 14 days'; says '^  docs  *dir .*in 5 files'; says 'valise env'
run valise $B status --max-age 1h; exits 0
run valise $B list
exits 0; says '^prod 1$'; says '^  docs  *dir'
run valise $B list docs
exits 0; says 'sub/two$'; says 'run$'
run valise $B list dosc; exits 2; complains 'E0207: there is no item dosc'
run valise $B list -c test; exits 2; complains 'It holds: prod'
run valise $B env files
exits 0; complains_not
places=$(find b/current/places -name docs -type d)
check "the tree is in its place" diff -r docs "$places"
check "programs can run" test -x "$places/run"
check "other files cannot" test ! -x "$places/one"
run valise $B env frobnicate; exits 2
run valise $A env files; exits 22; complains 'E2205: nothing is placed for files (prod was fetched, not unpacked)'
run valise $A env; exits 0; says '^# docs (prod): was fetched, not unpacked'
run valise $B fsck
exits 0; says 'all good'

# nothing new, then something new
run valise $A pack -k k.key -o out2
exits 0; says 'nothing new'
echo three >docs/three; rm docs/one
run valise $A pack -k k.key -o out2 -q
exits 0; same "$(cat "$T/out")" out2/prod-000003 "with -q the path alone"
run valise $B unpack out2
exits 0; says '^installed: prod 3 (1 before)'
check "the tree follows" diff -r docs b/current/places/*/files/docs
run valise $A pack -k k.key -o out3 --sequence 2; exits 2; complains 'is taken'
run valise $A pack -k k.key -o out3 --dry-run; exits 0; says 'dry run'
run valise $A pack -k k.key -o out3 --no-fetch --expires 1h --level 3 -j 1; exits 0; says 'expires in'

# a damaged store is found, named, and mended by the bundle
big=$(valise $B list docs --json | jq -r 'select(.title == "random") | .digest' | cut -d: -f2)
chmod u+w "b/blobs/sha256/$big"; printf X | dd of="b/blobs/sha256/$big" bs=1 seek=1000 conv=notrunc 2>/dev/null
run valise $B fsck
exits 24; says "damaged  sha256:$big  prod: docs, random"; complains 'E2401'

# the state is not guessed
rm b/state/high.json
run valise $B unpack out3
exits 24; complains 'E2402'
run valise $B fsck --rebuild-state
complains 'made anew'
check "it is there again" test -s b/state/high.json
run valise $B unpack out3
exits 0
run valise $B fsck
exits 0

# the same content, key and time give the same bytes
cp -a a a2
for d in a a2; do
	LAST="pack $d"; SOURCE_DATE_EPOCH=1800000000 valise --store "$W/$d" pack -k k.key -o "$d.out" --no-fetch -q >"$T/out" 2>"$T/err"
	STATUS=$?; exits 0
done
check "the same store packs to the same bytes" diff -r a.out a2.out
t_done
