# SPDX-License-Identifier: Apache-2.0
# Fuzz targets. In make check they replay their seeds; with --enable-fuzzing the same files are libFuzzer programs:
#   CC=clang ./configure --enable-fuzzing && make fuzz && tests/fuzz/json_fuzz -max_total_time=600
fuzz_targets = tests/fuzz/json_fuzz tests/fuzz/waybill_fuzz tests/fuzz/parcel_fuzz tests/fuzz/minisig_fuzz tests/fuzz/text_fuzz \
	tests/fuzz/serve_fuzz
check_PROGRAMS += $(fuzz_targets)
if FUZZING
fuzz_main =
fuzz_flags = -fsanitize=fuzzer
else
fuzz_main = tests/fuzz/replay.c
fuzz_flags =
TESTS += $(fuzz_targets)
endif
tests_fuzz_json_fuzz_SOURCES = tests/fuzz/json_fuzz.c tests/fuzz/fuzz.h $(fuzz_main)
tests_fuzz_waybill_fuzz_SOURCES = tests/fuzz/waybill_fuzz.c $(fuzz_main)
tests_fuzz_parcel_fuzz_SOURCES = tests/fuzz/parcel_fuzz.c $(fuzz_main)
tests_fuzz_minisig_fuzz_SOURCES = tests/fuzz/minisig_fuzz.c $(fuzz_main)
tests_fuzz_text_fuzz_SOURCES = tests/fuzz/text_fuzz.c $(fuzz_main)
tests_fuzz_serve_fuzz_SOURCES = tests/fuzz/serve_fuzz.c $(fuzz_main)
tests_fuzz_json_fuzz_LDFLAGS = $(AM_LDFLAGS) $(fuzz_flags)
tests_fuzz_waybill_fuzz_LDFLAGS = $(AM_LDFLAGS) $(fuzz_flags)
tests_fuzz_parcel_fuzz_LDFLAGS = $(AM_LDFLAGS) $(fuzz_flags)
tests_fuzz_minisig_fuzz_LDFLAGS = $(AM_LDFLAGS) $(fuzz_flags)
tests_fuzz_text_fuzz_LDFLAGS = $(AM_LDFLAGS) $(fuzz_flags)
tests_fuzz_serve_fuzz_LDFLAGS = $(AM_LDFLAGS) $(fuzz_flags)
fuzz: $(fuzz_targets)
.PHONY: fuzz
