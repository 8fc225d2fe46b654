/* SPDX-License-Identifier: MIT */
#include "http/route.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "http/origin.h"

#define CA_FILE_MAX (16u * 1024 * 1024)

struct http_route {
	struct http_proxy *secure, *plain; /* of https and http URLs; NULL: none */
	char *exempt;			   /* as no_proxy; NULL: nothing */
	char *ca_file, *ca_dir;
};

/* The first of these variables that is not empty. */
static const char *first_variable(const char *const *names, const char **ret_name)
{
	for (; *names; names++) {
		const char *value = getenv(*names);

		if (value && *value) {
			*ret_name = *names;
			return value;
		}
	}
	return NULL;
}

/* ---- proxies ---- */

static void proxy_free(struct http_proxy *p)
{
	if (!p)
		return;
	explicit_bzero(p->url, strlen(p->url));
	g_free(p->url);
	g_free(p->name);
	g_free(p);
}

static bool is_proxy_scheme(const char *scheme)
{
	static const char *const known[] = {"http",    "https",	 "socks",  "socks4",
					    "socks4a", "socks5", "socks5h"};

	for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
		if (strcmp(scheme, known[i]) == 0)
			return true;
	return false;
}

static char *part_of(CURLU *u, CURLUPart what)
{
	char *text = NULL, *copy;

	if (curl_url_get(u, what, &text, 0) != CURLUE_OK)
		return NULL;
	copy = g_strdup(text);
	curl_free(text);
	return copy;
}

/* NULL if that is no address of a proxy. */
static struct http_proxy *proxy_new(const char *text)
{
	_cleanup_gfree_ char *url =
		strstr(text, "://") ? g_strdup(text) : g_strconcat("http://", text, NULL);
	CURLU *u = curl_url();
	struct http_proxy *p = NULL;

	if (u && curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK) {
		_cleanup_gfree_ char *scheme = part_of(u, CURLUPART_SCHEME);
		_cleanup_gfree_ char *host = part_of(u, CURLUPART_HOST);
		_cleanup_gfree_ char *port = part_of(u, CURLUPART_PORT);

		if (scheme && host && *host && is_proxy_scheme(scheme)) {
			p = g_new0(struct http_proxy, 1);
			p->url = g_strdup(url);
			p->name = g_strdup_printf("%s://%s%s%s", scheme, host, port ? ":" : "",
						  port ? port : "");
			p->is_local = http_origin_is_loopback_host(host);
		}
	}
	curl_url_cleanup(u);
	explicit_bzero(url, strlen(url));
	return p;
}

static int choose_proxy(const char *option, const char *const *names, bool is_needed,
			struct http_proxy **ret_proxy, char **ret_reason)
{
	const char *name = NULL;
	const char *text = option ? option : first_variable(names, &name);

	if (!text || (option && strcmp(option, "off") == 0))
		return 0;
	*ret_proxy = proxy_new(text);
	if (*ret_proxy || !is_needed)
		return 0;
	*ret_reason = g_strdup_printf(
		"%s%s: no address of a proxy, such as http://proxy.example.com:3128",
		option ? "-o proxy=" : "", option ? "..." : name);
	return -EINVAL;
}

static int choose_proxies(struct http_route *r, const char *option, const char *base_url,
			  char **ret_reason)
{
	static const char *const secure[] = {"https_proxy", "HTTPS_PROXY", "all_proxy",
					     "ALL_PROXY", NULL};
	static const char *const plain[] = {"http_proxy", "all_proxy", "ALL_PROXY", NULL};
	static const char *const exempt[] = {"no_proxy", "NO_PROXY", NULL};
	bool is_plain = http_origin_is_loopback(base_url);
	const char *name;
	int error;

	error = choose_proxy(option, secure, !is_plain, &r->secure, ret_reason);
	if (error == 0)
		error = choose_proxy(option, plain, is_plain, &r->plain, ret_reason);
	if (!option)
		r->exempt = g_strdup(first_variable(exempt, &name));
	return error;
}

/* "10.0.0.0/8". */
static bool is_in_network(const char *network, const char *host)
{
	_cleanup_gfree_ char *address = g_strndup(network, strcspn(network, "/"));
	unsigned char a[16], b[16];
	int family = strchr(address, ':') ? AF_INET6 : AF_INET;
	const char *digits = network + strlen(address);
	guint64 bits = family == AF_INET ? 32 : 128;

	if (inet_pton(family, address, a) != 1 || inet_pton(family, host, b) != 1)
		return false;
	if (*digits == '/' && !g_ascii_string_to_unsigned(digits + 1, 10, 0, bits, &bits, NULL))
		return false;
	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return bits % 8 == 0 || (a[bits / 8] ^ b[bits / 8]) >> (8 - bits % 8) == 0;
}

static bool is_below(const char *domain, const char *host)
{
	size_t len = strlen(host), tail;

	domain += *domain == '.';
	tail = strlen(domain);
	return tail > 0 && len >= tail &&
	       g_ascii_strncasecmp(host + len - tail, domain, tail) == 0 &&
	       (len == tail || host[len - tail - 1] == '.');
}

bool http_route_lists(const char *list, const char *host)
{
	g_auto(GStrv) words = g_strsplit_set(list, ", \t", -1);

	for (char **w = words; *w; w++)
		if (strcmp(*w, "*") == 0 || is_in_network(*w, host) || is_below(*w, host))
			return true;
	return false;
}

