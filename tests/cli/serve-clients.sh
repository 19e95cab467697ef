#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Real clients against valise serve: crane, skopeo, podman, Trivy, OSV-Scanner, curl. What they are told to type is taken from the
# front page.
. "${srcdir:-.}/tests/lib/cli.sh"
. "$SRC/tests/lib/images.sh"
. "$SRC/tests/lib/oci.sh"
. "$SRC/tests/lib/clients.sh"
need docker-registry skopeo nginx umoci python3 jq curl openssl zstd

# ---- the connected side: images, a Trivy database, advisories, files; then over the gap ----
start_registry
UP=127.0.0.1:$REGISTRY_PORT
images_build "$T/images" >"$T/images.log" 2>&1
images_push "$UP" lab >>"$T/images.log" 2>&1
mkdir "$T/db"; echo 'not bbolt' >"$T/db/trivy.db"
python3 - "$T/db/trivy.db" <<'PY'
# An empty bbolt file: two meta pages, a free list, a leaf without elements. It has no advisories, and it opens.
import struct, sys
PAGE = 4096
def fnv(b):
    h = 0xcbf29ce484222325
    for c in b:
        h = (h ^ c) * 0x100000001b3 & 0xffffffffffffffff
    return h
def page(n, flags, count, body=b""):
    return (struct.pack("<QHHI", n, flags, count, 0) + body).ljust(PAGE, b"\0")
def meta(n):
    m = struct.pack("<IIIIQQQQQ", 0xED0CDAED, 2, PAGE, 0, 3, 0, 2, 4, n)
    return page(n, 4, 0, m + struct.pack("<Q", fnv(m)))
open(sys.argv[1], "wb").write(meta(0) + meta(1) + page(2, 16, 0) + page(3, 2, 0))
PY
printf '{"Version":2,"NextUpdate":"%s","UpdatedAt":"2026-11-20T06:00:00Z","DownloadedAt":"0001-01-01T00:00:00Z"}' \
	"$(date -u -d '+1 day' +%Y-%m-%dT%H:%M:%SZ)" >"$T/db/metadata.json"
tar -C "$T/db" -czf "$T/db.tar.gz" trivy.db metadata.json
push_trivy_db "$T/db.tar.gz" || bail "skopeo cannot push the database"
mkdir -p "$T/www/PyPI" "$T/www/Rocky Linux" "$T/docs/sub"
python3 - "$T/www" <<'PY'
import json, sys, zipfile
for eco in "PyPI", "Rocky Linux":
    with zipfile.ZipFile(f"{sys.argv[1]}/{eco}/all.zip", "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("OSV-TEST-1.json", json.dumps({"schema_version": "1.6.0", "id": "OSV-TEST-1", "modified": "2026-01-01T00:00:00Z",
            "affected": [{"package": {"ecosystem": eco, "name": "left-pad"},
                          "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.3.0"}]}]}]}))
PY
start_nginx "$T/www"
seq 1 300000 >"$T/docs/sub/numbers.txt"; echo '<script>alert(1)</script>' >"$T/docs/page & more.html"
cat >"$T/valise.yaml" <<YAML
channel: prod
expires: 14d
items:
  - name: lab
    type: image
    images: ["$UP/lab/app:1", "$UP/lab/tool:1", "$UP/lab/multi:1", "$UP/lab/docker:1", "$UP/lab/artifact:1", "$UP/lab/app@$(images_digest app:1)"]
    platforms: [all]
  - name: trivy-db
    type: trivy-db
    references: ["$UP/aquasec/trivy-db:2"]
  - name: osv
    type: osv
    url: http://127.0.0.1:$NGINX_PORT
    ecosystems: [PyPI, Rocky Linux]
  - name: docs
    type: dir
    path: $T/docs
YAML
cd "$T" || exit 1
run valise keygen -o k --no-password; exits 0
run valise pack --store "$T/left" -k k.key -o OUT; exits 0
run valise trust add k.pub; exits 0
run valise unpack OUT; exits 0

# ---- the hub ----
free_port; HUB=127.0.0.1:$PORT
t_daemon "$VALISE" serve --listen "$HUB"
wait_port "$PORT"
get() { curl -sS --path-as-is "$@"; }
status() { get -o "$T/body" -w '%{http_code}' "$@"; }
field() { get -o /dev/null -D - "$2" | tr -d '\r' | sed -n "s/^$1: //Ip"; }

