#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The command line itself: help, what is refused, what goes to stdout and what to stderr.
. "${srcdir:-.}/tests/lib/cli.sh"

run valise
exits 2; says_nothing; complains '^valise: E0201: no command\. See valise --help'

run valise --help
exits 0; says '^Usage: valise COMMAND'; says '  unpack '; complains_not
same "$(awk 'length($0) > 80' "$T/out")" "" "valise --help: at most 80 columns"
commands=$(sed -n 's/^  \([a-z]*\)  .*/\1/p' "$T/out")
for c in $commands; do
	run valise "$c" --help
	exits 0; complains_not
	same "$(awk 'length($0) > 80' "$T/out")" "" "valise $c --help: at most 80 columns"
	cp "$T/out" "$T/help"
	run valise help "$c"
	check "valise help $c is valise $c --help" cmp "$T/out" "$T/help"
done
run valise unpack -h; exits 0; says '^Usage: valise unpack'
run valise --version; exits 0; says '^valise [0-9]'; complains_not
run valise version --features; exits 0; says '^bundles  *valise-bundle-1'

# advice that names the command, and a question without a full stop behind it
run valise trust add; exits 2; complains 'See valise trust --help\.$'
printf 'registri: a\n' >"$T/typo.conf"
run valise gc --config "$T/typo.conf"
exits 2; complains 'did you mean "registry"? See valise.conf(5)\.$'

# refused, with the nearest
run valise unpak x; exits 2; says_nothing; complains 'E0201: unknown command unpak\. Did you mean unpack?'
run valise push x; exits 2; says_nothing
if "$VALISE" publish --help >/dev/null 2>&1; then complains 'unknown command push\. In valise that is publish\.'
else complains 'publish is not part of this valise, which was built to receive only'; fi
run valise check; exits 2; complains 'In valise that is fsck or verify\. See valise --help'
run valise frobnicate; exits 2; complains 'unknown command frobnicate\. See valise --help'
run valise unpack --chanel x y; exits 2; says_nothing; complains 'unpack: E0201: unknown option --chanel\. Did you mean --channel?'
run valise verify --accept x; exits 2; complains 'unknown option --accept'
run valise unpack -Z x; exits 2; complains 'unknown option -Z'
run valise --channel prod unpack x; exits 2; complains 'behind its name'
run valise unpack; exits 2; complains 'something is missing: valise unpack PATH'
run valise env a b; exits 2; complains 'a word too many: b'
run valise unpack --channel; exits 2; complains 'E0201: --channel needs NAME'
run valise unpack --channel a --channel b x; exits 2; complains 'given twice'
run valise unpack --no-place=1 x; exits 2; complains 'takes no value'
run valise unpack --channel= x; exits 2; complains 'is not a name'
run valise unpack --allow-rollback x y; exits 2; complains '"x" is not a number'
run valise unpack --allow-rollback 99999999999999999999 y; exits 2; complains 'is not a number'
run valise unpack --require-waybill sha256:12 y; exits 2; complains 'is not a digest'
run valise unpack --lock-wait=soon y; exits 2; complains 'is not a number'
run valise status --max-age often; exits 2; complains 'is not a duration'
run valise trust lst; exits 2; complains 'Did you mean trust list?'
run valise help unpak; exits 2; complains 'there is no command unpak'
run valise completion tcsh; exits 2
# options are offered only behind a dash
if command -v bash >/dev/null; then
	run valise completion bash; exits 0; cp "$T/out" "$T/bash"
	offers() { bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _valise; echo "${COMPREPLY[*]}"' - "$T/bash" valise "$@"; }
	same "$(offers unp)" unpack "completion: a command"
	same "$(offers export x -F o)" oci-archive "completion: an option's values"
	"$VALISE" init --help >/dev/null 2>&1 && same "$(offers init --type gitlab-)" gitlab-analyzers "completion: the types of init"
	same "$(offers env tri)" trivy "completion: consumers"
	same "$(offers unpack --allow)" --allow-rollback "completion: an option"
	same "$(cd "$T" && mkdir -p empty && cd empty && offers trust '')" "add list remove" "completion: words, no options"
fi

# options before and after the command, together, and behind --
run valise --store "$T/a" status; exits 0; says "$T/a"
run valise status --store="$T/b"; exits 0; says "$T/b"
run valise status -qv --store "$T/b"; exits 0
run valise --json status --store "$T/b"; exits 0; says '"type":"empty"'
run valise inspect -- --json; exits 2; complains 'E0207: --json'

# foreign text does not reach the terminal as it is
run valise "$(printf 'x\033[31my')"; exits 2; complains 'unknown command x\\x1b\[31my'
run valise unpack "--$(printf 'a\r\nb')" y; exits 2; complains 'unknown option --a\\x0d\\x0ab'

# errors of a --json run are one object on stderr, even when the command line is wrong
run valise --json unpack --chanel x
exits 2; says_nothing
check "the error is a JSON object" jq -e '.type == "error" and .code == "E0201" and .exit == 2' "$T/err"

# a full disk behind stdout is an error
if [ -w /dev/full ]; then
	LAST="valise --help >/dev/full"; valise --help >/dev/full 2>"$T/err"; STATUS=$?
	exits 22; complains 'standard output'
else
	skip "/dev/full cannot be written"
fi
LAST="valise --help >&-"; valise --help >&- 2>"$T/err"; STATUS=$?
exits 22; complains 'standard output'

# completion is written from the same tables
for shell in bash zsh fish; do
	run valise completion $shell
	exits 0
	for c in $commands; do grep -q "$c" "$T/out" || not_ok "completion $shell knows $c"; done
done
run valise completion bash
check "bash reads its completion" bash -n "$T/out"
cp "$T/out" "$T/completion"
# shellcheck disable=SC2016
check "bash completes a command" bash -c '. "$1"; COMP_WORDS=(valise unp) COMP_CWORD=1; _valise; [ "${COMPREPLY[0]}" = unpack ]' - "$T/completion"
# shellcheck disable=SC2016
check "bash completes an option" bash -c '. "$1"; COMP_WORDS=(valise unpack --accept-e) COMP_CWORD=2; _valise; [ "${COMPREPLY[0]}" = --accept-expired ]' - "$T/completion"
t_done
