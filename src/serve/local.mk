# SPDX-License-Identifier: Apache-2.0
libvalise_a_SOURCES += src/serve/serve.h src/serve/serve_priv.h
