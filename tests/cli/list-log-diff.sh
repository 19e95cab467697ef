#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# list with sizes and what is shared, log of generations, diff of sequences, bundles and stores: over the gap and back.
. "${srcdir:-.}/tests/lib/cli.sh"
. "${srcdir:-.}/tests/lib/images.sh"
. "${srcdir:-.}/tests/lib/oci.sh"
need umoci skopeo docker-registry zstd openssl jq
W=$T/w; mkdir "$W"; cd "$W" || exit 1
images_build "$T/images"; start_registry; R=127.0.0.1:$REGISTRY_PORT; images_push "$R" lab
mkdir docs; echo one >docs/one; echo two >docs/two
A="--store $W/a" B="--store $W/b"
valise keygen -o k --no-password >/dev/null || bail keygen
list() { # IMAGES...: items docs, analyzers with these images, base with tool:1
	printf 'channel: prod\nexpires: 14d\nitems:\n  - name: docs\n    type: dir\n    path: ./docs\n'
	printf '  - name: analyzers\n    type: image\n    images: [%s]\n' "$1"
	printf '  - name: base\n    type: image\n    images: [%s/lab/multi:1]\n    platforms: [all]\n' "$R"
}
list "$R/lab/app:1, $R/lab/tool:1" >valise.yaml
run valise $A log; exits 0; says 'is empty'
run valise $A diff 1; exits 2; complains 'no store at .* to look up sequence 1'
run valise $A pack -k k.key -o out -q; exits 0; one=$(cat "$T/out")

# the isolated side has nothing yet: the bundle is all new
run valise $B diff "$one"; exits 0
says '^from        nothing: this store has no channel prod'; says "^to          prod 1, bundle $one, NOT VERIFIED"
says '^new       analyzers  *image  *5\.3 MB new'; says '^new       docs '
run valise $B diff "$one" -t k.pub; exits 0; says 'signature good'
check "comparing makes no store" test ! -e b
valise $B trust add k.pub >/dev/null; run valise $B unpack "$one"; exits 0
run valise $B diff "$one"; exits 0; says 'signature good'; says '^same      docs'; says '^No difference\.'

# list
run valise $B list; exits 0
says '^  docs  *dir  *8 B in 2 files'
says '^  analyzers  *image  *5\.3 MB in 2 images, 3 signatures and attestations'
says '^    of which 45 kB shared with other items'
says '^  total  *5\.3 MB in 3 items'
run valise $B list analyzers; exits 0
says "^     5\.3 MB  $(images_digest app:1)  $R/lab/app:1$"; says '^             linux/amd64, 2 signatures and attestations$'
says "^      45 kB  $(images_digest tool:1)  $R/lab/tool:1$"; says_not '^  total'
run valise $B list base; says '^             linux/amd64 linux/arm64/v8$'
run valise $B list docs; says '  two$'; says_not 'shared'
run valise $B list bse; exits 2; says_nothing; complains 'E0207: there is no item bse in this store\. Did you mean base?'
run valise $B list bse -c prod; exits 2; complains 'there is no item bse in channel prod\. Did you'
run valise $B --json list analyzers; exits 0
check "list --json: images" jq -se 'map(select(.type == "image")) | length == 2 and all(.platforms == ["linux/amd64"])' "$T/out"
check "list --json: what is attached" jq -se --arg d "$(images_digest app:1)" 'map(select(.type == "attached" and .subject == $d)) | length == 2' "$T/out"
check "list --json: shared bytes" jq -se '.[0] | .type == "item" and .images == 2 and .attached == 3 and ."shared-bytes" > 40000 and ."shared-bytes" < 50000' "$T/out"
run valise $B --json list; check "list --json: total" jq -se '.[-1] | .type == "total" and .items == 3 and .bytes > 5300000' "$T/out"
run valise $B status; exits 0; says '^  analyzers  *image  *5\.3 MB in 2 images'
run valise $B inspect "$one"; exits 0; says '^  analyzers  *image  *5\.3 MB in 2 images'

