#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# http: pins by sha256, checksum file and minisign; titles, unpack, validators.
. "${srcdir:-.}/tests/lib/cli.sh"
need nginx python3 jq skopeo minisign

W=$T/www; mkdir -p "$W/dist" "$T/tree/rules"
echo "alert tcp any any" >"$T/tree/rules/a.rules"
tar -C "$T/tree" -czf "$W/dist/rules.tar.gz" rules
start_nginx "$W"
U=http://127.0.0.1:$NGINX_PORT
sum=$(sha256sum <"$W/dist/rules.tar.gz" | cut -d' ' -f1)
list() { printf 'channel: prod\nitems:\n  - name: rules\n    type: http\n    url: %s\n%s' "$1" "${2:-}" >"$T/valise.yaml"; }
fetch() { run valise fetch -f "$T/valise.yaml"; }
lines() { wc -l <"$T/nginx/access.log"; }
annotation() { jq -r --arg k "$1" '.manifests[] | select(.annotations["valise.item"] == "rules") | .annotations[$k]' "$VALISE_STORE/index.json"; }
layer() { skopeo inspect --raw "oci:$VALISE_STORE:prod/rules" | jq -r "$1"; }

list "$U/dist/rules.tar.gz?token=sesame"
fetch; exits 0; complains "no pin"
same "$(layer '.layers[0].annotations["org.opencontainers.image.title"]')" rules.tar.gz "the title is the URL's last step"
same "$(layer '.layers[0].digest')" "sha256:$sum" "the file is what the server has"
same "$(annotation valise.source)" "127.0.0.1:$NGINX_PORT/dist/rules.tar.gz" "the source has no query"
check "the query is nowhere in the store" sh -c '! grep -r sesame "$VALISE_STORE"'
n=$(lines); fetch; exits 0
same "$(tail -n "+$((n + 1))" "$T/nginx/access.log" | grep -c ' 304 0 ')" 1 "nothing new: one 304"
complains_not "no pin"

# sha256
list "$U/dist/rules.tar.gz" "    sha256: $sum
    unpack: true
"
fetch; exits 0; complains_not "no pin"
same "$(annotation valise.unpack)" true "unpack is noted"
before=$(tree_of "$VALISE_STORE/generations")
list "$U/dist/rules.tar.gz" "    sha256: $(echo x | sha256sum | cut -d' ' -f1)
"
fetch; exits 32; complains E3203; complains "$sum"
same "$(tree_of "$VALISE_STORE/generations")" "$before" "a wrong pin changes nothing"

# checksum-url: several forms, several algorithms
sums() { list "$U/dist/rules.tar.gz" "    checksum-url: $U/sums
"; fetch; }
for a in md5 sha1 sha256 sha512; do
	(cd "$W/dist" && "${a}sum" rules.tar.gz) >"$W/sums"; list "$U/dist/rules.tar.gz" "    checksum-url: $U/sums?$a
"; fetch; exits 0
done
echo "$sum" >"$W/sums"; sums; exits 0
n=$(lines); fetch; exits 0
same "$(tail -n "+$((n + 1))" "$T/nginx/access.log" | wc -l)" 1 "the checksum file is not asked for again"
before=$(tree_of "$VALISE_STORE/generations")
touch -d @1700000000 "$W/dist/rules.tar.gz"; echo "$sum  other.tar.gz" >"$W/sums"; echo tail >>"$W/dist/rules.tar.gz"
sums; exits 32; complains "no digest for rules.tar.gz"
echo "$sum  rules.tar.gz" >"$W/sums"; sums; exits 32; complains E3203
rm "$W/sums"; sums; exits 31; complains checksum-url
same "$(tree_of "$VALISE_STORE/generations")" "$before" "none of it changes anything"

# minisign: key in a file and in the text, default signature-url
minisign -G -W -f -p "$T/up.pub" -s "$T/up.key" >/dev/null 2>&1 || bail "minisign -G"
minisign -G -W -f -p "$T/no.pub" -s "$T/no.key" >/dev/null 2>&1
minisign -S -H -s "$T/up.key" -m "$W/dist/rules.tar.gz" >/dev/null 2>&1 || bail "minisign -S"
list "$U/dist/rules.tar.gz" "    minisign-key: up.pub
"
fetch; exits 0
list "$U/dist/rules.tar.gz" "    minisign-key: $(tail -n 1 "$T/up.pub")
    signature-url: $U/dist/rules.tar.gz.minisig
"
fetch; exits 0
before=$(tree_of "$VALISE_STORE/generations")
list "$U/dist/rules.tar.gz" "    minisign-key: no.pub
"
fetch; exits 32; complains E3203
list "$U/dist/rules.tar.gz" "    minisign-key: absent.pub
"
fetch; exits 2
echo more >>"$W/dist/rules.tar.gz"
list "$U/dist/rules.tar.gz" "    minisign-key: up.pub
"
fetch; exits 32; complains "does not prove"
same "$(tree_of "$VALISE_STORE/generations")" "$before" "none of it changes anything"

# unpack: what is no archive is refused here, where somebody can do something about it
echo "just text" >"$W/dist/plain.txt"
list "$U/dist/plain.txt" "    unpack: true
"
fetch; exits 32
list "$U/dist/plain.txt"; fetch; exits 0
same "$(ls -A "$VALISE_STORE/staging")" "" "nothing stays in staging"
list "$U/dist/"; fetch; exits 31
list "$U/nothing"; fetch; exits 31; complains nothing

t_done
