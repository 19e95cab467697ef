/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/replay.c: the fuzz targets without a fuzzer. Arguments: corpus files. Each input and each of the
 * target's seeds goes in as
 * it is, cut at every length, and with fixed mutations; the sanitizer build and valgrind watch. Speaks TAP. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t runs;

static void feed(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size ? size : 1); /* exact size: a read behind the end is seen */

	if (!copy)
		exit(1);
	memcpy(copy, data, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	runs++;
}

static void mutate(uint8_t *data, size_t size)
{
	uint64_t x = 88172645463325252u;

	for (int i = 0; i < 2000 && size; i++) {
		size_t at;
		uint8_t old;

		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		at = (size_t)(x >> 16) % size;
		old = data[at];
		data[at] = (uint8_t)(i % 3 ? x : old ^ (1u << (x & 7)));
		feed(data, size);
		if (i % 5)
			data[at] = old;
	}
}

static void add(const void *seed, size_t size)
{
	uint8_t *data = malloc(size ? size : 1);
	size_t step = size > 4096 ? size / 4096 : 1;

	if (!data)
		exit(1);
	memcpy(data, seed, size);
	for (size_t len = 0; len <= size; len += step)
		feed(data, len);
	feed(data, size);
	mutate(data, size);
	free(data);
}

static void add_file(const char *path)
{
	static uint8_t data[1 << 20];
	FILE *f = fopen(path, "rb");

	if (!f) {
		printf("Bail out! cannot open %s\n", path);
		exit(1);
	}
	add(data, fread(data, 1, sizeof data, f));
	fclose(f);
}

int main(int argc, char **argv)
{
	fuzz_seeds(add);
	for (int i = 1; i < argc; i++)
		add_file(argv[i]);
	printf("ok 1 - %llu inputs\n1..1\n", (unsigned long long)runs);
	return 0;
}
