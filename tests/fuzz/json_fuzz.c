/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/json_fuzz.c: the strict JSON reader, both rule sets, and OCI documents. */
#include "fuzz.h"

#include <string.h>

#include "base/json.h"
#include "store/oci.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vl_err e = VL_ERR_INIT;
	VL_AUTO(vl_json) a = NULL;
	VL_AUTO(vl_json) b = NULL;
	VL_CLEAN(vl_doc) doc = { 0 };

	(void)!vl_json_parse(&a, vl_bytes(data, size), VL_JSON_SIGNED, "fuzz", VL_E_FORMAT, &e);
	(void)!vl_json_parse(&b, vl_bytes(data, size), VL_JSON_OCI, "fuzz", VL_E_FORMAT, &e);
	(void)!vl_doc_parse(&doc, vl_bytes(data, size), NULL, "fuzz", VL_E_FORMAT, &e);
	return 0;
}

void fuzz_seeds(void (*add)(const void *data, size_t size))
{
	static const char *const seeds[] = {
		"{\"a\":[1,2,{\"b\":null,\"c\":\"\\u00e9\\ud83d\\ude00\"}],\"d\":-1.5e3,\"e\":true}\n",
		"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\","
		"\"manifests\":[{\"mediaType\":"
		"\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"sha256:"
		"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2,"
		"\"annotations\":{\"k\":\"v\"}}]}",
		"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/vnd.oci.empty.v1+json\","
		"\"digest\":\"sha256:"
		"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\",\"size\":2},\"layers\":[]}",
		"[[[[[[[[[[[[]]]]]]]]]]]]",
	};

	for (size_t i = 0; i < VL_LEN(seeds); i++)
		add(seeds[i], strlen(seeds[i]));
}
