#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Images and artifacts cross the gap and go to a second registry: the same bytes and digests, tags last, nothing twice.
# shellcheck disable=SC2016 # for sh -c
. "${srcdir:-.}/tests/lib/cli.sh"
. "$SRC/tests/lib/images.sh"
. "$SRC/tests/lib/clients.sh"
. "$SRC/tests/lib/oci.sh"
need docker-registry skopeo umoci openssl python3 jq zstd curl

# registry NAME [CONFIG]: its address in $R, files in $T/NAME, log in $T/NAME.log
registry() {
	free_port; R=127.0.0.1:$PORT; mkdir -p "$T/$1"
	cat >"$T/$1.yml" <<CONF
version: 0.1
log: { accesslog: { disabled: false }, level: error }
storage: { filesystem: { rootdirectory: $T/$1 } }
http: { addr: "$R" }
${2:-}
CONF
	docker-registry serve "$T/$1.yml" >"$T/$1.log" 2>&1 </dev/null & T_PIDS="$T_PIDS $!"; wait_port "$PORT"
}
registry up; UP=$R
registry down; DOWN=$R
mark() { M=$(grep -c '"[A-Z]* /v2/[^ ]' "$T/down.log"); }
asked() { grep -o '"[A-Z]* /v2/[^ ]*' "$T/down.log" | grep -v 'GET /v2/$' | tail -n +$((M + 1)) | tr -d '"'; }
methods() { asked | cut -d' ' -f1 | sort -u | tr '\n' ' '; }
raw() { skopeo inspect --raw --tls-verify=false "docker://$1"; }
same_raw() { check "$1: byte for byte as upstream" sh -c 'skopeo inspect --raw --tls-verify=false "docker://$1" >"$3" && skopeo inspect --raw --tls-verify=false "docker://$2" | cmp - "$3"' - "$UP/$1" "$DOWN/${2:-$1}" "$T/raw"; }
head_of() { curl -sS -I -o "$T/head" -w '%{http_code}' -H "Accept: application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json" "http://$1/v2/$2/manifests/$3"; }

# ---- there and back again ----
images_build "$T/i"; images_push "$UP" lab
mkdir "$T/docs" "$T/db"; echo 'read me' >"$T/docs/read.txt"
seq -f 'advisory %.0f' 20000 >"$T/db/trivy.db"
printf '{"Version":2,"NextUpdate":"2026-11-21T06:00:00Z","UpdatedAt":"2026-11-20T06:00:00Z","DownloadedAt":"0001-01-01T00:00:00Z"}' >"$T/db/metadata.json"
tar -C "$T/db" -czf "$T/db.tar.gz" trivy.db metadata.json
REGISTRY_PORT=${UP##*:}; push_trivy_db "$T/db.tar.gz" || bail "skopeo cannot push the database"
items() {
	cat >"$T/valise.yaml" <<YAML
channel: prod
items:
  - name: images
    type: image
    images: [$UP/lab/app:1, $UP/lab/tool:1, $UP/lab/zstd:1, $UP/lab/docker:1, $UP/lab/artifact:1]
  - name: platforms
    type: image
    images: [$UP/lab/multi:1, $UP/lab/nested:1]
    platforms: [all]
  - name: docs
    type: dir
    path: ./docs
  - name: trivy-db
    type: trivy-db
    references: ["$UP/aquasec/trivy-db:2"]
YAML
}
items
cd "$T" || exit 1
VALISE_STORE=$T/left; export VALISE_STORE
valise keygen -o k --no-password >log 2>&1 || bail keygen
carry() { valise pack -k k.key -o "out$1" >log 2>&1 || { cat log; bail pack; }; VALISE_STORE=$T/right valise unpack --trust k.pub "out$1" >log 2>&1 || { cat log; bail unpack; }; }
carry 1
VALISE_STORE=$T/right

# ---- dry run: asks, sends nothing ----
mark; run valise publish --dry-run "$DOWN"; exits 0; says "^would push 5\..* MB: [0-9]* blobs, 11 names to $DOWN"; complains "lab/app:1: sha256:[0-9a-f]* would be pushed"
same "$(methods)" "HEAD " "a dry run only asks"
# A foreign entry in the list of what is attached to app:1: it must stay.
app=$(images_digest app:1); hex=${app#sha256:}
skopeo copy --quiet --dest-tls-verify=false "oci:$T/i/oci:arm64" "docker://$DOWN/lab/app:foreign" || bail "skopeo"
raw "$DOWN/lab/app:foreign" >foreign; f_size=$(wc -c <foreign) f_digest=sha256:$(sha256sum <foreign | cut -d' ' -f1)
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%d,"artifactType":"application/x-foreign","annotations":{"who":"somebody else"}}]}' \
	"$f_digest" "$f_size" >list
