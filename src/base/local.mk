# SPDX-License-Identifier: Apache-2.0
# base: errors, memory, files, text, JSON, worker pool
libvalise_a_SOURCES += src/base/auto.c src/base/auto.h src/base/buf.c src/base/buf.h src/base/bytes.h src/base/codes.h \
	src/base/dir.c src/base/env.c src/base/env.h src/base/err.c src/base/err.h src/base/file.c src/base/file.h \
	src/base/host.c src/base/host.h src/base/json.h src/base/json_read.c src/base/json_scan.c src/base/json_scan.h src/base/json_write.c \
	src/base/lock.c src/base/mem.c src/base/mem.h src/base/newfile.c src/base/pool.c src/base/pool.h \
	src/base/text.c src/base/text.h src/base/time.c src/base/utf8.c src/base/utf8.h src/base/version.c \
	src/base/version.h src/base/words.c
