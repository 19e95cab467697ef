#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The main job with real advisory data, real servers and real scanners, whose network is off: pack, carry, verify, unpack, scan.
. "${srcdir:-.}/tests/lib/cli.sh"
. "$SRC/tests/lib/oci.sh"
. "$SRC/tests/lib/clients.sh"
DATA=${VALISE_DATA:-$SRC/../shared/data}
[ -d "$DATA/osv/day2" ] || skip_all "the real data (shared/data) is not here"
need nginx docker-registry skopeo minisign zstd

start_nginx "$DATA/osv/day2"
start_registry
push_trivy_db "$DATA/trivy-db/day2/db.tar.gz" || bail "skopeo cannot push to docker-registry"
cat >"$T/valise.yaml" <<YAML
channel: prod
expires: 14d
items:
  - name: osv
    type: osv
    url: http://127.0.0.1:$NGINX_PORT
    ecosystems: [PyPI, Go]
  - name: trivy-db
    type: trivy-db
    references: ["127.0.0.1:$REGISTRY_PORT/aquasec/trivy-db:2"]
YAML
cd "$T" || exit 1
run valise keygen -o k --no-password; exits 0

# ---- connected side ----
run valise pack --store "$T/left" -f valise.yaml -k k.key -o OUT; exits 0
B=$T/OUT/prod-000001
check "minisign accepts the waybill" minisign -VHm "$B/waybill.json" -p k.pub
check "sha256sum -c SHA256SUMS" sh -c "cd '$B' && sha256sum -c --quiet SHA256SUMS"
check "zstd and tar list blobs" sh -c "zstd -dcq '$B/parcels/000001.tar.zst' | tar t | grep -q '^blobs/sha256/[0-9a-f]*'"
upstream=$(cat "$DATA"/osv/day2/*/all.zip "$DATA/trivy-db/day2/db.tar.gz" | wc -c)
carried=$(du -sb "$B" | cut -f1)
echo "# carried $carried bytes, upstream serves $upstream"
check "the bundle is at most a third of what upstream serves" test $((carried * 3)) -le "$upstream"
requests() { wc -l <"$T/nginx/access.log"; }
before=$(requests)
run valise pack --store "$T/left" -f valise.yaml -k k.key -o OUT; exits 0
complains "nothing new"
same "$(tail -n +$((before + 1)) "$T/nginx/access.log" | awk '{ print $3, $4 }' | sort | uniq -c | tr -s ' ')" " 2 304 0" \
	"the second pack asked nginx for validators only"
same "$(grep -c 'GET /v2/aquasec/trivy-db/blobs' "$T/daemon.log")" "$(grep 'GET /v2/aquasec/trivy-db/blobs' "$T/daemon.log" | sort -u | wc -l)" \
	"no blob was asked for twice"

# ---- isolated side ----
rm -rf "$T/OUT/prod-000002"
run valise verify OUT --trust k.pub; exits 0
run valise unpack OUT; exits 10; complains "trust"
run valise trust add k.pub; exits 0
run valise unpack OUT; exits 0
check "skopeo reads an item from the store" sh -c "skopeo inspect --raw 'oci:$VALISE_STORE:prod/trivy-db' | grep -q aquasec.trivy.db.layer"
check "skopeo reads the snapshot" sh -c "skopeo inspect --raw 'oci:$VALISE_STORE:prod' | grep -q valise.item"
run valise status; exits 0; says "trivy-db"; says "prod"
run valise status --max-age 1s; exits 13
run valise env; exits 0; says "TRIVY_CACHE_DIR"; says "OSV_SCANNER_LOCAL_DB_CACHE_DIRECTORY"
cp "$T/out" "$T/env.sh"
db=$VALISE_STORE/current/places/prod/trivy/db
check "Trivy's metadata has a real DownloadedAt" sh -c "! grep -q '\"DownloadedAt\": *\"0001' '$db/metadata.json' && grep -q DownloadedAt '$db/metadata.json'"
same "$(stat -c %h "$db/trivy.db")" 1 "trivy.db shares its inode with nothing"

# ---- scan, with the network off ----
unshare -rn true 2>/dev/null || unshare -n true 2>/dev/null || skip_all_rest=1
off="unshare -n"; unshare -n true 2>/dev/null || off="unshare -rn"
mkdir "$T/py" "$T/go"
printf 'django==2.2.0\nrequests==2.19.0\njinja2==2.10\n' >"$T/py/requirements.txt"
printf 'module example.com/m\n\ngo 1.20\n\nrequire (\n\tgithub.com/gin-gonic/gin v1.6.0\n\tgo%s.org/x/net v0.1.0\n)\n' lang >"$T/go/go.mod"
ids() { grep -o "\"$1\"" "$T/out" | sort -u | wc -l; }
have_osv_scanner
if [ -n "$OSV_SCANNER" ] && [ -z "${skip_all_rest:-}" ]; then
	run sh -c ". '$T/env.sh'; exec $off '$OSV_SCANNER' --experimental-offline --format json '$T/py'"
	exits 1
	same "$(ids 'PYSEC-[0-9]*-[0-9]*')" 31 "OSV-Scanner finds the 31 known ids"
else
	skip "OSV-Scanner 1.9.2 is not to be had here"
fi
have_trivy
if [ -n "$TRIVY" ] && [ -z "${skip_all_rest:-}" ]; then
	trivy_ids() {
		run sh -c ". '$T/env.sh'; exec $off '$TRIVY' fs --scanners vuln --format json '$1'"
		exits 0
		python3 - "$T/out" <<'PY'
import json, sys
d = json.load(open(sys.argv[1]))
print(len({v["VulnerabilityID"] for r in d.get("Results", []) for v in r.get("Vulnerabilities", [])}))
PY
	}
	same "$(trivy_ids "$T/py" | tail -n 1)" 29 "Trivy finds the 29 known ids"
	same "$(trivy_ids "$T/go" | tail -n 1)" 22 "Trivy finds the 22 known ids of the Go project"
else
	skip "Trivy 0.59.1 is not to be had here"
fi

# ---- the same from the hub, by a Trivy that has nothing yet; with nothing but loopback in reach ----
if [ -n "$TRIVY" ] && [ -z "${skip_all_rest:-}" ] && command -v ip >/dev/null 2>&1; then
	cat >"$T/hub.sh" <<'SH'
ip link set lo up || exit 99
"$VALISE" serve -q --listen 127.0.0.1:5000 & hub=$!
for n in 1 2 3 4 5 6 7 8 9 10; do curl -fsS http://127.0.0.1:5000/healthz >/dev/null 2>&1 && break; sleep 0.3; done
"$1" fs --cache-dir "$2" --db-repository 127.0.0.1:5000/aquasec/trivy-db:2 --scanners vuln --format json "$3"; status=$?
kill $hub; exit $status
SH
	run $off sh "$T/hub.sh" "$TRIVY" "$T/hub-cache" "$T/py"; exits 0
	same "$(grep -o '"VulnerabilityID": *"[^"]*"' "$T/out" | sort -u | wc -l)" 29 "Trivy finds the 29 known ids with the hub's database"
else
	skip "Trivy 0.59.1, or ip, is not to be had here"
fi
t_done
