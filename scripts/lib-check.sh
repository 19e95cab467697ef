# SPDX-License-Identifier: Apache-2.0
# scripts/lib-check.sh: what the check-* scripts share. Each prints TAP: one line per rule, the breaches below it.
set -u
LC_ALL=C; export LC_ALL
cd "${srcdir:-$(dirname "$0")/..}" || exit 1
N=0 BAD=0
# rule "name" "breaches": ok when there is no breach
rule() {
	N=$((N + 1))
	if [ -z "$2" ]; then
		echo "ok $N - $1"
	else
		BAD=$((BAD + 1))
		echo "not ok $N - $1"
		printf '%s\n' "$2" | head -n 40 | sed 's/^/# /'
	fi
}
rules_done() { echo "1..$N"; [ "$BAD" -eq 0 ]; exit; }
# Files of the tree: those git knows, or all of an unpacked tarball but what autotools made.
tree() {
	[ -e .git ] && git ls-files -- "$@" 2>/dev/null && return
	for p in "$@"; do
		[ ! -e "$p" ] || find "$p" \( -name _build -o -name _inst -o -name build-aux -o -name autom4te.cache -o -name .git \
			-o -name build-test -o -path ./quickstart -o -name .deps \) -prune \
			-o -type f ! -name configure ! -name 'Makefile*' ! -name '*.m4' ! -name 'config.*' ! -name '*.[oa]' \
			! -name '*.log' ! -name '*.trs' ! -perm /111 -print -o -type f -name Makefile.am -print \
			-o -type f -perm /111 \( -path '*/scripts/*' -o -name '*.sh' -o -path '*/.ci/*' \) -print
	done | sed 's|^\./||'
}
[ -n "$(tree src | head -n 1)" ] || { echo "Bail out! no source files found"; exit 1; }
c_files() { tree src tests | grep -E '\.[ch]$'; }
