/* SPDX-License-Identifier: Apache-2.0 */
/* crypt/htpasswd.h: users and their password hashes, one "USER:HASH" a line: bcrypt ($2y$.., as htpasswd -B writes it;
 * libcrypt) and argon2 ($argon2id$..; libsodium). Older hashes (MD5, SHA-1, DES, plain) are refused. */
#ifndef VL_CRYPT_HTPASSWD_H
#define VL_CRYPT_HTPASSWD_H

#include "base/buf.h"

struct vl_htpasswd;
/* Names file and line of what is wrong: VL_E_CONFIG. A file that others can write: VL_E_KEYFILE. */
VL_MUST bool vl_htpasswd_load(struct vl_htpasswd **out, const char *path, struct vl_err *e);
void vl_htpasswd_free(struct vl_htpasswd *h);
VL_DEFINE_AUTO(vl_htpasswd)
/* Slow on purpose (a hash), also for unknown users. Safe to call from several threads. */
bool vl_htpasswd_check(const struct vl_htpasswd *h, const char *user, const char *password);

#endif
