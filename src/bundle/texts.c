/* SPDX-License-Identifier: Apache-2.0 */
/* bundle/texts.c: the texts beside the waybill: READ-ME.txt, SHA256SUMS, volume.json.
 * In:    a waybill.
 * Out:   ASCII, lines of at most 78 columns, the same for the same waybill.
 * Keeps: none of it is signed and valise trusts none of it. READ-ME.txt is for the day when no valise is at hand: every
 *        line in it is a command of a stock Debian. */
#include "bundle/bundle.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "base/text.h"

static bool about(const struct vl_waybill *w, struct vl_buf *out, struct vl_err *e)
{
	char created[24], expires[24], size[24];

	return vl_buf_addf(out, e,
			   "This directory is a bundle: data on its way over an air gap\n"
			   "===========================================================\n"
			   "\n"
			   "channel   %s\n"
			   "sequence  %" PRIu64 "\n"
			   "created   %s\n"
			   "expires   %s\n"
			   "content   %" PRIu64 " item%s, %s, in %zu parcel%s\n"
			   "made by   %s\n"
			   "\n",
			   w->channel, w->sequence, vl_time_text(w->created, created),
			   vl_time_text(w->expires, expires), w->items, w->items == 1 ? "" : "s",
			   vl_size_text(w->bytes, size), w->n, w->n == 1 ? "" : "s", w->tool) &&
	       vl_buf_add(out,
			  vl_bytes_str("waybill.json lists every parcel with its hash and is signed; the signatures\n"
				       "are the files waybill.json*.minisig. The parcels are in parcels/. Nothing\n"
				       "else here is signed, this text included: believe the signature only.\n"
				       "\n"),
			  e);
}

static bool with_valise(struct vl_buf *out, struct vl_err *e)
{
	return vl_buf_add(out,
			  vl_bytes_str("With valise\n"
				       "-----------\n"
				       "Check everything, install nothing (KEY.pub: the sender's public key, which\n"
				       "must have reached you on another way than this medium):\n"
				       "\n"
				       "    valise verify . --trust KEY.pub\n"
				       "\n"
				       "Check and install:\n"
				       "\n"
				       "    valise unpack .\n"
				       "\n"),
			  e);
}

static bool check_by_hand(const struct vl_waybill *w, struct vl_buf *out, struct vl_err *e)
{
	return vl_buf_addf(out, e,
			   "Without valise: check\n"
			   "---------------------\n"
			   "1. The signature. minisign prints a trusted comment; it must say\n"
			   "   \"seq=%" PRIu64 "\" and the channel above, and its sha256 must be the\n"
			   "   one that sha256sum prints:\n"
			   "\n"
			   "    minisign -VHm waybill.json -p KEY.pub\n"
			   "    sha256sum waybill.json\n"
			   "\n"
			   "2. The parcels, against the signed list:\n"
			   "\n"
			   "    jq -r '.parcels | to_entries[] | .value.sha256 + \"  parcels/\" +\n"
			   "      (\"00000\" + (.key + 1 | tostring))[-6:] + \".tar.zst\"' waybill.json |\n"
			   "      sha256sum -c\n"
			   "\n"
			   "   Without jq, \"sha256sum -c SHA256SUMS\" finds copying errors, but only the\n"
			   "   hashes in waybill.json prove anything.\n"
			   "\n",
			   w->sequence);
}

static bool open_by_hand(const struct vl_waybill *w, struct vl_buf *out, struct vl_err *e)
{
	char root[VL_DIGEST_HEX];

	return vl_buf_addf(out, e,
			   "Without valise: open\n"
			   "--------------------\n"
			   "Each parcel is a tar archive, compressed with zstd. With OUT as a new, empty\n"
			   "directory elsewhere:\n"
			   "\n"
			   "    for p in parcels/*.tar.zst; do zstd -dc \"$p\" | tar -x -C OUT; done\n"
			   "    cd OUT/blobs/sha256\n"
			   "\n"
			   "Files named HASH@OFFSET are pieces of a large file. Put them together:\n"
			   "\n"
			   "    for f in *@0000000000000000; do\n"
			   "      [ -e \"$f\" ] && cat \"${f%%@*}\"@* > \"${f%%@*}\"\n"
			   "    done\n"
			   "    rm -f ./*@*\n"
			   "\n"
			   "Now the name of each file is its SHA-256. Check that, then start from the\n"
			   "index of all items:\n"
			   "\n"
			   "    for f in *; do echo \"$f  $f\"; done | sha256sum -c --quiet\n"
			   "    root=%s\n"
			   "    cp $root ../../index.json\n"
			   "    echo '{\"imageLayoutVersion\":\"1.0.0\"}' > ../../oci-layout\n"
			   "\n"
			   "OUT is then an OCI image layout. skopeo, oras and others read it; by hand,\n"
			   "index.json names the manifest of each item, and a manifest names its files\n"
			   "(annotation org.opencontainers.image.title) and their hashes.\n",
			   vl_digest_hex(&w->root, root));
}

bool vl_bundle_readme(const struct vl_waybill *w, struct vl_buf *out, struct vl_err *e)
{
	return about(w, out, e) && with_valise(out, e) && check_by_hand(w, out, e) && open_by_hand(w, out, e);
}

bool vl_bundle_sums(const struct vl_waybill *w, size_t first, size_t n, struct vl_buf *out, struct vl_err *e)
{
	char hex[VL_DIGEST_HEX], name[40];

	for (size_t i = first; i < first + n && i < w->n; i++)
		if (!vl_buf_addf(out, e, "%s  %s\n", vl_digest_hex(&w->parcel[i].sha256, hex),
				 vl_parcel_name(&w->parcel[i], i, name)))
			return false;
	return true;
}

bool vl_bundle_volume_hint(const struct vl_waybill *w, unsigned volume, unsigned volumes, size_t first, size_t last,
			   struct vl_buf *out, struct vl_err *e)
{
	char bundle[96], label[128];
	struct vl_jw j;

	vl_bundle_name(w->channel, w->sequence, bundle);
	for (char *c = bundle; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	snprintf(label, sizeof label, "%s-%u", bundle, volume);
	vl_jw_init(&j, out, false);
	vl_jw_object(&j, NULL);
	vl_jw_str(&j, "format", "valise-volume-1");
	vl_jw_str(&j, "label", label);
	vl_jw_u64(&j, "volume", volume);
	vl_jw_u64(&j, "volumes", volumes);
	vl_jw_u64(&j, "first", first);
	vl_jw_u64(&j, "last", last);
	vl_jw_object_end(&j);
	return vl_jw_end(&j, e) && vl_buf_add(out, vl_bytes_str("\n"), e);
}
