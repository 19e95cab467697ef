#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# keygen: files, rights, formats; nothing is overwritten; passwords come from a descriptor or a terminal only.
. "${srcdir:-.}/tests/lib/cli.sh"
cd "$T" || exit 1

run valise keygen -o k --no-password
exits 0; complains_not
says '^public key  k\.pub'; says 'valise trust add k\.pub'
same "$(stat -c %a k.key)" 600 "the secret key is for its owner alone"
same "$(stat -c %a k.pub)" 644 "the public key is for everybody"
same "$(wc -l <k.pub)" 2 "a public key has two lines"
same "$(sed -n 2p k.pub | wc -c)" 57 "its second line has 56 characters"
says "^key line    $(sed -n 2p k.pub)\$"
says "^key id      $(sed -n '1s/.* //p' k.pub)\$"

before=$(cat k.key k.pub | sha256sum)
run valise keygen -o k --no-password
exits 2; says_nothing; complains 'E0206: k\.key is already there'
same "$(cat k.key k.pub | sha256sum)" "$before" "the pair is as it was"
rm k.key
run valise keygen -o k --no-password
exits 2; complains 'E0206: k\.pub is already there'
check "no secret key was left behind" test ! -e k.key
ln -s elsewhere l.key
run valise keygen -o l --no-password
exits 2; complains 'E0206: l\.key'
check "a dangling link is not followed" test ! -e elsewhere
check "no temporary file was left behind" sh -c '! ls -A | grep valise-'
if "$VALISE" pack --help >/dev/null 2>&1; then
	mkdir -p docs; printf 'channel: prod\nitems:\n  - name: docs\n    type: dir\n    path: docs\n' >valise.yaml
	run valise keygen -o pair --no-password; exits 0
	run valise pack -k pair.pub -o bundles
	exits 2; complains 'E0204: pair\.pub is not a minisign secret key: it is a public key'
else
	skip "this build cannot pack"
fi
run valise keygen -o none/k --no-password
exits 22; complains 'none'

# the default name; two runs, two keys
run valise keygen --no-password; exits 0
run valise keygen -o other --no-password --json; exits 0
check "--json gives one object" jq -e '.type == "key" and ."public-file" == "other.pub" and (."key-id" | length) == 16' "$T/out"
check "two keys differ" sh -c '! cmp -s valise.pub other.pub'

# passwords
run valise keygen -o p --no-password --password-fd 0; exits 2; complains 'contradicts'
run valise keygen -o p --password-fd 77; exits 2; complains '77 is not an open descriptor'
run valise keygen -o p --password-fd 0; exits 10; complains 'the password is empty.*--no-password'
run setsid -w "$VALISE" keygen -o p; exits 10; complains 'no terminal to ask at'
check "nothing was written" test ! -e p.key -a ! -e p.pub
echo secret >pw
LAST="valise keygen -o p --light --password-fd 0 <pw"
valise keygen -o p --light --password-fd 0 <pw >out 2>err; STATUS=$?
exits 0
check "the secret key is encrypted (scrypt)" sh -c "sed -n 2p p.key | base64 -d | head -c 4 | tail -c 2 | grep -q Sc"
check "without a password it is not" sh -c "sed -n 2p valise.key | base64 -d | od -An -tx1 -j2 -N2 | grep -q '00 00'"
t_done
