# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154 # the eval sets them
# tests/lib/faults.sh: registries that misbehave (faultd.py), for command tests. Source it after cli.sh.
#
#   faultd A                     # $A_PORT, $A_TOKEN and $A_OTHER (three ports), its files below $T/A, its log $T/A.log
#   faults A lie=blob            # from now on, and nothing else; the log begins anew
#   seen A .path                 # each request of the log through a jq program, when all are written
#   faultd_images A PREFIX DIR   # what images_build made, as $T/A/PREFIX/app ...
faultd() {
	mkdir -p "$T/$1/blobs/sha256"
	python3 "$SRC/tests/lib/faultd.py" --log "$T/$1.log" --registry "$T/$1" >"$T/$1.ports" 2>>"$T/daemon.log" </dev/null &
	T_PIDS="$T_PIDS $!"; f_i=0
	until [ -s "$T/$1.ports" ]; do f_i=$((f_i + 1)); [ $f_i -lt 100 ] || bail "faultd does not start"; sleep 0.1; done
	read -r f_main f_token f_other <"$T/$1.ports"
	eval "$1_PORT=$f_main $1_TOKEN=$f_token $1_OTHER=$f_other"
}
faultd_ask() { eval "f_port=\$$1_PORT"; curl -s -o "${3:-/dev/null}" "http://127.0.0.1:$f_port/$2"; }
faults() { faultd_ask "$1" _reset; faultd_ask "$1" "_set?$2"; faultd_ask "$1" _sync; : >"$T/$1.log"; }
seen() { faultd_ask "$1" _sync; jq -r "$2" "$T/$1.log"; }
faultd_images() {
	cp "$3"/oci/blobs/sha256/* "$T/$1/blobs/sha256/"
	while read -r f_name f_digest; do
		f_dir=$T/$1/$2/${f_name%%:*}/manifests; mkdir -p "$f_dir"
		cp "$3/oci/blobs/sha256/${f_digest#sha256:}" "$f_dir/${f_name#*:}"
	done <"$3/names"
}