curl -sSf -o /dev/null -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary @list "http://$DOWN/v2/lab/app/manifests/sha256-$hex" || bail "list"

# ---- all of it ----
mark; run valise publish "$DOWN"; exits 0
says "^pushed 11 names, [0-9]* blobs (5\.. MB) to $DOWN, [0-9]* mounted\$"
for n in $IMAGES_NAMES; do
	[ "$n" = buildkit:1 ] && continue
	same_raw "lab/$n"
	same "sha256:$(raw "$DOWN/lab/$n" | sha256sum | cut -d' ' -f1)" "$(images_digest "$n")" "lab/$n has upstream's digest"
done
for d in $(raw "$DOWN/lab/multi:1" | jq -r '.manifests[].digest'); do same_raw "lab/multi@$d"; done
same "$(asked | grep '^PUT' | sed 's/?.*//' | sort | uniq -d)" "" "nothing was put twice"
same "$(grep -o '"PUT /v2/[^ ]*digest=[^ ]*' down.log | sed 's/.*digest=//' | sort | uniq -d)" "" "no blob was sent twice to the registry"
check "the tags of a repository came last" sh -c 'grep -o "\"PUT /v2/lab/app/manifests/[^ ]*" "$1" | tail -n 1 | grep -q "manifests/1$"' - down.log
check "an uploaded image unpacks to the original tree" sh -c 'skopeo copy --quiet --src-tls-verify=false "docker://$1/lab/app:1" "oci:back:app"' - "$DOWN"
check "the original tree" images_same_tree back:app "$T/i/roots/app"
for p in amd64:tool arm64:arm64; do
	skopeo copy --quiet --override-arch "${p%:*}" --src-tls-verify=false "docker://$DOWN/lab/multi:1" "oci:back:${p%:*}" 2>log || cat log
	check "multi:1 for ${p%:*}: the original tree" images_same_tree "back:${p%:*}" "$T/i/roots/${p#*:}"
done
CRANE=$(find_client crane)
if [ -n "$CRANE" ]; then for n in app:1 tool:1 multi:1 docker:1; do check "crane validate lab/$n" "$CRANE" validate --insecure --remote "$DOWN/lab/$n"; done; fi

have_trivy
if [ -n "$TRIVY" ]; then
	run env HOME="$T" "$TRIVY" image --cache-dir "$T/trivy" --download-db-only --db-repository "$DOWN/aquasec/trivy-db:2"
	exits 0; complains "Artifact successfully downloaded"
	check "Trivy has the database from there" cmp "$T/db/trivy.db" "$T/trivy/db/trivy.db"
else
	skip "trivy is not installed"
fi

# ---- what is attached ----
raw "$DOWN/lab/app:sha256-$hex" >list
same "$(jq -r '.manifests[0].annotations.who' list)" "somebody else" "the foreign entry stays, first"
same "$(jq -r '.manifests[1].artifactType' list)" "$(raw "$UP/lab/app:sha256-$hex" | jq -r '.manifests[0].artifactType')" "the SBOM is listed with its type"
same "$(jq -r '.manifests[1].digest' list)" "$(raw "$UP/lab/app:sha256-$hex" | jq -r '.manifests[0].digest')" "and its digest"
COSIGN=$(find_client cosign)
if [ -n "$COSIGN" ]; then
	check "cosign verifies the signature there" env HOME="$T" "$COSIGN" verify --key "$T/i/cosign.pub" --insecure-ignore-tlog --allow-http-registry "$DOWN/lab/app:1"
	check "and not with another key" sh -c '! HOME=$1 "$2" verify --key "$3" --insecure-ignore-tlog --allow-http-registry "$4"' - "$T" "$COSIGN" "$T/i/other.pub" "$DOWN/lab/app:1"
else
	skip "cosign is not installed"
fi

# ---- again ----
curl -sSf -o /dev/null -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary "$(jq -c '{schemaVersion, mediaType, manifests: [.manifests[1]]}' list)" \
	"http://$DOWN/v2/lab/app/manifests/sha256-$hex" || bail "list"
