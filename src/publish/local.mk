# SPDX-License-Identifier: Apache-2.0
pack_sources += src/publish/look.c src/publish/names.c src/publish/publish.c src/publish/publish.h
pack_sources += src/publish/publish_priv.h src/publish/put.c src/publish/refer.c src/publish/send.c src/publish/task.c
