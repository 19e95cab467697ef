# SPDX-License-Identifier: Apache-2.0
libvalise_a_SOURCES += src/packlist/yaml.c src/packlist/yaml.h src/packlist/conf.c src/packlist/conf.h \
	src/packlist/ref.c src/packlist/ref.h
pack_sources += src/packlist/packlist.c src/packlist/packlist.h src/packlist/packlist_priv.h src/packlist/images.c
