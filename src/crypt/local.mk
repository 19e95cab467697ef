# SPDX-License-Identifier: Apache-2.0
libvalise_a_SOURCES += src/crypt/hash.c src/crypt/hash.h src/crypt/htpasswd.c src/crypt/htpasswd.h src/crypt/keyfile.c \
	src/crypt/lines.c src/crypt/lines.h src/crypt/minisign.h src/crypt/pem.c src/crypt/pem.h src/crypt/pubkey.c \
	src/crypt/seckey.h src/crypt/sign.c src/crypt/signed.c src/crypt/signed.h
