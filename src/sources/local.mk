# SPDX-License-Identifier: Apache-2.0
pack_sources += src/sources/source.h src/sources/work.h src/sources/oci.h
pack_sources += src/sources/table.c src/sources/fetch.c src/sources/cache.c src/sources/wanted.c src/sources/mirrors.c
pack_sources += src/sources/checksum.c src/sources/oci.c src/sources/cosign.c src/sources/cosign.h
pack_sources += src/sources/osv.c src/sources/trivy_db.c src/sources/http.c src/sources/dir.c
pack_sources += src/sources/registry.h src/sources/registry.c src/sources/image.h src/sources/image.c
pack_sources += src/sources/image_ask.c src/sources/image_attached.c src/sources/image_blobs.c src/sources/image_made.c
pack_sources += src/sources/image_pick.c src/sources/image_ref.c
