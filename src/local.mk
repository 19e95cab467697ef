# SPDX-License-Identifier: Apache-2.0
# The program, and the library that it shares with the unit tests and fuzz targets. pack_sources belong to the connected
# side only: with --disable-pack they, and libcurl, are left out by this list and not by #ifdef.
noinst_LIBRARIES += libvalise.a
bin_PROGRAMS += valise
libvalise_a_SOURCES =
pack_sources =
receive_sources =
valise_SOURCES = src/main.c
valise_LDADD = libvalise.a $(VALISE_LIBS)

include src/base/local.mk
include src/crypt/local.mk
include src/archive/local.mk
include src/net/local.mk
include src/store/local.mk
include src/packlist/local.mk
include src/sources/local.mk
include src/bundle/local.mk
include src/media/local.mk
include src/verify/local.mk
include src/place/local.mk
include src/serve/local.mk
include src/publish/local.mk
include src/pipeline/local.mk
include src/cli/local.mk

if PACK
libvalise_a_SOURCES += $(pack_sources)
else
libvalise_a_SOURCES += $(receive_sources)
EXTRA_DIST += $(pack_sources)
endif