get "http://$HUB/" >"$T/page.html"
shown() { sed 's/&quot;/"/g; s/&#39;/'"'"'/g; s/&lt;/</g; s/&gt;/>/g; s/&amp;/\&/g' "$T/page.html"; }
check "the page shows channel, sequence and signer" sh -c 'grep -q "<td>prod</td><td class=\"n\">1</td>" "$1" && grep -q "$2" "$1"' x \
	"$T/page.html" "$(sed -n 's/.*public key //p' k.pub)"

# ---- a registry, as the distribution-spec's own tests ask it: end points, errors, lists, ranges ----
app=$(images_digest app:1) none=sha256:$(printf x | sha256sum | cut -d' ' -f1)
api() { # STATUS METHOD PATH [WHAT THE BODY HAS]
	if [ "$2" = HEAD ]; then set -- "$1" "$2" "$3" '' -I; else set -- "$1" "$2" "$3" "${4:-}" -X "$2"; fi
	a_want=$1 a_method=$2 a_path=$3 a_has=$4; shift 4
	a_got=$(status "$@" "http://$HUB$a_path")
	same "$a_got" "$a_want" "$a_method $a_path"
	[ -z "$a_has" ] || check "... its body has $a_has" grep -q -e "$a_has" "$T/body"
}
layer=$(images_raw "$UP/lab/app:1" | jq -r '.layers[0].digest')
api 200 GET /v2/ '{}'
api 404 HEAD "/v2/lab/app/blobs/$none"
api 200 HEAD "/v2/lab/app/blobs/$layer"
api 404 GET "/v2/lab/app/blobs/$none" BLOB_UNKNOWN
api 200 GET "/v2/lab/app/blobs/$layer"
same "sha256:$(sha256sum <"$T/body" | cut -d' ' -f1)" "$layer" "the blob has its digest"
api 404 HEAD /v2/lab/app/manifests/.INVALID_MANIFEST_NAME
api 404 GET /v2/lab/app/manifests/.INVALID_MANIFEST_NAME MANIFEST_UNKNOWN
api 200 HEAD "/v2/lab/app/manifests/$app"
api 200 HEAD /v2/lab/app/manifests/1
api 200 GET "/v2/lab/app/manifests/$app"
same "sha256:$(sha256sum <"$T/body" | cut -d' ' -f1)" "$app" "the manifest has its digest"
same "$(field Docker-Content-Digest "http://$HUB/v2/lab/app/manifests/1")" "$app" "the tag's digest stands in the header"
same "$(field ETag "http://$HUB/v2/lab/app/manifests/1")" "\"$app\"" "so does the entity tag"
same "$(field Content-Type "http://$HUB/v2/lab/app/manifests/1")" application/vnd.oci.image.manifest.v1+json "and the type"
api 400 GET /v2/lab/app/blobs/sha256:totallywrong DIGEST_INVALID
api 404 GET /v2/no/such/manifests/1 NAME_UNKNOWN
api 400 GET /v2/Lab/app/manifests/1 NAME_INVALID
for method in POST PUT PATCH DELETE; do api 405 $method "/v2/lab/app/manifests/1" UNSUPPORTED; done
api 405 POST /v2/lab/app/blobs/uploads/ UNSUPPORTED
api 200 GET '/v2/lab/app/tags/list' '"1"'
tags=$(jq -c .tags "$T/body")
api 200 GET '/v2/lab/app/tags/list?n=1'; first=$(jq -r '.tags[]' "$T/body")
api 200 GET "/v2/lab/app/tags/list?n=1000&last=$first"
same "$(jq -c --arg f "$first" '[$f] + .tags' "$T/body")" "$tags" "the pages of tags are the whole list"
api 200 GET "/v2/lab/app/referrers/$app" '"digest"'
same "$(jq -r '.mediaType, (.manifests | length)' "$T/body" | tr '\n' ' ')" "application/vnd.oci.image.index.v1+json 1 " "one referrer"
type=$(jq -r '.manifests[0].artifactType' "$T/body")
api 200 GET "/v2/lab/app/referrers/$app?artifactType=$(printf %s "$type" | jq -sRr @uri)" "$type"
api 200 GET "/v2/lab/app/referrers/$app?artifactType=none" '"manifests":\[\]'
api 200 GET "/v2/lab/app/referrers/$none" '"manifests":\[\]'
ranged() { same "$(status -H "Range: bytes=$1" "http://$HUB/v2/lab/app/blobs/$layer")" "$2" "bytes=$1"; }
ranged 0-9 206; same "$(wc -c <"$T/body")" 10 "ten bytes"
ranged 5- 206; ranged -3 206; same "$(wc -c <"$T/body")" 3 "three bytes"
ranged 0-99999999999 206; ranged 99999999999- 416
same "$(status -H "If-None-Match: \"$app\"" "http://$HUB/v2/lab/app/manifests/1")" 304 "what is unchanged is not sent"

