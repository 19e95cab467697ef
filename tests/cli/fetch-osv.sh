#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# osv from a real nginx: names, normalisation, validators, refusals; one failing item keeps the others.
. "${srcdir:-.}/tests/lib/cli.sh"
need nginx python3 jq skopeo

# zip_of FILE FIRST COUNT [MEMBER CONTENT]: records VALISE-TEST-n, deflated, newest first
zip_of() {
	mkdir -p "${1%/*}"
	python3 - "$@" <<'PY'
import json, sys, zipfile
path, first, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
    for n in reversed(range(first, first + count)):
        z.writestr(f"VALISE-TEST-{n}.json", json.dumps({"schema_version": "1.6.0", "id": f"VALISE-TEST-{n}",
            "modified": f"2026-01-{n % 28 + 1:02}T00:00:00.25Z", "details": "what it is about " * 20}))
    for name, content in zip(sys.argv[4::2], sys.argv[5::2]):
        z.writestr(name, content)
PY
}
# An interrupted test of equal sizes and times would fool nginx's ETag: every new file gets its own second.
age=1700000000
touch_new() { age=$((age + 60)); touch -d "@$age" "$1"; }
list() { # ECOSYSTEMS [MORE LINES]
	printf 'channel: prod\nitems:\n  - name: osv\n    type: osv\n    url: http://127.0.0.1:%s/\n    ecosystems: [%s]\n%s' \
		"$NGINX_PORT" "$1" "${2:-}" >"$T/valise.yaml"
}
log_since() { tail -n "+$(($1 + 1))" "$T/nginx/access.log"; }
lines() { wc -l <"$T/nginx/access.log"; }
manifest() { skopeo inspect --raw "oci:$VALISE_STORE:prod/osv"; }
annotation() { jq -r --arg k "$1" '.manifests[] | select(.annotations["valise.item"] == "osv") | .annotations[$k]' "$VALISE_STORE/index.json"; }

zip_of "$T/www/npm/all.zip" 1 40; zip_of "$T/www/GitHub Actions/all.zip" 100 6
touch_new "$T/www/npm/all.zip"; touch_new "$T/www/GitHub Actions/all.zip"
start_nginx "$T/www"
list "npm, GitHub Actions"
run valise fetch -f "$T/valise.yaml"; exits 0
check "a blank is percent-encoded" grep -q '^GET /GitHub%20Actions/all.zip 200' "$T/nginx/access.log"
same "$(manifest | jq -r '[.layers[].annotations["org.opencontainers.image.title"]] | join("|")')" "npm/all.zip|GitHub Actions/all.zip" "titles are raw names"
same "$(manifest | jq -r '[.layers[].annotations["valise.records"]] | join("|")')" "40|6" "records are counted"
same "$(annotation valise.updated)" 2026-01-28T00:00:00Z "the newest record's time"
same "$(annotation valise.source)" "127.0.0.1:$NGINX_PORT" "the source is host and path"
same "$(manifest | jq -r '.layers[0].annotations["valise.upstream.digest"]')" "sha256:$(sha256sum <"$T/www/npm/all.zip" | cut -d' ' -f1)" "upstream's digest"
zip=$VALISE_STORE/blobs/sha256/$(manifest | jq -r '.layers[0].digest' | cut -d: -f2)
check "stored members, in order, dated 1980, same content" python3 - "$zip" "$T/www/npm/all.zip" <<'PY'
import sys, zipfile
a, b = zipfile.ZipFile(sys.argv[1]), zipfile.ZipFile(sys.argv[2])
names = a.namelist()
assert names == sorted(names) and set(names) == set(b.namelist())
assert all(i.compress_type == 0 and i.date_time[:3] == (1980, 1, 1) for i in a.infolist())
assert all(a.read(n) == b.read(n) for n in names) and a.testzip() is None
PY
check "no partial file stays" sh -c '! ls "$VALISE_STORE"/fetch/*.part'

# Nothing new: validators only.
before=$(tree_of "$VALISE_STORE/generations"); n=$(lines)
run valise fetch -f "$T/valise.yaml"; exits 0
same "$(log_since "$n" | grep -c ' 304 0 ')" 2 "two 304, no byte of body"
same "$(log_since "$n" | wc -l)" 2 "and nothing else"
same "$(tree_of "$VALISE_STORE/generations")" "$before" "no new generation"

# The same records packed anew: fetched, but nothing changes for the other side.
zip_of "$T/www/npm/all.zip" 1 40; touch_new "$T/www/npm/all.zip"
python3 -c 'import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); m = [(i, z.read(i)) for i in reversed(z.namelist())]; z.close(); z = zipfile.ZipFile(sys.argv[1], "w"); [z.writestr(i, c) for i, c in m]' "$T/www/npm/all.zip"
touch_new "$T/www/npm/all.zip"
run valise fetch -f "$T/valise.yaml"; exits 0
same "$(tree_of "$VALISE_STORE/generations")" "$before" "repacked: no new generation"

