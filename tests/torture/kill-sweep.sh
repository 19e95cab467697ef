#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# T80, T81, T83, T84, T86: valise unpack, rollback and gc are killed before every call that changes a file; then each of these
# calls fails with "no space" and "I/O error", each opening of a file with "no descriptor", each reading of the medium with
# "I/O error". Each time: what is current is the old or the new generation, and whole; the same command again gives the tree of an undisturbed run.
# sweep.py does the counting; VALISE_SWEEP_STEP=N takes every Nth point only.
. "${srcdir:-.}/tests/lib/cli.sh"
need strace python3 taskset
strace -qq -o /dev/null -e inject=getpid:retval=1 true 2>/dev/null || skip_all "strace cannot inject faults here"
cd "$T" || exit 1
valise keygen -o k --no-password >"$T/log" 2>&1 || { cat "$T/log"; bail "keygen"; }
osv=
if command -v nginx >/dev/null 2>&1 || [ -x /usr/sbin/nginx ]; then
	mkdir -p up/Example
	echo '{"id":"X-1","modified":"2026-11-20T00:00:00Z"}' >X-1.json
	python3 -m zipfile -c up/Example/all.zip X-1.json
	start_nginx "$T/up"
	osv="  - name: osv
    type: osv
    url: http://127.0.0.1:$NGINX_PORT
    ecosystems: [Example]"
fi
trivy=
if command -v docker-registry >/dev/null 2>&1 && command -v skopeo >/dev/null 2>&1; then
	. "$SRC/tests/lib/oci.sh"
	start_registry
	mkdir db
	printf '{"Version":2,"NextUpdate":"2026-11-21T06:00:00Z","UpdatedAt":"2026-11-20T06:00:00Z"}' >db/metadata.json
	trivy="  - name: trivy-db
    type: trivy-db
    references: [127.0.0.1:$REGISTRY_PORT/aquasec/trivy-db:2]"
fi
# push_db TEXT: a database with this content
push_db() {
	[ -n "$trivy" ] || return 0
	seq -f "$1 %.0f" 3000 >db/trivy.db
	tar -C db --sort=name --owner=0 --group=0 --mtime=@0 -czf db.tar.gz trivy.db metadata.json
	push_trivy_db "$T/db.tar.gz" >"$T/log" 2>&1 || { cat "$T/log"; bail "push"; }
}
push_db old
mkdir -p docs/sub; echo same >docs/same; echo old >docs/sub/changes; seq 30000 >docs/numbers; echo gone >docs/gone
printf 'channel: prod\nexpires: 14d\nitems:\n  - name: docs\n    type: dir\n    path: ./docs\n%s\n%s\n' "$osv" "$trivy" >valise.yaml
pack() { valise pack --store left -f valise.yaml -k k.key -o "$1" >"$T/log" 2>&1 || { cat "$T/log"; bail "pack $1"; }; }
pack one
push_db new
echo new >docs/sub/changes; echo more >docs/more; rm docs/gone; seq 30001 >docs/numbers
[ -z "$osv" ] || { sed 's/X-1/X-2/' X-1.json >X-2.json; python3 -m zipfile -c up/Example/all.zip X-1.json X-2.json; touch -d '1 hour ago' up/Example/all.zip; }
pack two
# The base: prod 1 installed, with a place outside the store. Each worker of the sweep gets a copy at its own path.
mkdir -p base/target
valise trust add k.pub --store base/store >"$T/log" 2>&1 || { cat "$T/log"; bail "trust"; }
python3 "$SRC/tests/torture/sweep.py" "$VALISE" "$T" one two