# ---- crane ----
have_crane
if [ -n "$CRANE" ]; then
	for n in app tool docker multi; do
		run "$CRANE" validate --remote "$HUB/lab/$n:1"; exits 0
		same "$("$CRANE" digest "$HUB/lab/$n:1")" "$(images_digest $n:1)" "crane digest $n is upstream's"
	done
	run "$CRANE" catalog "$HUB"; exits 0; says '^lab/app$'; says '^prod/trivy-db$'
	run "$CRANE" ls "$HUB/lab/app"; exits 0; says '^1$'; says "^sha256-${app#sha256:}.sig$"
	run "$CRANE" pull "$HUB/lab/app@$app" "$T/app.tar"; exits 0
	check "crane pulls by digest" tar -tf "$T/app.tar" manifest.json
else
	skip "crane 0.20.2 is not to be had here"
fi

# ---- skopeo: every manifest byte for byte as upstream has it ----
for n in app:1 tool:1 multi:1 docker:1 artifact:1 "app:sha256-${app#sha256:}.sig"; do
	images_raw "$UP/lab/$n" >"$T/a"; images_raw "$HUB/lab/$n" >"$T/b"
	check "skopeo inspect --raw: $n" sh -c 'test -s "$1" && cmp "$1" "$2"' x "$T/a" "$T/b"
done
run skopeo copy -q --all --preserve-digests --src-tls-verify=false "docker://$HUB/lab/multi:1" "oci:$T/copy:multi"; exits 0
same "$(jq -r '.manifests[0].digest' "$T/copy/index.json")" "$(images_digest multi:1)" "skopeo copy keeps the digest"
run skopeo copy -q --src-tls-verify=false "docker://$HUB/lab/app:1" "oci:$T/copy:app"; exits 0
check "umoci unpacks the original tree" images_same_tree "$T/copy:app" "$T/images/roots/app"

# ---- the hub as a mirror: upstream's name, by the page's own lines ----
shown | sed -n '/^\[\[registry\]\]/,/^<\/pre>/p' | grep -v '^<' >"$T/registries.conf"
same "$(sed -n 's/^location = //p' "$T/registries.conf" | tr '\n' ' ')" "\"$UP\" \"$HUB\" " "the page has the lines of a mirror"
asked() { grep -c "^serve: .* /v2/lab/tool/manifests/1 200" "$T/daemon.log"; }
before=$(asked)
more() { [ "$(asked)" -gt "$before" ]; }
run skopeo --registries-conf "$T/registries.conf" inspect --raw "docker://$UP/lab/tool:1"; exits 0
check "skopeo asks the mirror" eventually 5 more

# ---- podman, where it runs ----
if have_podman; then
	run pod pull -q --tls-verify=false "$(shown | sed -n 's/^docker pull \(.*app:1\)$/\1/p')"; exits 0
	same "$(pod image inspect --format '{{.Digest}}' "$HUB/lab/app:1")" "$app" "podman has it by its digest"
	pod rmi -a >/dev/null 2>&1
else
	skip "podman does not run here"
fi

