# SPDX-License-Identifier: Apache-2.0
libvalise_a_SOURCES += src/bundle/bundle.h src/bundle/estimate.c src/bundle/parcel.c src/bundle/parcel_read.c src/bundle/plan.c
libvalise_a_SOURCES += src/bundle/texts.c src/bundle/waybill.c
