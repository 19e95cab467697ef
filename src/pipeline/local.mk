libvalise_a_SOURCES += src/pipeline/pipeline.h src/pipeline/unpack.c src/pipeline/verify.c
pack_sources += src/pipeline/bundling.c src/pipeline/bundling.h src/pipeline/fetch.c src/pipeline/pack.c
pack_sources += src/pipeline/packing.h
