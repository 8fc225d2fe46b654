/* SPDX-License-Identifier: MIT */
/*
 * The yardstick for a walk over a space's history: the simplest client there is. It asks for a
 * page, then for the page that the answer's Link header calls "next", and so on, over one kept
 * connection; it throws the bodies away unread.
 *
 *     follow URL [PAGES]
 *
 * The token is in WEBEX_ACCESS_TOKEN. PAGES: how many at most. Prints one line of JSON.
 */
#include <curl/curl.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct seen {
	char *next;
	double bytes;
};

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
	struct seen *seen = arg;

	(void)data;
	seen->bytes += (double)(size * count);
	return size * count;
}

/* Link: <https://...>; rel="next" */
static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
	g_autofree char *text = g_strndup(line, size * count);
	struct seen *seen = arg;
	const char *begin, *end;

	if (g_ascii_strncasecmp(text, "link:", 5) || !strstr(text, "rel=\"next\""))
		return size * count;
	begin = strchr(text, '<');
	end = begin ? strchr(begin, '>') : NULL;
	if (end) {
		g_free(seen->next);
		seen->next = g_strndup(begin + 1, (gsize)(end - begin - 1));
	}
	return size * count;
}

static int get(CURL *curl, const char *url)
{
	long status = 0;
	CURLcode rc;

	curl_easy_setopt(curl, CURLOPT_URL, url);
	rc = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (rc == CURLE_OK && status == 200)
		return 0;
	fprintf(stderr, "follow: %s: %s, status %ld\n", url, curl_easy_strerror(rc), status);
	return -1;
}

static CURL *make_client(struct seen *seen)
{
	const char *token = g_getenv("WEBEX_ACCESS_TOKEN");
	CURL *curl = curl_easy_init();

	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, seen);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, seen);
	curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
	curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, token ? token : "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	return curl;
}

int main(int argc, char **argv)
{
	long most = argc > 2 ? strtol(argv[2], NULL, 10) : G_MAXLONG, requests = 0;
	struct seen seen = {0};
	char *url;
	CURL *curl;
	gint64 start;
	int r = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: follow URL [PAGES]\n");
		return 2;
	}
	curl = make_client(&seen);
	url = g_strdup(argv[1]);
	start = g_get_monotonic_time();
	while (url && requests < most && r == 0) {
		r = get(curl, url);
		requests++;
		g_free(url);
		url = g_steal_pointer(&seen.next);
	}
	printf("{\"requests\": %ld, \"bytes\": %.0f, \"seconds\": %.6f}\n", requests,
	       seen.bytes, (double)(g_get_monotonic_time() - start) / G_USEC_PER_SEC);
	g_free(url);
	curl_easy_cleanup(curl);
	return r ? 1 : 0;
}
