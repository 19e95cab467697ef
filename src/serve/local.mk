# SPDX-License-Identifier: Apache-2.0
libvalise_a_SOURCES += src/serve/serve.h src/serve/serve_priv.h src/serve/route_priv.h
libvalise_a_SOURCES += src/serve/hall.c src/serve/routes.c src/serve/registry.c src/serve/files.c src/serve/pages.c
libvalise_a_SOURCES += src/serve/metrics.c src/serve/text.c
libvalise_a_SOURCES += src/serve/core_priv.h src/serve/server.c src/serve/listen.c src/serve/rights.c \
	src/serve/keeper.c src/serve/conn.c src/serve/visit.c src/serve/auth.c src/serve/send.c src/serve/blob.c \
	src/serve/known.c src/serve/notes.c src/serve/clerk.c src/serve/cond.c
