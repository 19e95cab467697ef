#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# GitLab's analyzers by name, over the gap, into a registry of the isolated side: what `valise env gitlab` prints is what can
# be pulled there.
. "${srcdir:-.}/tests/lib/cli.sh"
. "$SRC/tests/lib/images.sh"
need docker-registry skopeo umoci openssl
images_build "$T/images"
start_registry
HOST=127.0.0.1:$REGISTRY_PORT
put() { skopeo copy --quiet --dest-tls-verify=false "oci:$T/images/oci:$1" "docker://$HOST/security-products/$2" || bail "push $2"; }
put app semgrep:6; put tool secrets:7; put tool secrets:6; put zstd container-scanning:8; put app kics:5
cat >"$T/valise.yaml" <<YAML
channel: prod
items:
  - name: analyzers
    type: gitlab-analyzers
    registry: $HOST/security-products
    analyzers: [semgrep, "secrets:6", container-scanning, "kics:5"]
YAML
run valise keygen -o "$T/k" --no-password; exits 0
run valise trust add "$T/k.pub"; exits 0
run valise pack -f "$T/valise.yaml" -k "$T/k.key" -o "$T/out-b" --store "$T/connected"; exits 0
run valise unpack "$T/out-b"; exits 0
same "$(find "$T/store/current/places/" -mindepth 1 | wc -l)" 1 "nothing is placed for analyzers"

# ---- without a registry ----
run valise env gitlab; exits 2; says_nothing
complains "E0201: it is not known which registry GitLab's runners pull from. Set registry: in valise.conf, or use --registry"
run valise env; exits 0
says "^# gitlab (prod): name the registry to get its lines: registry: in valise.conf, or --registry$"
run valise env gitlab --registry https://registry.corp; exits 2
complains "^valise: env: E0201: --registry must be HOST\[:PORT\]\[/PREFIX\], not \"https://registry.corp\""
run valise env gitlab --registry registry.corp/; exits 2

# ---- the lines ----
run valise env gitlab --registry registry.corp:5000/scanners; exits 0; complains_not
says "^export SECURE_ANALYZERS_PREFIX='registry.corp:5000/scanners/security-products'$"
says "^export CS_ANALYZER_IMAGE='registry.corp:5000/scanners/security-products/container-scanning:8'$"
says '^#     SECRETS_ANALYZER_VERSION: "6"$'
says '^#   kics-iac-sast:$'; says '^#       SAST_ANALYZER_IMAGE_TAG: "5"$'
says_not semgrep-sast
grep '^#   ' "$T/out" | sed -n '/^#   variables:/,/runners.docker/p' | sed '$d; s/^#   //' >"$T/ci.yml"
if python3 -c 'import yaml' 2>/dev/null; then
	python3 - "$T/ci.yml" >"$T/ci.txt" <<'PY'
import sys, yaml
ci = yaml.safe_load(open(sys.argv[1]))
print(ci["variables"]["SECURE_ANALYZERS_PREFIX"], ci["kics-iac-sast"]["variables"]["SAST_ANALYZER_IMAGE_TAG"])
PY
	same "$(cat "$T/ci.txt")" "registry.corp:5000/scanners/security-products 5" "the comments are good YAML"
else
	skip "there is no YAML for python3"
fi
run valise env gitlab --registry registry.corp --json; exits 0
says '"type":"env","line":"export SECURE_ANALYZERS_PREFIX=.registry.corp/security-products.'

# ---- what is printed is what can be pulled ----
free_port; ISOLATED=127.0.0.1:$PORT
mkdir "$T/registry-2"
cat >"$T/registry-2.yml" <<CONF
version: 0.1
storage: { filesystem: { rootdirectory: $T/registry-2 } }
http: { addr: "$ISOLATED" }
CONF
t_daemon docker-registry serve "$T/registry-2.yml"; wait_port "$PORT"
printf 'registry: %s/scanners\nnames:\n  - from: %s/security-products\n    to: gl\n' "$ISOLATED" "$HOST" >"$T/valise.conf"
run valise publish; exits 0
run valise env gitlab; exits 0
says "^export SECURE_ANALYZERS_PREFIX='$ISOLATED/scanners/gl'$"
eval "$(cat "$T/out")"
for n in semgrep:6 secrets:6 kics:5; do
	same "$(images_raw "$SECURE_ANALYZERS_PREFIX/$n" | sha256sum)" "$(images_raw "$HOST/security-products/$n" | sha256sum)" \
		"$n can be pulled where the variable says"
done
same "$(images_raw "$CS_ANALYZER_IMAGE" | sha256sum)" "$(images_raw "$HOST/security-products/container-scanning:8" | sha256sum)" \
	"so can the image of container scanning"
t_done
