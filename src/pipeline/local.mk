# SPDX-License-Identifier: Apache-2.0
libvalise_a_SOURCES += src/pipeline/pipeline.h src/pipeline/choose.c src/pipeline/choose.h \
	src/pipeline/check.c src/pipeline/check.h src/pipeline/check_priv.h src/pipeline/repair.c \
	src/pipeline/rollback.c src/pipeline/seal.c src/pipeline/turn.c src/pipeline/turn.h src/pipeline/unpack.c \
	src/pipeline/unpack_priv.h src/pipeline/verify.c
libvalise_a_SOURCES += src/pipeline/content.c src/pipeline/content.h src/pipeline/export.c src/pipeline/export.h \
	src/pipeline/export_archive.c src/pipeline/export_files.c src/pipeline/export_names.c src/pipeline/export_priv.h \
	src/pipeline/diff.c src/pipeline/diff.h src/pipeline/peek.c src/pipeline/peek.h
libvalise_a_SOURCES += src/pipeline/sizing.c src/pipeline/sizing.h
pack_sources += src/pipeline/bundling.c src/pipeline/bundling.h src/pipeline/fetch.c src/pipeline/pack.c
pack_sources += src/pipeline/packing.h src/pipeline/publish.c src/pipeline/publishing.h
