/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/fuzz.h: what a fuzz target provides. With libFuzzer (./configure --enable-fuzzing) it runs for ever; in
 * make check,
 * replay.c feeds it the corpus, its seeds, every truncation of them and a fixed set of mutations. */
#ifndef VL_TESTS_FUZZ_H
#define VL_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Must not crash, hang or leak, whatever comes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Hands each seed to add(). */
void fuzz_seeds(void (*add)(const void *data, size_t size));

#endif
