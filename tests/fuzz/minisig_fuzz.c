/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/minisig_fuzz.c: signature and public key files. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "crypt/minisign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vl_err e = VL_ERR_INIT;
	struct vl_minisig sig;
	struct vl_pubkey key;

	(void)!vl_minisig_parse(&sig, vl_bytes(data, size), false, "fuzz", &e);
	(void)!vl_minisig_parse(&sig, vl_bytes(data, size), true, "fuzz", &e);
	(void)!vl_pubkey_parse(&key, vl_bytes(data, size), "fuzz", &e);
	return 0;
}

void fuzz_seeds(void (*add)(const void *data, size_t size))
{
	struct vl_err e = VL_ERR_INIT;
	VL_AUTO(vl_seckey) k = NULL;
	VL_CLEAN(vl_buf) sig = VL_BUF_INIT(VL_MINISIG_MAX);
	VL_CLEAN(vl_buf) pub = VL_BUF_INIT(4096);
	struct vl_pubkey p;

	if (!vl_seckey_new(&k, &e) || !vl_minisig_sign(k, vl_bytes_str("x"), "untrusted", "trusted", &sig, &e))
		abort();
	vl_seckey_public(k, &p);
	if (!vl_pubkey_format(&p, &pub, &e))
		abort();
	add(sig.data, sig.len);
	add(pub.data, pub.len);
}
