#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A registry that misbehaves: tokens, redirects, indexes, old forms of artifacts, lies about digests and sizes.
. "${srcdir:-.}/tests/lib/cli.sh"
. "$SRC/tests/lib/oci.sh"
. "$SRC/tests/lib/faults.sh"
need python3 jq skopeo curl

CT=application/vnd.aquasec.trivy.config.v1+json
LT=application/vnd.aquasec.trivy.db.layer.v1.tar+gzip
mkdir "$T/db"; echo content >"$T/db/trivy.db"
printf '{"Version":2,"NextUpdate":"2026-11-21T06:00:00Z","UpdatedAt":"2026-11-20T06:00:00Z","DownloadedAt":"0001-01-01T00:00:00Z"}' >"$T/db/metadata.json"
tar -C "$T/db" -czf "$T/db.tar.gz" trivy.db metadata.json

faultd A; faultd B; mkdir -p "$T/A/a/db/manifests" "$T/B/a/db/manifests"
# publish REGISTRY: the artifact of oci_artifact as a/db:2
publish() {
	rm -rf "$T/L"; mkdir "$T/L"; digest=$(oci_artifact "$T/L" 2 $CT $LT db.tar.gz "$T/db.tar.gz")
	cp "$T/L/blobs/sha256/"* "$T/$1/blobs/sha256/"; cp "$T/L/blobs/sha256/${digest#sha256:}" "$T/$1/a/db/manifests/2"
}
# blob FILE: into A's blobs; prints the digest
blob() { b_h=$(sha256sum <"$1" | cut -d' ' -f1); cp "$1" "$T/A/blobs/sha256/$b_h"; echo "sha256:$b_h"; }
list() { printf 'channel: prod\nitems:\n  - name: trivy-db\n    type: trivy-db\n    references: [%s]\n' "$1" >"$T/valise.yaml"; }
anew() { chmod -R u+w "$VALISE_STORE" 2>/dev/null; rm -rf "$VALISE_STORE"; }
fetch() { run valise fetch -f "$T/valise.yaml"; }
one="127.0.0.1:$A_PORT/a/db:2"; two="$one, 127.0.0.1:$B_PORT/a/db:2"
printf 'retries: 1\n' >"$VALISE_CONFIG"
publish A; publish B; list "$one"

fetch; exits 0
sent() { seen A "select(.server == \"$1\" and (.path | test(\"$2\"))) | .headers.authorization // \"-\"" | sort -u; }
blobs() { seen A 'select(.server == "main" and (.path | test("/blobs/"))) | .path'; }
check "the registry was asked with a token" test -n "$(sent main manifests | grep Bearer)"
same "$(sent other blob)" "-" "the host that a redirect names gets no token"
n=$(blobs | wc -l)
fetch; exits 0
same "$(blobs | wc -l)" "$n" "nothing new: no blob is asked for"

# Lies. Each is refused, nothing becomes the snapshot, and the truth is accepted afterwards.
lie() { # WHAT STATUS PATTERN
	anew; faults A "$1"; list "$one"; fetch; exits "$2"; complains "$3"
	check "$1: no generation" test ! -e "$VALISE_STORE/generations/000001/index.json"
	faults A none=1; fetch; exits 0
}
lie lie=digest-header 32 "announced another"
lie lie=manifest 32 "announced another"
lie lie=type 32 "mediaType is"
lie lie=blob 32 "the layer has digest"
lie lie=short 32 "E3201"
lie lie=long 32 "E3201"
lie gone=1 31 "E3102"
lie refuse=1 31 "E3101"
lie limit=429 31 "E3103"

# Trouble that passes: another try, or the rest of a body.
for fault in "flaky=1&only=manifests/2" "here=1&noredirect=1" cut_blobs=1; do
	anew; faults A "$fault"; list "$one"; fetch; exits 0
done
check "a truncated blob is continued" test -n "$(seen A 'select(.headers.range) | .path')"
same "$(sent other blob)" "-" "without a token"

# Another registry helps, and says so.
for fault in gone=1 lie=blob lie=digest-header; do
	anew; faults A $fault; list "$two"; fetch; exits 0; complains "trying the next registry"
done
faults A none=1

# An index: the manifest of the wanted type, although it is not the first.
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":2},"layers":[]}' "$(printf '{}' | sha256sum | cut -d' ' -f1)" >"$T/m"
other=$(blob "$T/m"); osize=$(wc -c <"$T/m")
size=$(wc -c <"$T/A/blobs/sha256/${digest#sha256:}")
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"%s","size":%s},{"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"%s","digest":"%s","size":%s}]}' \
	"$other" "$osize" $CT "$digest" "$size" >"$T/A/a/db/manifests/2"
anew; list "$one"; fetch; exits 0
same "$(jq -r '.manifests[] | select(.annotations["valise.item"] == "trivy-db") | .annotations["valise.upstream.digest"]' "$VALISE_STORE/index.json")" \
	"sha256:$(sha256sum <"$T/A/a/db/manifests/2" | cut -d' ' -f1)" "upstream's digest is the index's"
fetch; exits 0; says "nothing new"
echo '{"schemaVersion":2,"manifests":[],"layers":[]}' >"$T/A/a/db/manifests/2"; fetch; exits 32; complains "at once"
echo '{"schemaVersion":2,"manifests":[]}' >"$T/A/a/db/manifests/2"; anew; fetch; exits 32

# Older pushes: the type in the config, and a config of no bytes, or of its own.
old() { # CONFIG-FILE
	c=$(blob "$1"); l=$(blob "$T/db.tar.gz")
	printf '{"schemaVersion":2,"config":{"mediaType":"%s","digest":"%s","size":%s},"layers":[{"mediaType":"%s","digest":"%s","size":%s,"annotations":{"org.opencontainers.image.title":"db.tar.gz"}}]}' \
		$CT "$c" "$(wc -c <"$1")" $LT "$l" "${2:-$(wc -c <"$T/db.tar.gz")}" >"$T/A/a/db/manifests/2"
	anew; fetch
}
: >"$T/c"; old "$T/c"; exits 0
echo '{"own":"config"}' >"$T/c"; old "$T/c"; exits 0
check "its config is in the store" test -s "$VALISE_STORE/blobs/sha256/$(sha256sum <"$T/c" | cut -d' ' -f1)"
old "$T/c" 99999999999; exits 16

# A reference by digest is that digest.
publish A; list "127.0.0.1:$A_PORT/a/db@$digest"; anew; fetch; exits 0
cp "$T/m" "$T/A/a/db/manifests/$digest"; anew; fetch; exits 32; complains "asked for was"

t_done