static bool is_exempt(const struct http_route *r, const char *url)
{
	_cleanup_gfree_ char *host = r->exempt ? http_origin_host(url) : NULL;

	return host && http_route_lists(r->exempt, host);
}

const struct http_proxy *http_route_proxy(const struct http_route *r, const char *url)
{
	const struct http_proxy *p;

	if (!r)
		return NULL;
	if (http_origin_is_loopback(url))
		p = r->plain && r->plain->is_local ? r->plain : NULL;
	else
		p = r->secure;
	return p && !is_exempt(r, url) ? p : NULL;
}

/* ---- certificates ---- */

/* True if the text between the lines of a PEM block is a DER sequence of its length. */
static bool is_certificate(const char *from, const char *to)
{
	_cleanup_gfree_ char *text = g_strndup(from, (gsize)(to - from));
	gsize len, said = 0, head = 2;
	g_autofree guchar *der = g_base64_decode(text, &len);

	if (len < 4 || der[0] != 0x30)
		return false;
	if (der[1] < 0x80)
		said = der[1];
	for (int i = 0; der[1] > 0x80 && i < der[1] - 0x80 && head < len; i++)
		said = said << 8 | der[head++];
	return said > 0 && head + said <= len;
}

static bool has_certificate(const char *text)
{
	static const char *const kinds[] = {"CERTIFICATE", "TRUSTED CERTIFICATE",
					    "X509 CERTIFICATE"};

	for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
		_cleanup_gfree_ char *begin = g_strdup_printf("-----BEGIN %s-----", kinds[i]);
		const char *from = text, *to;

		while ((from = strstr(from, begin)) && (to = strstr(from + 1, "-----END "))) {
			from += strlen(begin);
			if (is_certificate(from, to))
				return true;
		}
	}
	return false;
}

/* True if one can be read from the open file. */
static bool holds_certificate(int fd, const struct stat *st)
{
	gsize size = (gsize)st->st_size, len = 0;
	ssize_t n = 1;
	char *text;
	bool holds;

	/* A device has no end. */
	if (!S_ISREG(st->st_mode) || size > CA_FILE_MAX)
		return false;
	text = g_malloc0(size + 1);
	while (n > 0 && len < size) {
		n = read(fd, text + len, size - len);
		len += n > 0 ? (gsize)n : 0;
	}
	holds = has_certificate(text);
	g_free(text);
	return holds;
}

static int check_ca_file(const char *what, const char *path, char **ret_reason)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		int error = errno;

		*ret_reason = g_strdup_printf("%s%s: %s", what, path, g_strerror(error));
		return -error;
	}
	if (holds_certificate(fd, &st))
		return 0;
	*ret_reason = g_strdup_printf("%s%s: there is no certificate in it (in PEM form)", what,
				      path);
	return -EINVAL;
}

static int check_ca_dir(const char *list, char **ret_reason)
{
	g_auto(GStrv) dirs = g_strsplit(list, ":", -1);

	for (char **d = dirs; *d; d++) {
		if (g_file_test(*d, G_FILE_TEST_IS_DIR))
			continue;
		*ret_reason = g_strdup_printf("SSL_CERT_DIR=%s: there is no such folder", *d);
		return -ENOENT;
	}
	return 0;
}

static int choose_authorities(struct http_route *r, const char *option, char **ret_reason)
{
	static const char *const bundle[] = {"CURL_CA_BUNDLE", NULL};
	static const char *const file[] = {"SSL_CERT_FILE", NULL};
	static const char *const dir[] = {"SSL_CERT_DIR", NULL};
	const char *name = "-o cacert", *dir_name, *dirs = NULL;
	const char *path = option ? option : first_variable(bundle, &name);
	_cleanup_gfree_ char *what = NULL;
	int error = 0;

	if (!path) {
		path = first_variable(file, &name);
		dirs = first_variable(dir, &dir_name);
	}
	what = g_strconcat(name, "=", NULL);
	/* The daemon changes its directory. */
	r->ca_file = path ? g_canonicalize_filename(path, NULL) : NULL;
	r->ca_dir = g_strdup(dirs);
	if (r->ca_file)
		error = check_ca_file(what, r->ca_file, ret_reason);
	if (error == 0 && r->ca_dir)
		error = check_ca_dir(r->ca_dir, ret_reason);
	return error;
}

const char *http_route_ca_file(const struct http_route *r)
{
	return r ? r->ca_file : NULL;
}

const char *http_route_ca_dir(const struct http_route *r)
{
	return r ? r->ca_dir : NULL;
}

/* ---- both ---- */

int http_route_new(const char *proxy, const char *cacert, const char *base_url,
		   struct http_route **ret_route, char **ret_reason)
{
	struct http_route *r = g_new0(struct http_route, 1);
	int error = choose_proxies(r, proxy, base_url, ret_reason);

	if (error == 0)
		error = choose_authorities(r, cacert, ret_reason);
	if (error < 0) {
		http_route_free(r);
		return error;
	}
	*ret_route = r;
	return 0;
}

void http_route_free(struct http_route *r)
{
	if (!r)
		return;
	proxy_free(r->secure);
	proxy_free(r->plain);
	g_free(r->exempt);
	g_free(r->ca_file);
	g_free(r->ca_dir);
	g_free(r);
}
