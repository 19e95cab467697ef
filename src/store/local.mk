# SPDX-License-Identifier: Apache-2.0
# store: an OCI image layout with generations
libvalise_a_SOURCES += src/store/store.h src/store/oci.h src/store/store_priv.h
libvalise_a_SOURCES += src/store/oci.c src/store/platform.c src/store/open.c src/store/blob.c src/store/closure.c src/store/layers.c
libvalise_a_SOURCES += src/store/digests.h src/store/digests.c src/store/docgraph.h src/store/docgraph.c
libvalise_a_SOURCES += src/store/gc.c src/store/generation.c src/store/state.c
libvalise_a_SOURCES += src/store/hub.h src/store/hub_priv.h src/store/hub.c src/store/hub_names.c src/store/hub_offers.c
libvalise_a_SOURCES += src/store/hub_walk.c