# A blob that is gone is fetched again, without validators.
rm -f "$zip"; n=$(lines)
run valise fetch -f "$T/valise.yaml"; exits 0
check "fetched again" sh -c 'printf %s "$1" | grep -q "^GET /npm/all.zip 200 .* inm=- ims=-"' x "$(log_since "$n")"
check "the blob is back" test -s "$zip"

# One more record: only this ecosystem's bytes move, the other layer stays.
zip_of "$T/www/npm/all.zip" 1 41; touch_new "$T/www/npm/all.zip"
other=$(manifest | jq -c '.layers[1]'); n=$(lines)
run valise fetch -f "$T/valise.yaml"; exits 0
same "$(manifest | jq -r '.layers[0].annotations["valise.records"]')" 41 "the new record is there"
same "$(manifest | jq -c '.layers[1]')" "$other" "the other layer is the same, byte for byte"
same "$(log_since "$n" | grep -c ' 304 0 ')" 1 "it cost a validator"

# exact: upstream's bytes.
list "npm" "    exact: true
"
run valise fetch -f "$T/valise.yaml"; exits 0
same "$(manifest | jq -r '.layers[0].digest')" "sha256:$(sha256sum <"$T/www/npm/all.zip" | cut -d' ' -f1)" "exact: upstream's zip"

# What is no database is refused and the generation stays.
list npm; run valise fetch -f "$T/valise.yaml"; exits 0
before=$(tree_of "$VALISE_STORE/generations")
refused() { # STATUS PATTERN
	touch_new "$T/www/npm/all.zip"
	run valise fetch -f "$T/valise.yaml"; exits "$1"; complains "$2"
	same "$(tree_of "$VALISE_STORE/generations")" "$before" "the generation stays"
	check "no partial file stays" sh -c '! ls "$VALISE_STORE"/fetch/*.part'
}
zip_of "$T/www/npm/all.zip" 1 15;                          refused 32 "only 15 records"
zip_of "$T/www/npm/all.zip" 1 0;                           refused 32 "npm/all.zip"
zip_of "$T/www/npm/all.zip" 1 41 README.md "hello";        refused 32 "README.md"
zip_of "$T/www/npm/all.zip" 1 41 x.json '{"no":"id"}';     refused 32 "has no id"
zip_of "$T/www/npm/all.zip" 1 41 x.json '[]';              refused 32 "x.json"
zip_of "$T/www/npm/all.zip" 1 41 ../x.json '{"id":"x"}';   refused 32 "x.json"
echo '<html>maintenance</html>' >"$T/www/npm/all.zip";     refused 32 "npm/all.zip"
zip_of "$T/www/npm/all.zip" 1 41; truncate -s -1000 "$T/www/npm/all.zip"; refused 32 "npm/all.zip"
rm "$T/www/npm/all.zip"; run valise fetch -f "$T/valise.yaml"; exits 31

# One failing item: the others' content is kept, and with --keep-going they go on.
mkdir -p "$T/docs"; echo hello >"$T/docs/a.txt"
list "npm" "  - {name: docs, type: dir, path: docs}
  - {name: gha, type: osv, url: 'http://127.0.0.1:$NGINX_PORT', ecosystems: [GitHub Actions]}
"
touch_new "$T/www/GitHub Actions/all.zip"
run valise fetch -f "$T/valise.yaml"; exits 31
same "$(tree_of "$VALISE_STORE/generations")" "$before" "without --keep-going nothing is committed"
n=$(lines)
run valise fetch -f "$T/valise.yaml" --keep-going; exits 3
check "the other zip cost a validator only" sh -c 'printf %s "$1" | grep -q "^GET /GitHub%20Actions/all.zip 304"' x "$(log_since "$n")"
check "the other items are there" jq -e '[.manifests[].annotations["valise.item"]] | contains(["docs", "gha", "osv"])' "$VALISE_STORE/index.json"
complains "item osv failed, its previous content is kept: .*404"
same "$(manifest | jq -r '.layers[0].annotations["valise.records"]')" 41 "the failing item keeps its content"
run valise fetch -f "$T/valise.yaml" nosuch; exits 2; complains "no item"

# A mirror of valise.conf stands in for the upstream.
zip_of "$T/www/m/npm/all.zip" 1 41
printf 'channel: prod\nitems:\n  - name: osv\n    type: osv\n    url: https://osv.invalid/db\n    ecosystems: [npm]\n' >"$T/valise.yaml"
printf 'mirrors:\n  - prefix: https://osv.invalid/db\n    use: ["http://127.0.0.1:%s/m"]\n    only: true\n' "$NGINX_PORT" >"$VALISE_CONFIG"
run valise fetch -f "$T/valise.yaml"; exits 0
same "$(annotation valise.source)" osv.invalid/db "the source is the upstream"

t_done