mark; run valise publish "$DOWN"; exits 0; says "^nothing to push: 11 names were at $DOWN already\$"; complains_not "up to date"
check "a second run sends nothing" sh -c '! echo "$1" | grep -qE "PUT|POST|PATCH"' - "$(methods)"
same "$(asked | grep -c 'HEAD .*/lab/tool/manifests/1$')" 1 "one question for a name"
same "$(asked | grep -c blobs)" 0 "none for a blob"
run valise publish -v "$DOWN"; exits 0; complains "^debug: publish: $DOWN/lab/app:1: up to date\$"
run valise publish --json "$DOWN"; exits 0
same "$(jq -r 'select(.type == "result") | "\(.names) \(."names-new") \(."bytes-sent") \(."blobs-sent")"' out)" "11 0 0 0" "the result for programs"

# ---- a tag that moved ----
skopeo copy --quiet --preserve-digests --dest-tls-verify=false "oci:$T/i/oci:tool" "docker://$UP/lab/app:1" || bail "move"
VALISE_STORE=$T/left; carry 2; VALISE_STORE=$T/right
mark; run valise publish "$DOWN"; exits 0; says "^pushed 1 name, 0 blobs (0 B) to $DOWN, [12] mounted; "
same "$(raw "$DOWN/lab/app:1" | sha256sum)" "$(raw "$UP/lab/app:1" | sha256sum)" "the tag moved"
check "the old one is still there by its digest" raw "$DOWN/lab/app@$app"

# ---- names ----
cat >valise.conf <<CONF
registry: $DOWN/corp
names:
  - from: $UP/lab/app
    to: scanners/app
  - from: $UP/lab
    to: ""
CONF
run valise publish images; exits 0; says "to $DOWN/corp, "
same_raw lab/app:1 corp/scanners/app:1; same_raw lab/tool:1 corp/tool:1
same "$(head_of "$DOWN" corp/multi 1)" 404 "only the item that was named"
run valise publish docs; exits 0; says "^pushed 2 names, 2 blobs"
same "$(raw "$DOWN/corp/prod/docs:latest" | jq -r '.layers[0].annotations["org.opencontainers.image.title"]')" read.txt "an item without a name goes as CHANNEL/ITEM"
same "$(raw "$DOWN/corp/prod/docs:2" | sha256sum)" "$(raw "$DOWN/corp/prod/docs:latest" | sha256sum)" "with its sequence number"
run valise publish "$DOWN/other" platforms; exits 0; same_raw lab/multi:1 other/multi:1
: >valise.conf

# ---- refusals ----
run valise publish; exits 2; complains "E0201: which registry?"
run valise publish "http://$DOWN"; exits 2; complains "without the scheme"
run valise publish --plain-http "https://$DOWN"; exits 2; complains "without the scheme"
run valise publish "$DOWN/Upper"; exits 2; complains "is not a registry"
run valise publish "$DOWN" imagse; exits 2; complains "E0207.*Did you mean images"
run valise publish -c test "$DOWN"; exits 2; complains "no channel"
run valise --store "$T/nowhere" publish "$DOWN"; exits 2
free_port; printf 'retries: 1\n' >valise.conf
run valise publish "127.0.0.1:$PORT"; exits 30; complains "E3001: asking the registry: http://127.0.0.1:$PORT/v2/: connection refused (2 tries)\. "; complains_not "^publish"
: >valise.conf
run valise publish "127.0.0.1:$PORT"; exits 30; complains "connection refused (2 tries)"; complains_not warning
run valise publish docs; exits 2; complains "E0201: docs is an item; which registry?"; complains "valise publish REGISTRY docs"
run valise publish docs "$DOWN"; exits 2; complains "E0201: $DOWN is no item; the registry comes first"; complains "valise publish $DOWN docs\$"
run valise publish "$DOWN" "$UP"; exits 2; complains "E0201: $UP is no item"
run valise publish "$DOWN" registry.corp; exits 2; complains "E0207.*registry.corp"; complains "A registry is named before them"
run valise publish "$DOWN/" docs; exits 0; says "^pushed 2 names, .* to $DOWN\$"
printf 'registry: %s\n' "$DOWN" >valise.conf; run valise publish docs; exits 0; says "^nothing to push: 2 names were at $DOWN already"
run valise publish docs "$DOWN"; exits 2; complains "the registry comes first"
printf 'retries: 1\n' >valise.conf
# 127.1 is an address of this host that does not look like one: no HTTP without being asked.
run valise publish "127.1:${DOWN##*:}" platforms; exits 30; complains "E3002.*does not speak TLS.*--plain-http"
run valise publish --plain-http "127.1:${DOWN##*:}/plain" platforms; exits 0; same_raw lab/multi:1 plain/lab/multi:1
if command -v htpasswd >/dev/null 2>&1; then
	htpasswd -Bbn me secret >users 2>/dev/null
	registry closed "auth: { htpasswd: { realm: x, path: $T/users } }"; CLOSED=$R
	run valise publish "$CLOSED"; exits 31; complains "E3101.*no credentials"
	mkdir docker; printf '{"auths":{"%s":{"auth":"%s"}}}' "$CLOSED" "$(printf me:secret | base64)" >docker/config.json
	run env DOCKER_CONFIG="$T/docker" "$VALISE" publish "$CLOSED" platforms; exits 0
	check "no secret in the output" sh -c '! grep -q "secret\|bWU6" "$1/out" "$1/err"' - "$T"
