# SPDX-License-Identifier: Apache-2.0
# place: store -> where each consumer looks
libvalise_a_SOURCES += src/place/place.h src/place/place_priv.h src/place/placed.h
libvalise_a_SOURCES += src/place/place.c src/place/gen.c src/place/targets.c src/place/placed.c src/place/tree.c
libvalise_a_SOURCES += src/place/osv.c src/place/trivy.c src/place/files.c src/place/gitlab.c
