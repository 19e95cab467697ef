# SPDX-License-Identifier: Apache-2.0
libvalise_a_SOURCES += src/verify/verify.h src/verify/tiling_priv.h src/verify/tiling.c src/verify/trust.c \
	src/verify/waybill.c src/verify/beside.c src/verify/admit.c src/verify/parcels.c src/verify/assembly.c \
	src/verify/rehearsal.c