else
	skip "htpasswd is not installed"
fi

# ---- TLS on loopback, and Docker's registry, which answers under another name ----
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=here -addext subjectAltName=IP:127.0.0.1 \
	-keyout tls.key -out tls.crt 2>/dev/null || bail "openssl"
free_port; TLS=127.0.0.1:$PORT; mkdir tls
cat >tls.yml <<CONF
version: 0.1
storage: { filesystem: { rootdirectory: $T/tls } }
http: { addr: "$TLS", tls: { certificate: $T/tls.crt, key: $T/tls.key } }
CONF
docker-registry serve tls.yml >tls.log 2>&1 </dev/null & T_PIDS="$T_PIDS $!"; wait_port "$PORT"
printf 'retries: 1\nca-file: %s/tls.crt\n' "$T" >valise.conf
run valise publish "$TLS" platforms; exits 31; complains "E3101.* 400 .*If it has TLS, write https://$TLS"
run valise publish "https://$TLS/deep" platforms; exits 0; says "to https://$TLS/deep"
same "$(curl -sS --cacert tls.crt "https://$TLS/v2/deep/lab/multi/tags/list" | jq -r '.tags[]')" 1 "pushed with TLS"
free_port
t_daemon python3 -c 'import socket, sys
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    c, _ = s.accept()
    print(c.recv(4096).split(b"\r\n")[0].decode(), file=open(sys.argv[2], "a"), flush=True)
    c.sendall(b"HTTP/1.1 403 no\r\n\r\n"); c.close()' "$PORT" "$T/asked"
wait_port "$PORT"; printf 'retries: 1\nproxy: http://127.0.0.1:%s\n' "$PORT" >valise.conf
run valise publish docker.io/me platforms; exits 31; complains "https://registry-1.docker.io/v2/me/lab/.*the proxy answers 403"
same "$(grep -o "CONNECT [^ ]*" asked | sort -u)" "CONNECT registry-1.docker.io:443" "docker.io is asked where it answers"
: >valise.conf

# ---- two images that claim one name ----
registry clean; CLEAN=$R
skopeo copy --quiet --dest-tls-verify=false "oci:$T/i/oci:arm64" "docker://$DOWN/lab/docker:1" || bail "skopeo"
printf 'channel: both\nitems:\n  - name: images\n    type: image\n    images: [%s/lab/docker:1, %s/lab/docker:1]\n    platforms: [all]\n' "$UP" "$DOWN" >valise.yaml
run valise --store "$T/both" fetch; exits 0
run valise --store "$T/both" publish "$CLEAN"; exits 3; complains "warning: the name lab/docker:1 is claimed by"; complains "E0301: 1 thing could not be offered"
says "^pushed 1 name"
run valise --store "$T/both" publish "$CLEAN"; exits 3; says "^nothing to push"
printf 'names:\n  - from: %s\n    to: mirror\n' "$DOWN" >valise.conf
run valise --store "$T/both" publish "$CLEAN"; exits 0; complains_not warning; says "^pushed [12] name"
: >valise.conf

# ---- a damaged blob ----
registry empty; CLEAN=$R
tool=$(images_digest tool:1); layer=$(jq -r '.layers[0].digest' "right/blobs/sha256/${tool#sha256:}"); f=right/blobs/sha256/${layer#sha256:}
chmod u+w "$f"; printf X | dd of="$f" bs=1 seek=100 conv=notrunc 2>/dev/null
run valise publish "$CLEAN"; exits 24; complains "E2401.*$layer.*item images"; complains "fsck"
same "$(head_of "$CLEAN" lab/tool 1)" 404 "no tag points at what is damaged"
same "$(curl -sS -I -o "$T/head" -w '%{http_code}' "http://$CLEAN/v2/lab/tool/blobs/$layer")" 404 "and it was not sent"
t_done
