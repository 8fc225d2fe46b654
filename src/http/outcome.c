/* SPDX-License-Identifier: MIT */
/* From curl's error codes to errno. */
#include <errno.h>

#include "http/try.h"

static int connect_errno(CURL *easy)
{
	long os_errno = 0;

	curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_errno);
	switch (os_errno) {
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ETIMEDOUT:
	case ECONNRESET:
		return -(int)os_errno;
	case ENETDOWN:
	case EADDRNOTAVAIL:
		return -ENETUNREACH;
	case EHOSTDOWN:
		return -EHOSTUNREACH;
	default:
		return -ECONNREFUSED;
	}
}

/* True if what came is no answer: bytes of an earlier answer on a kept connection (a body
 * behind HEAD), or of a server that does not speak HTTP. */
static bool is_garbage(CURL *easy, CURLcode code)
{
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	return code == CURLE_WEIRD_SERVER_REPLY ||
	       (code == CURLE_UNSUPPORTED_PROTOCOL && status == 0);
}

int http_curl_error(CURL *easy, CURLcode code, bool *ret_transient)
{
	*ret_transient = true;
	if (code == CURLE_COULDNT_CONNECT)
		return connect_errno(easy);
	if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY)
		return -EHOSTUNREACH;
	if (code == CURLE_PROXY)
		return -ECONNREFUSED;
	if (code == CURLE_OPERATION_TIMEDOUT)
		return -ETIMEDOUT;
	if (code == CURLE_GOT_NOTHING || code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR ||
	    code == CURLE_HTTP2 || code == CURLE_HTTP2_STREAM || is_garbage(easy, code))
		return -ECONNRESET;
	if (code == CURLE_PARTIAL_FILE)
		return -EIO;
	/* Perhaps the server closed the connection in the middle of the handshake. */
	if (code == CURLE_SSL_CONNECT_ERROR)
		return -EPROTO;

	*ret_transient = false;
	if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
	    code == CURLE_SSL_CERTPROBLEM || code == CURLE_SSL_CIPHER ||
	    code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_INVALIDCERTSTATUS)
		return -EPROTO;
	if (code == CURLE_URL_MALFORMAT)
		return -EINVAL;
	if (code == CURLE_OUT_OF_MEMORY)
		return -ENOMEM;
	return -EIO;
}