# ---- Trivy: the database from the hub, with the option that the page tells; then a scan without any network ----
have_trivy
lone="unshare -n"; unshare -n true 2>/dev/null || lone="unshare -rn"
if [ -n "$TRIVY" ]; then
	option=$(shown | sed -n 's/^trivy image \(--db-repository [^ ]*\) IMAGE$/\1/p')
	same "$option" "--db-repository $HUB/aquasec/trivy-db:2" "the page has Trivy's option"
	# shellcheck disable=SC2086
	run "$TRIVY" image --cache-dir "$T/trivy" --download-db-only $option; exits 0; complains "Artifact successfully downloaded"
	check "Trivy has the database" cmp "$T/db/trivy.db" "$T/trivy/db/trivy.db"
	if $lone true 2>/dev/null; then
		mkdir "$T/py"; echo 'django==2.2.0' >"$T/py/requirements.txt"
		run $lone "$TRIVY" fs --cache-dir "$T/trivy" --offline-scan --scanners vuln --format json "$T/py"; exits 0; says '"ArtifactName"'
	else
		skip "no network name space here"
	fi
else
	skip "Trivy 0.59.1 is not to be had here"
fi

# ---- OSV-Scanner: its databases filled with the page's own lines ----
shown | sed -n '/osv\/ecosystems.txt |/,/^export OSV/p' >"$T/osv.sh"
mkdir "$T/osv-work"
run sh -c "cd '$T/osv-work' && . '$T/osv.sh'"; exits 0
for eco in PyPI 'Rocky Linux'; do
	check "the page's lines fetch $eco" python3 -m zipfile -t "$T/osv-work/osv/osv-scalibr/$eco/all.zip"
done
same "$(get "http://$HUB/osv/ecosystems.txt" | tr '\n' '|')" "PyPI|Rocky Linux|" "ecosystems.txt"
have_osv_scanner
if [ -n "$OSV_SCANNER" ] && $lone true 2>/dev/null; then
	mkdir "$T/pad"; echo 'left-pad==1.1.3' >"$T/pad/requirements.txt"
	run $lone env OSV_SCANNER_LOCAL_DB_CACHE_DIRECTORY="$T/osv-work/osv" "$OSV_SCANNER" --experimental-offline "$T/pad"
	exits 1; says OSV-TEST-1
else
	skip "OSV-Scanner 1.9.2, or a network name space, is not to be had here"
fi

# ---- curl: files, pages, a download that goes on ----
shown | grep '^curl -fO' >"$T/curl.sh"
mkdir "$T/got"
run sh -c "cd '$T/got' && . '$T/curl.sh'"; exits 0
check "the page's lines fetch the files" cmp "$T/docs/sub/numbers.txt" "$T/got/numbers.txt"
head -c 1000000 "$T/docs/sub/numbers.txt" >"$T/got/numbers.txt"
run curl -sS -C - -o "$T/got/numbers.txt" -w '%{http_code} %{size_download}' "http://$HUB/files/docs/sub/numbers.txt"; exits 0
same "$(cat "$T/out")" "206 $(($(wc -c <"$T/docs/sub/numbers.txt") - 1000000))" "only the rest is fetched"
check "and the whole is right" cmp "$T/docs/sub/numbers.txt" "$T/got/numbers.txt"
odd="http://$HUB/files/docs/page%20%26%20more.html"
same "$(field Content-Type "$odd")" "text/plain; charset=utf-8" "a foreign page is plain text"
same "$(field Content-Security-Policy "$odd")" "default-src 'none'; sandbox" "and may do nothing"
same "$(field Location "http://$HUB/files/docs/sub")" /files/docs/sub/ "a directory gets its slash"
check "a directory page names what is in it" sh -c 'curl -sS "http://$1/files/docs/" | grep -q "page &amp; more.html"' x "$HUB"
check "a change of date is seen" test "$(status -z "$(date -R -d '+1 day')" "http://$HUB/files/docs/sub/numbers.txt")" = 304
for path in /files/../../etc/passwd /files/docs/..%2f..%2fetc/passwd /osv/%2e%2e/ /v2/lab/../app/tags/list /files//docs/; do
	same "$(status "http://$HUB$path")" 400 "$path"
done
same "$(get "http://$HUB/healthz")" ok "healthy"
check "Prometheus' lines" sh -c 'curl -sS "http://$1/metrics" | grep -q "^valise_sequence{channel=\"prod\"} 1$"' x "$HUB"
t_done