# a tag moves, an image comes, one goes, files change
oci=$T/images/oci
skopeo copy --quiet --dest-tls-verify=false "oci:$oci:s390x" "docker://$R/lab/tool:1" || bail "move tool:1"
list "$R/lab/tool:1, $R/lab/zstd:1" >valise.yaml; echo 2 >docs/two; rm docs/one; echo three >docs/three; echo four >docs/four
run valise $A pack -k k.key -o out -q; exits 0; two=$(cat "$T/out")
run valise $B diff "$two"; exits 0
says '^from        prod 1, generation 1$'; says "^to          prod 2, bundle $two, signature good"
says '^changed   analyzers  *image .*1 new, 1 moved, 1 gone'
says "^  new     $R/lab/zstd:1  $(images_digest zstd:1 | cut -c8-19)$"
says "^  gone    $R/lab/app:1  $(images_digest app:1 | cut -c8-19)$"
says "^  moved   $R/lab/tool:1  $(images_digest tool:1 | cut -c8-19) -> "
says '^changed   docs  *dir .*2 files added, 1 files changed, 1 files removed'
says '^same      base'; says '^bytes .* new, 5\.[0-9] MB no longer needed'
run valise $B -v diff "$two"; says '^  new     three  '; says '^  gone    one  '; says '^  changed two  '
run valise $B --json diff "$two"; exits 0
check "diff --json: sides" jq -se 'map(select(.type == "side")) | length == 2 and .[0].sequence == 1 and .[1].verified' "$T/out"
check "diff --json: images" jq -se '[.[] | select(.type == "image") | .change] | sort == ["gone", "moved", "new"]' "$T/out"
check "diff --json: files" jq -se '[.[] | select(.type == "file") | .change] | sort == ["changed", "gone", "new", "new"]' "$T/out"
check "diff --json: items" jq -se '[.[] | select(.type == "item") | .item + " " + .change] == ["analyzers changed", "base same", "docs changed"]' "$T/out"
check "diff --json: bytes" jq -se '.[-1] | .type == "result" and ."new-bytes" > 0 and ."gone-bytes" > 5000000' "$T/out"
run valise $B unpack "$two"; exits 0
run valise $B diff 1; exits 0; says '^from        prod 1, generation 1$'; says '^to          prod 2, generation 2$'; says '  gone  '
run valise $B diff 2 1; exits 0; says '^from        prod 2'; says "^  gone    $R/lab/zstd:1"; says "^  new     $R/lab/app:1"
run valise $B diff "$one"; exits 0; says "^from        prod 1, bundle $one"; says '^to          prod 2, generation 2$'
run valise $B diff "$one" "$two"; exits 0; says "^from        prod 1, bundle"; says "^to          prod 2, bundle"
run valise $A diff b; exits 0; says "^from        prod 2, generation [0-9]* of b$"; says '^No difference'
run valise $B diff 7; exits 2; complains 'E0207: sequence 7 is not in this store any more.*\./7'
run valise $B diff nowhere; exits 2; complains 'nowhere'
run valise $B diff out; exits 0; says "^from .*prod 2, bundle $two"; complains "out holds 2 bundles; taken: $two"
run valise $B diff out -c lab; exits 12; complains 'out holds no bundle of channel lab'
run valise $B diff 1 2 3; exits 2

# a database: newer by what upstream says
db() { printf '{"Version":2,"NextUpdate":"2026-11-2%dT12:00:00Z","UpdatedAt":"2026-11-2%dT06:00:00Z","DownloadedAt":"0001-01-01T00:00:00Z"}' $(($1 + 1)) "$1" >metadata.json
	echo "db $1" >trivy.db; tar czf db.tar.gz trivy.db metadata.json; push_trivy_db "$W/db.tar.gz"; }
printf 'mirrors:\n  - prefix: ghcr.io/aquasecurity\n    use: [http://%s/aquasec]\n    only: true\n' "$R" >"$T/valise.conf"
sed 's|ghcr.io/aquasecurity|mirror.gcr.io/aquasec|' "$T/valise.conf" | sed 1d >second; cat second >>"$T/valise.conf"
printf 'channel: db\nitems:\n  - name: trivy-db\n    type: trivy-db\n' >db.yaml
for n in 0 2; do db $n || bail "push trivy-db"; run valise $A pack -f db.yaml -k k.key -o db -q; exits 0; done
run valise $A diff @3 -c db; exits 0; says '^from        db 1, generation 3'; says '^to          db 2, generation 4'
run valise $A diff @9; exits 2; complains 'no generation 9.*valise log'
run valise $A diff @3; exits 2; complains 'has 2 channels'

run valise $A diff 1 -c db; exits 0; says '^changed   trivy-db .*1 files changed, data newer by 2 days'
run valise $A --json diff 1 2 -c db; check "diff --json: age" jq -se 'map(select(.type == "item")) | .[0]."newer-by-seconds" == 172800 and .[0]."newer-as" == "updated"' "$T/out"
run valise $A diff 2; exits 2; complains 'more than one channel is at sequence 2.*--channel'
run valise $B diff a; exits 2; complains 'has 2 channels.*--channel'
run valise $A diff 1 -c dbs; exits 2

# log
run valise $B log; exits 0
says '^generation 2 (current)$'; says "^  prod 2  unpacked .*, root [0-9a-f]\{12\}$"
says "^    made .*, expires in 14 days, signed by $(sed -n '1s/.* //p' k.pub)$"; says '^generation 1$'
same "$(grep -n '^generation' "$T/out" | cut -d: -f2 | xargs)" "generation 2 (current) generation 1" "newest first"
run valise $B log -n 1; exits 0; says '^generation 2'; says_not '^generation 1'
run valise $B log -c test; exits 2; complains 'It holds: prod'
run valise $A log; exits 0; says '^  db 2  fetched '; says '^  prod 2  as before'
run valise $A log -c db; exits 0; says_not prod
same "$(grep -c '^generation' "$T/out")" 2 "only the generations that changed the channel"
run valise $B --json log; exits 0
check "log --json" jq -se 'length == 2 and .[0].current and .[0].sequence == 2 and .[0].by == "unpack" and .[0].bytes > 0 and (.[0].signers | length) == 1 and .[1].current == false' "$T/out"

# back to what was there before
run valise $B rollback 1; exits 0
run valise $B log -n 1; exits 0; says '^generation 3 (current)$'; says '^  prod 1  installed again .*, root'
run valise $B --json log -n 1; check "log --json: a rollback" jq -e '.again and .changed and .by == "unpack"' "$T/out"
run valise $B rollback 2; exits 0; run valise $B log -n 1; says '^  prod 2  installed again'

# damage: the document is named, the log goes on
root=$(valise $B --json log -n 1 | jq -r .root | cut -d: -f2)
chmod u+w "b/blobs/sha256/$root"; echo >>"b/blobs/sha256/$root"
run valise $B log; exits 0; says '^  prod 2  unpacked .*, size not known'
run valise $B list; exits 24; complains 'E2401'
run valise $B diff 1; exits 24
t_done
