/* SPDX-License-Identifier: Apache-2.0 */
/* net/fault.c: curl's results and HTTP's status codes in words, and whether asking again can help.
 * Nothing that a server wrote gets into a message, except the number of its status. */
#include "net/net_priv.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* X.509 verify results, as OpenSSL numbers them; curl passes them through. */
static const struct {
	long result;
	const char *words;
} certificate[] = {
	{ 9, "the certificate is not valid yet (is this host's clock right?)" },
	{ 10, "the certificate has expired (or this host's clock is wrong)" },
	{ 18, "the certificate is self-signed" },
	{ 19, "the certificate comes from an authority that is not trusted here" },
	{ 20, "the certificate's issuer is not trusted here" },
	{ 21, "the certificate's issuer is not trusted here" },
	{ 23, "the certificate is revoked" },
	{ 62, "the certificate is for another host name" },
	{ 64, "the certificate is for another address" },
};

static enum vl_next tls(struct vl_job *j, CURLcode rc)
{
	const char *text = j->hop.curl_text, *words = "the server's certificate is not accepted";
	long result = 0;

	curl_easy_getinfo(j->hop.easy, CURLINFO_SSL_VERIFYRESULT, &result);
	if (rc == CURLE_SSL_CACERT_BADFILE)
		words = "the CA file cannot be read";
	else if (strstr(text, "subject name"))
		words = "the certificate is for another host name";
	else if (strstr(text, "unsupported protocol") || strstr(text, "protocol version"))
		words = "the server speaks only TLS older than 1.2";
	else if (strstr(text, "wrong version number") || strstr(text, "packet length too long"))
		words = "the server does not speak TLS on this port";
	else if (rc == CURLE_SSL_CONNECT_ERROR)
		words = "the TLS handshake failed";
	for (size_t i = 0; i < VL_LEN(certificate); i++)
		if (certificate[i].result == result)
			words = certificate[i].words;
	vl_fail(&j->err, VL_E_TLS, "TLS: %s", words);
	return VL_NEXT_MIRROR;
}

/* A handshake that the network broke is no verdict about a certificate. */
static bool handshake_broken(const struct vl_job *j)
{
	const char *text = j->hop.curl_text;

	return strstr(text, "SYSCALL") || strstr(text, "reset") || strstr(text, "Broken pipe") ||
	       strstr(text, "unexpected eof");
}

static enum vl_next timed_out(struct vl_job *j)
{
	curl_off_t connected = 0;

	/* curl's clock may be a little ahead of ours. */
	if (vl_net_clock() + 50 >= j->deadline) {
		vl_fail(&j->err, VL_E_TIMEOUT, "not finished within %lld s", (long long)j->net->conf.timeout);
		return VL_NEXT_STOP;
	}
	curl_easy_getinfo(j->hop.easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
	if (connected == 0)
		vl_fail(&j->err, VL_E_TIMEOUT, "no connection within %u s", j->net->conf.connect_timeout);
	else if (j->hop.sent && j->hop.sent == vl_upload_size(j->get))
		vl_fail(&j->err, VL_E_TIMEOUT, "no answer within %ld s to what was sent", VL_NET_COMMIT_TIME);
	else
		vl_fail(&j->err, VL_E_TIMEOUT, "slower than %llu bytes/s for %ld s",
			(unsigned long long)j->net->conf.low_speed, VL_NET_LOW_SPEED_TIME);
	return VL_NEXT_AGAIN;
}

/* "connection refused", from the errno that curl keeps. */
static enum vl_next not_connected(struct vl_job *j, const char *fallback)
{
	char words[128];
	long err = 0;

