/* SPDX-License-Identifier: Apache-2.0 */
/* serve/rights.c: files that only the start may read, and giving up what the start needed.
 * Keeps: after vl_rights_drop() there is no way back: that is tried, and a success is a failure. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "serve/core_priv.h"

/* A group may read: distributions have one for the keys of servers. */
static bool check_mode(const char *path, struct vl_err *e)
{
	struct stat st;

	if (stat(path, &st) < 0 || !(st.st_mode & 0037))
		return true;
	vl_fail(e, VL_E_KEYFILE, "%s: others can read or change this secret key (mode %04o)", path, st.st_mode & 07777);
	return vl_hint(e, "Run chmod 600 %s; if others could read it, use a new key.", path);
}

static bool not_what_it_should_be(const char *path, bool secret, struct vl_err *e)
{
	vl_fail(e, VL_E_KEYFILE, secret ? "%s holds no private key: it is no --tls-key" :
					  "%s holds no certificate: it is no --tls-cert", path);
	return vl_hint(e, "Are --tls-cert and --tls-key swapped?");
}

/* What the file is comes before who may read it: a certificate needs no chmod. A private key beside the certificate is
 * as secret as one of its own. */
static bool check_pem(const char *path, bool secret, const char *text, struct vl_err *e)
{
	bool certificate = strstr(text, "-----BEGIN CERTIFICATE-----") != NULL;
	bool key = strstr(text, "PRIVATE KEY-----") != NULL;

	if ((secret && !key && certificate) || (!secret && !certificate && key))
		return not_what_it_should_be(path, secret, e);
	return (!secret && !key) || check_mode(path, e);
}

bool vl_pem_read(const char *path, bool secret, struct vl_buf *out, struct vl_err *e)
{
	if (access(path, F_OK) && errno == ENOENT)
		return vl_fail(e, VL_E_ABSENT, "there is no TLS %s %s", secret ? "key" : "certificate", path);
	if (!vl_load_file(AT_FDCWD, path, out, NULL, e))
		return vl_while(e, secret ? "the TLS key" : "the TLS certificate");
	if (strlen(vl_buf_str(out)) == out->len && strstr(vl_buf_str(out), "-----BEGIN "))
		return check_pem(path, secret, vl_buf_str(out), e);
	vl_fail(e, VL_E_KEYFILE, "%s is not a PEM file", path);
	return vl_hint(e, "A PEM file begins with -----BEGIN.");
}

static bool become(const struct passwd *pw, struct vl_err *e)
{
	gid_t gid = pw->pw_gid;
	uid_t uid = pw->pw_uid;

	/* initgroups: the store may belong to a group that the user is in. */
	if (initgroups(pw->pw_name, gid) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return vl_fail_os(e, "become the user %s", pw->pw_name);
	if (uid && (!setuid(0) || !seteuid(0) || getuid() != uid || geteuid() != uid))
		return vl_fail(e, VL_E_PERMISSION, "the rights of root could not be given up");
	return true;
}

bool vl_rights_drop(const char *user, struct vl_err *e)
{
	const struct passwd *pw;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return vl_fail_os(e, "give up new privileges");
	if (!user)
		return true;
	errno = 0;
	pw = getpwnam(user);
	if (!pw) {
		vl_fail(e, VL_E_ABSENT, "there is no user %s on this host", user);
		return vl_hint(e, "Make one: useradd --system %s", user);
	}
	if (geteuid() == pw->pw_uid && pw->pw_uid)
		return true;
	if (!geteuid())
		return become(pw, e);
	vl_fail(e, VL_E_PERMISSION, "only root can become the user %s", user);
	return vl_hint(e, "Leave --user out, or start valise serve as root.");
}
