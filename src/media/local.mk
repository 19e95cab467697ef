# SPDX-License-Identifier: Apache-2.0
libvalise_a_SOURCES += src/media/find.c src/media/media.h src/media/carried.h src/media/read.c src/media/read_text.c
libvalise_a_SOURCES += src/media/readback.c src/media/volume.c src/media/volume.h