	curl_easy_getinfo(j->hop.easy, CURLINFO_OS_ERRNO, &err);
	snprintf(words, sizeof words, "%s", err ? strerror((int)err) : fallback);
	words[0] = (char)tolower((unsigned char)words[0]);
	vl_fail(&j->err, VL_E_NET, "%s", words);
	return VL_NEXT_AGAIN;
}

static enum vl_next simply(struct vl_job *j, enum vl_next next, const char *words)
{
	vl_fail(&j->err, VL_E_NET, "%s", words);
	return next;
}

/* A slip in a name and a resolver that is down look the same. */
static enum vl_next no_such_host(struct vl_job *j)
{
	simply(j, VL_NEXT_AGAIN, "the host name is not found");
	vl_hint(&j->err, "Check the name, and whether this host has DNS or needs a proxy; then try again.");
	return VL_NEXT_AGAIN;
}

static enum vl_next receive_broken(struct vl_job *j)
{
	long answer = 0;

	curl_easy_getinfo(j->hop.easy, CURLINFO_HTTP_CONNECTCODE, &answer);
	if (answer < 300)
		return simply(j, VL_NEXT_AGAIN, "the connection broke");
	vl_fail(&j->err, answer < 500 ? VL_E_REFUSED : VL_E_NET, "the proxy answers %ld", answer);
	return answer < 500 ? VL_NEXT_MIRROR : VL_NEXT_AGAIN;
}

enum vl_next vl_fault_of_curl(struct vl_job *j, CURLcode rc)
{
	switch (rc) {
	case CURLE_SSL_CONNECT_ERROR:
		if (handshake_broken(j))
			return simply(j, VL_NEXT_AGAIN, "the connection broke in the TLS handshake");
		return tls(j, rc);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return tls(j, rc);
	case CURLE_OPERATION_TIMEDOUT:
		return timed_out(j);
	case CURLE_COULDNT_RESOLVE_HOST:
		return no_such_host(j);
	case CURLE_COULDNT_RESOLVE_PROXY:
		return simply(j, VL_NEXT_AGAIN, "the proxy's host name is not found");
	case CURLE_COULDNT_CONNECT:
		return not_connected(j, "no connection");
	case CURLE_PROXY:
		return simply(j, VL_NEXT_AGAIN, "the proxy refuses the connection");
	case CURLE_GOT_NOTHING:
		return simply(j, VL_NEXT_AGAIN, "the connection was closed without an answer");
	case CURLE_PARTIAL_FILE:
		return simply(j, VL_NEXT_AGAIN, "the body ends early");
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
		return receive_broken(j);
	case CURLE_OUT_OF_MEMORY:
		vl_fail(&j->err, VL_E_MEMORY, "no memory for a transfer");
		return VL_NEXT_STOP;
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
		return simply(j, VL_NEXT_MIRROR, "the answer is not HTTP");
	default:
		return simply(j, VL_NEXT_AGAIN, curl_easy_strerror(rc));
	}
}

/* GHCR writes so in the text, with 403 too, and a time to wait that is far too short: only the word is believed, how
 * long to wait is ours to say. */
static bool says_too_many(const struct vl_job *j)
{
	return strstr(vl_buf_str(&j->hop.note), "TOOMANYREQUESTS") != NULL;
}

/* A registry's error codes in our words. */
static const struct {
	const char *code, *words;
} registry_codes[] = {
	{ "\"NAME_UNKNOWN\"", "the registry does not know this repository" },
	{ "\"MANIFEST_UNKNOWN\"", "the registry has no such repository, tag or digest" },
	{ "\"BLOB_UNKNOWN\"", "the repository does not have this blob" },
	{ "\"MANIFEST_BLOB_UNKNOWN\"", "the registry lacks something that the manifest names" },
	{ "\"MANIFEST_INVALID\"", "the registry does not accept this manifest" },
	{ "\"NAME_INVALID\"", "the registry does not accept this repository's name" },
	{ "\"DIGEST_INVALID\"", "the registry does not accept the digest" },
	{ "\"SIZE_INVALID\"", "the registry received another number of bytes" },
	{ "\"BLOB_UPLOAD_UNKNOWN\"", "the registry has lost this upload" },
	{ "\"BLOB_UPLOAD_INVALID\"", "the registry has given up this upload" },
	{ "\"DENIED\"", "the registry denies access with these credentials" },
	{ "\"UNAUTHORIZED\"", "the registry wants other credentials" },
	{ "\"UNSUPPORTED\"", "the registry does not support this" },
};

static const char *registry_words(const struct vl_job *j)
{
	for (size_t i = 0; (j->get->registry || j->is_token) && i < VL_LEN(registry_codes); i++)
		if (strstr(vl_buf_str(&j->hop.note), registry_codes[i].code))
			return registry_codes[i].words;
	return NULL;
}

static const struct {
	int status;
	enum vl_code code;
	const char *words;
} known[] = {
	{ 400, VL_E_REFUSED, "bad request" },
	{ 401, VL_E_REFUSED, "log-in required" },
	{ 403, VL_E_REFUSED, "forbidden" },
	{ 404, VL_E_GONE, "not found" },
	{ 405, VL_E_REFUSED, "method not allowed" },
	{ 406, VL_E_REFUSED, "not acceptable" },
	{ 407, VL_E_REFUSED, "the proxy wants a log-in" },
	{ 408, VL_E_NET, "request timeout" },
	{ 410, VL_E_GONE, "gone" },
	{ 425, VL_E_NET, "too early" },
	{ 429, VL_E_RATE, "too many requests" },
	{ 451, VL_E_REFUSED, "unavailable for legal reasons" },
	{ 500, VL_E_NET, "internal server error" },
	{ 502, VL_E_NET, "bad gateway" },
	{ 503, VL_E_NET, "service unavailable" },
	{ 504, VL_E_NET, "gateway timeout" },
};

static const struct {
	int status;
	enum vl_code code;
	const char *words, *hint;
} refused_pushes[] = {
	{ 403, VL_E_REFUSED, "the registry does not allow this push",
	  "Check that these credentials may write to this repository." },
	{ 404, VL_E_GONE, "the registry does not know or does not allow this repository",
	  "Some registries want a project or repository to be created first." },
	{ 405, VL_E_REFUSED, "the registry does not take pushes",
	  "A read-only registry or a pull-through cache cannot be published to; name another." },
	{ 413, VL_E_LIMIT, "this is larger than the registry, or a proxy before it, takes",
	  "Raise the limit there (nginx: client_max_body_size)." },
	{ 507, VL_E_NET, "the registry has no space left", "Free some space there." },
};

static bool push_refused(struct vl_job *j)
{
	const char *more = registry_words(j);
	int status = j->hop.status;

	for (size_t i = 0; i < VL_LEN(refused_pushes); i++) {
		if (refused_pushes[i].status != status || (status == 404 && j->get->method != VL_POST))
			continue;
		vl_fail(&j->err, refused_pushes[i].code, "%s (HTTP %d%s%s)", refused_pushes[i].words, status,
			more ? ": " : "", more ? more : "");
		vl_hint(&j->err, "%s", refused_pushes[i].hint);
		return true;
	}
	return false;
}

enum vl_next vl_fault_of_status(struct vl_job *j)
{
	int status = j->hop.status;
	enum vl_code code = status >= 500 ? VL_E_NET : status >= 400 ? VL_E_REFUSED : VL_E_CONTENT;
	const char *words = status < 400 ? "not an answer to this request" : NULL, *more = registry_words(j);

	if ((status == 403 || status == 429) && says_too_many(j)) {
		vl_fail(&j->err, VL_E_RATE, "%d: too many requests", status);
		return VL_NEXT_AGAIN;
	}
	if (vl_upload_wanted(j->get) && push_refused(j))
		return VL_NEXT_MIRROR;
	for (size_t i = 0; i < VL_LEN(known); i++)
		if (known[i].status == status) {
			code = known[i].code;
			words = known[i].words;
		}
	vl_fail(&j->err, code, "%d%s%s%s%s", status, words ? " " : "", words ? words : "", more ? ": " : "",
		more ? more : "");
	return vl_retry_status(status) ? VL_NEXT_AGAIN : VL_NEXT_MIRROR;
}
