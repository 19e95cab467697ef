#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Keys and signatures go both ways between valise and the real minisign.
. "${srcdir:-.}/tests/lib/cli.sh"
need minisign
W=$T/w; mkdir "$W"; cd "$W" || exit 1
mkdir docs; echo hello >docs/a
printf 'channel: prod\nexpires: 14d\nitems:\n  - name: docs\n    type: dir\n    path: ./docs\n' >valise.yaml
echo "any file" >file
A="--store $W/a"
n=0
# pack_with ARGS..: the bundle is in $D
pack_with() { n=$((n + 1)); run valise $A pack -q -o "out$n" "$@"; D=$(echo "out$n"/*); }

# I1: minisign signs with a key of valise; I5: minisign makes the same public key from it
valise keygen -o v --no-password >/dev/null || bail "keygen"
run minisign -S -s v.key -m file -x file.minisig; exits 0
run minisign -V -p v.pub -m file -x file.minisig; exits 0
run minisign -R -s v.key -p again.pub; exits 0
same "$(sed -n 2p again.pub)" "$(sed -n 2p v.pub)" "minisign -R makes the same public key"
printf 'pw\n' >pw; printf 'pw\npw\n' >pw2; printf 'new\n' >pwnew
LAST="valise keygen with a password"; valise keygen -o p --light --password-fd 0 <pw >out 2>err; STATUS=$?; exits 0
LAST="minisign -S with it"; minisign -S -s p.key -m file -x filep.minisig <pw >"$T/out" 2>"$T/err"; STATUS=$?; exits 0
run minisign -V -p p.pub -m file -x filep.minisig; exits 0

# I3: minisign accepts what valise signs, and prints the comment
pack_with -k v.key; exits 0
run minisign -VH -m "$D/waybill.json" -p v.pub
exits 0; says "^Trusted comment: valise-bundle-v1 channel=prod epoch=1 seq=1 sha256=$(sha256sum <"$D/waybill.json" | cut -d' ' -f1)\$"
run minisign -VHm "$D/waybill.json" -P "$(sed -n 2p v.pub)"; exits 0

# I8: the same key, file and comments give the same bytes
cp "$D/waybill.json.minisig" ours
run minisign -S -s v.key -m "$D/waybill.json" -x theirs -c "$(sed -n '1s/^untrusted comment: //p' ours)" -t "$(sed -n '3s/^trusted comment: //p' ours)"
exits 0
check "the signatures are equal, byte for byte" cmp ours theirs

# I2: valise signs with keys that minisign made
run minisign -G -W -s m.key -p m.pub; exits 0
pack_with -k m.key; exits 0
run valise $A verify "$D" -t m.pub; exits 0
LAST="minisign -G with a password"; minisign -G -s mp.key -p mp.pub <pw2 >"$T/out" 2>"$T/err"; STATUS=$?; exits 0
# I7 and I2: 1 GiB of memory and some seconds, as minisign does it
LAST="valise pack with it"; valise $A pack -q -k mp.key -o outp --password-fd 0 <pw >"$T/out" 2>"$T/err"; STATUS=$?; exits 0
run valise $A verify outp -t mp.pub; exits 0
LAST="valise pack with the wrong password"; valise $A pack -q -k p.key -o outw --password-fd 0 <pwnew >"$T/out" 2>"$T/err"; STATUS=$?
exits 10; complains 'E1008'; check "nothing was written" test ! -e outw

# I6: minisign changes the password, valise still opens the key
LAST="minisign -C"; printf 'pw\nnew\nnew\n' | minisign -C -s p.key >"$T/out" 2>"$T/err"; STATUS=$?; exits 0
LAST="valise pack with the new password"; valise $A pack -q -k p.key -o outc --password-fd 0 <pwnew >"$T/out" 2>"$T/err"; STATUS=$?; exits 0
run valise $A verify outc -t p.pub; exits 0

# two keys, two passwords, one descriptor
LAST="valise keygen second"; valise keygen -o q --light --password-fd 0 <pw >"$T/out" 2>"$T/err"; STATUS=$?; exits 0
LAST="valise pack with two keys"; printf 'new\npw\n' | valise $A pack -q -k p.key -k q.key -o outq --password-fd 0 >"$T/out" 2>"$T/err"; STATUS=$?; exits 0
D=$(echo outq/*)
run minisign -VH -m "$D/waybill.json" -x "$D/waybill.json.minisig" -p p.pub; exits 0
run minisign -VH -m "$D/waybill.json" -x "$D/waybill.json.$(sed -n '1s/.* //p' q.pub).minisig" -p q.pub; exits 0

# I4: valise accepts what minisign signs, with the right comment and the right algorithm only
pack_with --unsigned; exits 0
check "there is no signature" test ! -e "$D/waybill.json.minisig"
run valise $A verify "$D" -t v.pub; exits 10; complains 'E1001'
run valise $A inspect --comment "$D"; exits 0
comment=$(cat "$T/out")
sign() { rm -f "$D/waybill.json.minisig"; minisign -S -s v.key -m "$D/waybill.json" "$@" >/dev/null 2>&1; }
sign -t "$comment"
run valise $A verify "$D" -t v.pub; exits 0
cp "$D/waybill.json.minisig" good
sign -t "$comment" -l
run valise $A verify "$D" -t v.pub; exits 10; complains 'E1004'
sign
run valise $A verify "$D" -t v.pub; exits 10
sign -t "$comment "
run valise $A verify "$D" -t v.pub; exits 10; complains 'E1007'

# I10: what minisign 0.11 lets pass and valise does not
odd() {
	cp odd "$D/waybill.json.minisig"
	run valise $A verify "$D" -t v.pub; exits 10; complains "E100[37]"
}
{ cat good; echo "fifth line"; } >odd; odd
printf '%s' "$(cat good)" >odd; odd
sed 's/$/\r/' good >odd; odd
sed '1s/.*/no comment/' good >odd; odd
sed '2s/^/ /' good >odd; odd
sed '4d' good >odd; odd
sed "3s/\$/$(printf '\r')trusted comment: FORGED/" good >odd; odd
head -c 17000 /dev/zero | tr '\0' 'x' >odd
cp odd "$D/waybill.json.minisig"; run valise $A verify "$D" -t v.pub
check "a signature file that is too long is refused" test "$STATUS" -ne 0
cp good "$D/waybill.json.minisig"
run valise $A verify "$D" -t v.pub; exits 0
t_done
