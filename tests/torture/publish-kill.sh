#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# valise publish is killed at ten random moments. After each kill every tag that exists stands for something whole: all
# manifests and blobs below it are there. The same command again converges, and once more it sends nothing.
# shellcheck disable=SC2016 # for sh -c
. "${srcdir:-.}/tests/lib/cli.sh"
. "$SRC/tests/lib/images.sh"
need docker-registry skopeo umoci openssl python3 jq zstd curl

registry() { # NAME: its address in $R, files in $T/NAME, log in $R_LOG
	free_port; R=127.0.0.1:$PORT; mkdir -p "$T/$1"
	cat >"$T/$1.yml" <<CONF
version: 0.1
log: { accesslog: { disabled: false }, level: error }
storage: { filesystem: { rootdirectory: $T/$1 } }
http: { addr: "$R" }
CONF
	docker-registry serve "$T/$1.yml" >"$T/$1.log" 2>&1 </dev/null & T_PIDS="$T_PIDS $!"; R_LOG=$T/$1.log; wait_port "$PORT"
}
registry up; UP=$R
images_build "$T/i"; images_push "$UP" lab
names=
for n in $IMAGES_NAMES; do names="$names${names:+, }$UP/lab/$n"; done
# Four more repositories with a layer of their own, so that there is something to kill.
for i in 1 2 3 4; do
	mkdir -p "$T/more$i/opt"; python3 -c "import random, sys
sys.stdout.buffer.write(random.Random($i).randbytes(6 << 20))" >"$T/more$i/opt/data"
	images_tar "$T/more$i" "$T/more$i.tar"; images_umoci "more$i" amd64 "$I_DIR/base.tar" "$T/more$i.tar" || bail "umoci"
	skopeo copy --quiet --preserve-digests --dest-tls-verify=false "oci:$I_DIR/oci:more$i" "docker://$UP/lab/more$i:1" || bail "skopeo"
	names="$names, $UP/lab/more$i:1"
done
# And more repositories than one batch takes, so that some are done when others are not.
for i in 1 2 3 4 5 6 7 8 9 10; do
	skopeo copy --quiet --preserve-digests --dest-tls-verify=false "oci:$I_DIR/oci:tool" "docker://$UP/lab/same$i:1" || bail "skopeo"
	names="$names, $UP/lab/same$i:1"
done
cd "$T" || exit 1
printf 'channel: prod\nitems:\n  - name: images\n    type: image\n    images: [%s]\n    platforms: [all]\n' "$names" >valise.yaml
run valise fetch; exits 0

# Everything that a tag stands for is asked for: OK lines, or what is missing.
cat >whole.py <<'PY'
import json, sys, urllib.request, urllib.error
base = "http://" + sys.argv[1] + "/v2/"
ACCEPT = ", ".join(["application/vnd.oci.image.index.v1+json", "application/vnd.oci.image.manifest.v1+json",
                    "application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.docker.distribution.manifest.v2+json"])
def ask(path, method="GET"):
    return urllib.request.urlopen(urllib.request.Request(base + path, headers={"Accept": ACCEPT}, method=method), timeout=10).read()
def whole(repo, ref):
    doc = json.loads(ask(f"{repo}/manifests/{ref}"))
    for child in doc.get("manifests", []):
        whole(repo, child["digest"])
    for blob in ([doc["config"]] if "config" in doc else []) + doc.get("layers", []):
        ask(f"{repo}/blobs/{blob['digest']}", "HEAD")
tags = bad = 0
for repo in json.loads(ask("_catalog?n=1000"))["repositories"]:
    try:
        names = json.loads(ask(f"{repo}/tags/list"))["tags"] or []
    except urllib.error.HTTPError:
        names = []
    for tag in names:
        tags += 1
        try:
            whole(repo, tag)
        except urllib.error.HTTPError as e:
            bad += 1
            print(f"{repo}:{tag}: {e.code} {e.url}")
print(f"{tags} tags")
sys.exit(bad > 0)
PY
# How long an undisturbed run takes here, in milliseconds.
registry calm; CALM=$R
t0=$(date +%s%N); run valise publish "$CALM"; t1=$(date +%s%N); exits 0
took=$(((t1 - t0) / 1000000)); echo "# an undisturbed run takes $took ms"
all=$(python3 whole.py "$CALM"); echo "# $all"

registry down; DOWN=$R
seed=${VALISE_KILL_SEED:-$(od -An -N2 -tu2 /dev/urandom | tr -d ' ')}; echo "# VALISE_KILL_SEED=$seed"
killed=0 tries=0
while [ $killed -lt 10 ] && [ $tries -lt 40 ]; do
	tries=$((tries + 1))
	ms=$(python3 -c "import random; print(random.Random($seed * 100 + $tries).randrange(5, max(6, $took)))")
	"$VALISE" publish -q "$DOWN" >killed.out 2>&1 </dev/null & pid=$!
	sleep "$(python3 -c "print($ms / 1000)")"
	kill -9 $pid 2>/dev/null; wait $pid 2>/dev/null
	if [ $? -ne 137 ]; then # it was done before: begin with an empty registry
		registry "down$tries"; DOWN=$R
		continue
	fi
	killed=$((killed + 1))
	check "killed after $ms ms: every tag stands for something whole" python3 whole.py "$DOWN"
	sed 's/^/# /' check
done
same "$killed" 10 "killed ten times in the middle"
run valise publish "$DOWN"; exits 0
check "the next run converges" python3 whole.py "$DOWN"
same "$(tail -n 1 check)" "$all" "to what an undisturbed run gives"
M=$(grep -c '"[A-Z]* /v2/[a-z]' "$R_LOG") # the question for /v2/ itself does not count
run valise publish "$DOWN"; exits 0; says "^nothing to push"
same "$(grep -o '"[A-Z]* /v2/[a-z]' "$R_LOG" | tail -n +$((M + 1)) | cut -d' ' -f1 | sort -u)" '"HEAD' "and the one after it only asks"
t_done
