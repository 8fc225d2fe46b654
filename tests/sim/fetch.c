/* SPDX-License-Identifier: MIT */
#include "fetch.h"

#include "server.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

struct fetch {
	char *url; /* constant */
	pthread_mutex_t lock;
	/* Under lock. */
	int refs;
	struct park *park;
	struct park_ticket *ticket; /* NULL when the request has gone */
	GByteArray *bytes;
	char *type, *name;
	bool ok;
};

static atomic_int running;

static bool is_loopback(const char *host)
{
	return !strcmp(host, "localhost") || g_str_has_prefix(host, "127.") ||
	       !strcmp(host, "[::1]");
}

static char *last_segment(CURLU *u)
{
	char *path = NULL, *name;
	const char *slash;

	if (curl_url_get(u, CURLUPART_PATH, &path, CURLU_URLDECODE))
		return g_strdup("file");
	slash = strrchr(path, '/');
	name = g_strdup(slash && slash[1] ? slash + 1 : "file");
	curl_free(path);
	return name;
}

struct fetch *fetch_new(const char *url)
{
	CURLU *u = curl_url();
	char *host = NULL, *scheme = NULL;
	struct fetch *f = NULL;

	if (!curl_url_set(u, CURLUPART_URL, url, 0) &&
	    !curl_url_get(u, CURLUPART_HOST, &host, 0) &&
	    !curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) && !strcmp(scheme, "http") &&
	    is_loopback(host)) {
		f = g_new0(struct fetch, 1);
		f->url = g_strdup(url);
		f->name = last_segment(u);
		f->bytes = g_byte_array_new();
		f->refs = 1;
		pthread_mutex_init(&f->lock, NULL);
	}
	curl_free(host);
	curl_free(scheme);
	curl_url_cleanup(u);
	return f;
}

static size_t on_data(char *data, size_t size, size_t n, void *arg)
{
	GByteArray *bytes = arg;

	if (bytes->len + size * n > UPLOAD_MAX)
		return 0;
	g_byte_array_append(bytes, (guint8 *)data, (guint)(size * n));
	return size * n;
}

static void drop(struct fetch *f)
{
	bool last;

	pthread_mutex_lock(&f->lock);
	last = --f->refs == 0;
	pthread_mutex_unlock(&f->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&f->lock);
	g_byte_array_free(f->bytes, TRUE);
	g_free(f->url);
	g_free(f->type);
	g_free(f->name);
	g_free(f);
}

static void *fetch_main(void *arg)
{
	struct fetch *f = arg;
	CURL *c = curl_easy_init();
	const char *type = NULL;
	long status = 0;
	GByteArray *bytes = g_byte_array_new();

	curl_easy_setopt(c, CURLOPT_URL, f->url);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, bytes);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, 10L);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	if (curl_easy_perform(c) == CURLE_OK) {
		curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
		curl_easy_getinfo(c, CURLINFO_CONTENT_TYPE, &type);
	}
	pthread_mutex_lock(&f->lock);
	f->ok = status == 200;
	f->type = g_strdup(type ? type : "application/octet-stream");
	g_byte_array_free(f->bytes, TRUE);
	f->bytes = bytes;
	if (f->ticket)
		park_resume(f->park, f->ticket);
	pthread_mutex_unlock(&f->lock);
	curl_easy_cleanup(c);
	drop(f);
	atomic_fetch_sub(&running, 1);
	return NULL;
}

void fetch_start(struct fetch *f, struct park *park, struct park_ticket *ticket)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_mutex_lock(&f->lock);
	f->refs++;
	f->park = park;
	f->ticket = ticket;
	pthread_mutex_unlock(&f->lock);
	atomic_fetch_add(&running, 1);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attr, fetch_main, f)) {
		atomic_fetch_sub(&running, 1);
		park_resume(park, ticket);
		drop(f);
	}
	pthread_attr_destroy(&attr);
}

bool fetch_result(struct fetch *f, const GByteArray **ret_bytes, const char **ret_type,
		  const char **ret_name)
{
	bool ok;

	pthread_mutex_lock(&f->lock);
	ok = f->ok;
	if (ok) {
		*ret_bytes = f->bytes;
		*ret_type = f->type;
		*ret_name = f->name;
	}
	pthread_mutex_unlock(&f->lock);
	return ok;
}

void fetch_free(struct fetch *f)
{
	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	f->ticket = NULL;
	pthread_mutex_unlock(&f->lock);
	drop(f);
}

void fetch_join_all(void)
{
	for (int i = 0; i < 200 && atomic_load(&running); i++)
		usleep(10000);
}
