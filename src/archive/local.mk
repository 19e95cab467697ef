# SPDX-License-Identifier: Apache-2.0
libvalise_a_SOURCES += src/archive/extract.c src/archive/extract.h src/archive/reader.c src/archive/reader.h \
	src/archive/tarwrite.c src/archive/tarwrite.h src/archive/ustar.c src/archive/ustar.h src/archive/zstd.c src/archive/zstd.h
pack_sources += src/archive/rewrite.h src/archive/rewrite_crc.c src/archive/rewrite_crc.h src/archive/rewrite_gzip.c \
	src/archive/rewrite_zip.c src/archive/rewrite_zipfile.c src/archive/rewrite_zipfile.h
