# SPDX-License-Identifier: Apache-2.0
libvalise_a_SOURCES += src/serve/serve.h src/serve/serve_priv.h src/serve/route_priv.h
libvalise_a_SOURCES += src/serve/hall.c src/serve/routes.c src/serve/registry.c src/serve/files.c src/serve/pages.c
libvalise_a_SOURCES += src/serve/metrics.c src/serve/text.c
