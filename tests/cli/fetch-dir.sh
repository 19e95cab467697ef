#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# dir: a tree becomes layers; links, special files, changes, and trees larger than one manifest.
. "${srcdir:-.}/tests/lib/cli.sh"
need jq skopeo python3

D=$T/tree; mkdir -p "$D/b/c" "$D/empty"
echo one >"$D/a.txt"; echo two >"$D/b/c/two words.txt"; printf '#!/bin/sh\n' >"$D/b/run"; chmod 755 "$D/b/run"; : >"$D/zero"
ln -s ../a.txt "$D/b/link"
printf 'channel: prod\nitems:\n  - name: docs\n    type: dir\n    path: tree\n' >"$T/valise.yaml"
fetch() { run valise fetch -f "$T/valise.yaml"; }
manifest() { skopeo inspect --raw "oci:$VALISE_STORE:prod/docs"; }

fetch; exits 0
same "$(manifest | jq -r '[.layers[].annotations["org.opencontainers.image.title"]] | join("|")')" "a.txt|b/c/two words.txt|b/link|b/run|zero" "titles in order"
same "$(manifest | jq -r '[.layers[] | .annotations["valise.mode"] // "-"] | join(" ")')" "- - - 0755 -" "x is kept"
same "$(manifest | jq -r '.layers[2].digest')" "$(manifest | jq -r '.layers[0].digest')" "a link inside is followed"
same "$(manifest | jq -r .artifactType)" application/vnd.valise.files.v1 "artifact type"
same "$(jq -r '.manifests[] | select(.annotations["valise.item"] == "docs") | .annotations["valise.source"]' "$VALISE_STORE/index.json")" tree "the source is the directory's name"
before=$(tree_of "$VALISE_STORE/generations")
touch "$D/a.txt"; fetch; exits 0
same "$(tree_of "$VALISE_STORE/generations")" "$before" "the same content: no new generation"
echo three >>"$D/a.txt"; fetch; exits 0
check "new content: a new generation" test "$(tree_of "$VALISE_STORE/generations")" != "$before"

# What cannot be carried is named, and nothing changes.
before=$(tree_of "$VALISE_STORE/generations")
refused() { # STATUS PATTERN
	fetch; exits "$1"; complains "$2"; complains '; no new snapshot; store at prod [0-9]'
	same "$(tree_of "$VALISE_STORE/generations")" "$before" "$2: nothing changes"
}
ln -s /etc/passwd "$D/b/out";           refused 16 "b/out: .*leads out"; rm "$D/b/out"
ln -s ../../valise.yaml "$D/b/out";     refused 16 "b/out: .*leads out"; rm "$D/b/out"
ln -s nowhere "$D/b/gone";              refused 16 "b/gone: .*nowhere"; rm "$D/b/gone"
ln -s loop "$D/b/loop";                 refused 16 "b/loop"; rm "$D/b/loop"
ln -s c "$D/b/dirlink";                 refused 16 "b/dirlink: .*regular file"; rm "$D/b/dirlink"
mkfifo "$D/b/fifo";                     refused 16 "b/fifo: .*named pipe"; rm "$D/b/fifo"
python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$D/s"; refused 16 "s: .*socket"; rm "$D/s"
printf x >"$D/back\\slash";             refused 16 "back"; rm "$D/back\\slash"
printf x >"$D/$(printf 'bad\377')";     refused 16 "bad"; rm "$D/$(printf 'bad\377')"
fetch; exits 0

sed -i 's/path: .*/path: ./' "$T/valise.yaml"; refused 16 "the store itself"
mkdir "$T/none"; sed -i 's/path: .*/path: none/' "$T/valise.yaml"; refused 2 "no file"
sed -i 's/path: .*/path: nosuch/' "$T/valise.yaml"; refused 2 "no such directory"

# More files than one manifest takes: an index of manifests, readable and complete.
python3 - "$T/many" <<'PY'
import os, sys
for i in range(9000):
    d = f"{sys.argv[1]}/{'x' * 60}-{i // 1000}"
    os.makedirs(d, exist_ok=True)
    open(f"{d}/{i:05}", "w").write(str(i % 7))
PY
sed -i 's/path: .*/path: many/' "$T/valise.yaml"; fetch; exits 0
same "$(manifest | jq -r .mediaType)" application/vnd.oci.image.index.v1+json "many files: an index"
n=0
for d in $(manifest | jq -r '.manifests[].digest'); do
	b=$VALISE_STORE/blobs/sha256/${d#sha256:}
	check "a part is below 4 MiB" test "$(wc -c <"$b")" -lt 4194304
	n=$((n + $(jq '.layers | length' "$b")))
done
same "$n" 9000 "all files are there"
before=$(tree_of "$VALISE_STORE/generations"); fetch; exits 0
same "$(tree_of "$VALISE_STORE/generations")" "$before" "and a second time changes nothing"

t_done
