# SPDX-License-Identifier: Apache-2.0
pack_sources += src/net/challenge.c src/net/creds.c src/net/fault.c src/net/header.c src/net/helper.c src/net/http.c \
	src/net/hush.c src/net/job.c src/net/multi.c src/net/netrc.c src/net/partial.c src/net/proxy.c \
	src/net/redirect.c src/net/retry.c src/net/scope.c src/net/token.c src/net/upload.c src/net/net.h src/net/net_priv.h
