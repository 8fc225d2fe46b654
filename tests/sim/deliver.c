/* SPDX-License-Identifier: MIT */
#include "deliver.h"

#include "webhooks.h"

#include <curl/curl.h>
#include <pthread.h>
#include <string.h>

#define QUEUE_MAX 100000

struct delivery {
	struct uuid hook;
	char *url, *body, *signature;
};

struct hooks {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	/* Under lock. */
	GQueue queue; /* struct delivery */
	GArray *outcomes;
	bool stopping;
};

static void delivery_free(struct delivery *d)
{
	g_free(d->url);
	g_free(d->body);
	g_free(d->signature);
	g_free(d);
}

static size_t discard(char *data, size_t size, size_t n, void *arg)
{
	(void)data;
	(void)arg;
	return size * n;
}

static int stop_early(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct hooks *hooks = arg;
	int stop;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	pthread_mutex_lock(&hooks->lock);
	stop = hooks->stopping;
	pthread_mutex_unlock(&hooks->lock);
	return stop;
}

static bool deliver(struct hooks *hooks, CURL *c, const struct delivery *d)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
	char *sig = NULL;
	long status = 0;

	headers = curl_slist_append(headers, "Expect:");
	if (d->signature) {
		sig = g_strconcat("X-Spark-Signature: ", d->signature, NULL);
		headers = curl_slist_append(headers, sig);
	}
	curl_easy_reset(c);
	curl_easy_setopt(c, CURLOPT_URL, d->url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_POSTFIELDS, d->body);
	curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "webexsim-webhooks");
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, discard);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, 5L);
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, stop_early);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, hooks);
	if (curl_easy_perform(c) == CURLE_OK)
		curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(headers);
	g_free(sig);
	return status >= 200 && status < 300;
}

static void *hooks_main(void *arg)
{
	struct hooks *hooks = arg;
	CURL *c = curl_easy_init();

	pthread_mutex_lock(&hooks->lock);
	for (;;) {
		struct outcome out;
		struct delivery *d;

		while (!hooks->stopping && !hooks->queue.length)
			pthread_cond_wait(&hooks->wake, &hooks->lock);
		if (hooks->stopping)
			break;
		d = g_queue_pop_head(&hooks->queue);
		pthread_mutex_unlock(&hooks->lock);
		out.hook = d->hook;
		out.ok = deliver(hooks, c, d);
		delivery_free(d);
		pthread_mutex_lock(&hooks->lock);
		g_array_append_val(hooks->outcomes, out);
	}
	pthread_mutex_unlock(&hooks->lock);
	curl_easy_cleanup(c);
	return NULL;
}

struct hooks *hooks_new(void)
{
	struct hooks *hooks = g_new0(struct hooks, 1);

	pthread_mutex_init(&hooks->lock, NULL);
	pthread_cond_init(&hooks->wake, NULL);
	g_queue_init(&hooks->queue);
	hooks->outcomes = g_array_new(FALSE, FALSE, sizeof(struct outcome));
	if (pthread_create(&hooks->thread, NULL, hooks_main, hooks))
		g_error("webexsim: cannot start the webhook thread");
	return hooks;
}

void hooks_stop(struct hooks *hooks)
{
	pthread_mutex_lock(&hooks->lock);
	hooks->stopping = true;
	pthread_cond_signal(&hooks->wake);
	pthread_mutex_unlock(&hooks->lock);
	pthread_join(hooks->thread, NULL);
}

void hooks_push(struct hooks *hooks, const struct uuid *hook, const char *url, const char *body,
		const char *secret)
{
	struct delivery *d = g_new0(struct delivery, 1);

	d->hook = *hook;
	d->url = g_strdup(url);
	d->body = g_strdup(body);
	if (secret && *secret)
		d->signature = g_compute_hmac_for_string(
			G_CHECKSUM_SHA1, (const guchar *)secret, strlen(secret), body, -1);
	pthread_mutex_lock(&hooks->lock);
	if (hooks->queue.length < QUEUE_MAX)
		g_queue_push_tail(&hooks->queue, d);
	else
		delivery_free(d);
	pthread_cond_signal(&hooks->wake);
	pthread_mutex_unlock(&hooks->lock);
}

GArray *hooks_outcomes(struct hooks *hooks)
{
	GArray *ret = NULL;

	pthread_mutex_lock(&hooks->lock);
	if (hooks->outcomes->len) {
		ret = hooks->outcomes;
		hooks->outcomes = g_array_new(FALSE, FALSE, sizeof(struct outcome));
	}
	pthread_mutex_unlock(&hooks->lock);
	return ret;
}
