# SPDX-License-Identifier: Apache-2.0
# tests/lib/images.sh: container images made here, without internet. Source it after cli.sh.
#
#   images_build DIR                  about two seconds; DIR/oci is an OCI layout that holds everything
#   start_registry; images_push 127.0.0.1:$REGISTRY_PORT lab      # -> 127.0.0.1:PORT/lab/app:1 ...
#   images_digest app:1               sha256:HEX of the manifest or index behind a name
#   images_raw 127.0.0.1:PORT/lab/app:1     its bytes, by skopeo, on stdout
#   images_same_tree REF-OF-LAYOUT ROOT     umoci unpack of "DIR:TAG" equals the tree ROOT (for check)
#
# Names: app:1 (two gzip layers, one shared with tool:1, a whiteout), tool:1, zstd:1 (tool's content, zstd layers),
# multi:1 (linux/amd64, linux/arm64/v8), nested:1 (multi:1's index inside an index, and linux/s390x), buildkit:1 (one
# platform, and an attestation as platform unknown/unknown), docker:1 (app's content, docker media types), artifact:1 (two
# titled files, empty config). Attached to app:1: its cosign signature by cosign.key as tag sha256-HEX.sig, and an SBOM as
# referrer with the fallback tag sha256-HEX. tool:1 has a referrer and no signature.
# Trees: DIR/roots/{app,tool,arm64,s390x}. Keys: DIR/cosign.{key,pub} and DIR/other.pub (signed nothing).
# The digests are the same in every run, but for keys and signature. crane validate knows no zstd layers: not for zstd:1.
# shellcheck disable=SC2034 # for who sources this
IMAGES_NAMES='app:1 tool:1 zstd:1 multi:1 nested:1 buildkit:1 docker:1 artifact:1'

# One layer from a tree: same bytes in every run.
images_tar() { tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=ustar -C "$1" -cf "$2" .; }
# images_umoci NAME ARCH LAYER.tar...: an image of these layers in $I_DIR/oci
images_umoci() {
	i_ref=$I_DIR/oci:$1 i_arch=$2; shift 2
	umoci new --image "$i_ref" || return
	for i_layer in "$@"; do
		umoci raw add-layer --image "$i_ref" --history.created 2026-11-01T00:00:00Z --history.created_by test "$i_layer" ||
			return
	done
	umoci config --image "$i_ref" --no-history --os linux --architecture "$i_arch" --created 2026-11-01T00:00:00Z \
		--config.cmd /bin/hello --config.env PATH=/bin --config.label org.example.test=1
}
# The trees below $I_DIR/layers, one per layer, and below $I_DIR/roots, one per image.
images_trees() {
	i_l=$I_DIR/layers i_r=$I_DIR/roots; mkdir -p "$i_l/base/etc" "$i_l/base/bin" "$i_l/app/opt/app" "$i_l/app/etc" "$i_r"
	printf 'NAME=test\nVERSION_ID=1\n' >"$i_l/base/etc/os-release"; echo 'hello from base' >"$i_l/base/etc/motd"
	printf '#!/bin/sh\necho hello\n' >"$i_l/base/bin/hello"; chmod 755 "$i_l/base/bin/hello"
	ln -s ../etc/os-release "$i_l/base/bin/release"; mkdir -m 755 "$i_l/base/var" "$i_l/base/var/empty"
	seq 1 20000 >"$i_l/base/etc/words"
	cp -a "$i_l/base" "$i_l/arm64"; echo arm64 >"$i_l/arm64/etc/arch"; cp -a "$i_l/base" "$i_l/s390x"; echo s390x >"$i_l/s390x/etc/arch"
	python3 -c 'import random, sys
sys.stdout.buffer.write(random.Random(5).randbytes(5 << 20))' >"$i_l/app/opt/app/data.bin"
	echo 'rules: 5' >"$i_l/app/opt/app/rules.yml"; : >"$i_l/app/etc/.wh.motd"
	cp -a "$i_l/base" "$i_r/tool"; cp -a "$i_l/arm64" "$i_l/s390x" "$i_r/"
	cp -a "$i_l/base" "$i_r/app"; rm "$i_r/app/etc/motd"; cp -a "$i_l/app/opt" "$i_r/app/"
}
images_keys() {
	openssl ecparam -name prime256v1 -genkey -noout -out "$I_DIR/cosign.ec" &&
		openssl pkcs8 -topk8 -nocrypt -in "$I_DIR/cosign.ec" -out "$I_DIR/cosign.key" &&
		openssl pkey -in "$I_DIR/cosign.key" -pubout -out "$I_DIR/cosign.pub" &&
		openssl ecparam -name prime256v1 -genkey -noout -out "$I_DIR/other.ec" &&
		openssl pkey -in "$I_DIR/other.ec" -pubout -out "$I_DIR/other.pub"
}
images_build() {
	I_DIR=$1; mkdir -p "$I_DIR" && images_trees || return
	for i_t in base app arm64 s390x; do images_tar "$I_DIR/layers/$i_t" "$I_DIR/$i_t.tar" || return; done
	umoci init --layout "$I_DIR/oci" && images_umoci app amd64 "$I_DIR/base.tar" "$I_DIR/app.tar" &&
		images_umoci tool amd64 "$I_DIR/base.tar" && images_umoci arm64 arm64 "$I_DIR/arm64.tar" &&
		images_umoci s390x s390x "$I_DIR/s390x.tar" && umoci gc --layout "$I_DIR/oci" && images_keys &&
		python3 "$SRC/tests/lib/images.py" build "$I_DIR" || bail "images_build $I_DIR failed"
}
images_digest() { sed -n "s/^$1 //p" "$I_DIR/names"; }
images_raw() { skopeo inspect --raw --tls-verify=false "docker://$1"; }
# images_push HOST:PORT PREFIX [USER:PASSWORD]: the plain ones by skopeo, which must keep every byte; what it will not push
# (nested indexes, artifacts, tags of attached things) by PUT.
images_push() {
	i_creds=${3:+--dest-creds=$3}
	for i_n in app:1 tool:1 zstd:1 multi:1; do
		# shellcheck disable=SC2086
		skopeo copy --quiet --all --preserve-digests --dest-tls-verify=false $i_creds "oci:$I_DIR/oci:${i_n%:1}" \
			"docker://$1/$2/$i_n" || bail "skopeo cannot push $i_n to $1"
	done
	python3 "$SRC/tests/lib/images.py" push "$I_DIR" "$1" "$2" "${3:-}" || bail "the rest cannot be pushed to $1"
}
images_same_tree() {
	i_root=; [ "$(id -u)" -eq 0 ] || i_root=--rootless
	# shellcheck disable=SC2086 # an option or nothing
	i_out=$(mktemp -d "$T/unpacked.XXXXXX") && umoci unpack $i_root --image "$1" "$i_out/b" || return
	[ "$(tree_of "$i_out/b/rootfs")" = "$(tree_of "$2")" ] || { diff -r "$i_out/b/rootfs" "$2"; return 1; }
	rm -rf "$i_out"
}
