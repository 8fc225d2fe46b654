/* SPDX-License-Identifier: MIT */
/*
 * A job is in one place at a time: in the inbox (linked by http_submit), in a lane's waiting
 * list, or on the wire. Only the I/O thread moves and frees it:
 *
 *	inbox -take_inbox-> waiting -start_job-> on the wire -end_try-> report
 *	                       ^                                 |
 *	                       +-------- try_again --------------+
 *
 * Its phase says what http_withdraw may still promise. UNSENT becomes SENT in may_send, right
 * before the first byte, or WITHDRAWN in http_withdraw: whoever has the lock first wins. It
 * becomes UNSENT again when a try provably had no effect and the next one waits.
 */
#include "http/loop.h"

#include <curl/curl.h>
#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "http/gate.h"
#include "http/loop_internal.h"
#include "http/origin.h"
#include "http/retry.h"
#include "http/try.h"

#define CONNECT_TIMEOUT_MS 10000
#define LONGEST_POLL_MS 60000
#define POOL_SIZE 16L
#define N_LANES 3

enum job_phase { JOB_UNSENT, JOB_SENT, JOB_WITHDRAWN };

struct job {
	GList link; /* in the list of its place */
	struct http_loop *loop;
	struct http_request *req; /* owned */
	uint64_t id;
	enum job_phase phase; /* lock; all else belongs to the I/O thread once it took it */
	int64_t deadline_ms;
	int64_t not_before_ms;
	struct http_try_context context;
	struct http_try *current;   /* on the wire; owned */
	struct http_response *last; /* of the try before; owned */
	struct http_history history;
	bool applied; /* some try may have taken effect */
	bool fresh;   /* the next try: not on a kept-alive connection */
};

struct http_loop {
	pthread_t thread; /* owner's thread */
	CURLM *multi;	  /* I/O thread; curl_multi_wakeup from any */
	char *user_agent;
	char **origins;
	int connect_timeout_ms;
	int second_ms;

	struct http_gate gate;	 /* I/O thread */
	GQueue waiting[N_LANES]; /* I/O thread */
	GQueue on_wire[N_LANES]; /* I/O thread */

	pthread_mutex_t lock;
	GHashTable *jobs;	 /* lock; &job->id to job, until it is reported */
	GQueue inbox;		 /* lock */
	GArray *cancels;	 /* lock; of uint64_t */
	uint64_t next_id;	 /* lock */
	bool stopping;		 /* lock */
	struct http_stats stats; /* lock */
};

static int64_t now_ms(void)
{
	return clock_mono(clock_system());
}

static int64_t scaled_ms(const struct http_loop *loop, int64_t ms)
{
	return ms * loop->second_ms / 1000;
}

/* The gate's time runs faster when seconds are shorter. */
static int64_t gate_ms(const struct http_loop *loop, int64_t now)
{
	return now * 1000 / loop->second_ms;
}

static uint32_t random_bits(void)
{
	uint32_t bits = 0;

	if (getrandom(&bits, sizeof(bits), GRND_NONBLOCK) != sizeof(bits))
		bits = (uint32_t)now_ms() * 2654435761u;
	return bits;
}

/* report */

static void job_free(struct job *job)
{
	http_try_free(job->current);
	http_response_free(job->last);
	http_request_free(job->req);
	g_free(job);
}

static void log_outcome(const struct job *job, const struct http_response *resp)
{
	static const char *const words[] = {"GET", "HEAD", "POST", "PUT", "DELETE"};

	log_debug("http", "%s %s: %s, %d tries, tracking id %s", words[job->req->method],
		  job->req->url, resp->detail ? resp->detail : "?", resp->attempts,
		  resp->tracking_id ? resp->tracking_id : "none");
}

/* `job` is in no list any more. Adopts both. */
static void report(struct job *job, struct http_response *resp)
{
	struct http_loop *loop = job->loop;
	bool withdrawn;

	resp->attempts = job->history.tries;
	resp->may_have_applied |= job->applied;
	pthread_mutex_lock(&loop->lock);
	g_hash_table_remove(loop->jobs, &job->id);
	withdrawn = job->phase == JOB_WITHDRAWN;
	if (resp->error != 0 || resp->status >= 500)
		loop->stats.failures++;
	pthread_mutex_unlock(&loop->lock);
	if (withdrawn && resp->error != -ESHUTDOWN) {
		resp->error = -ECANCELED;
		resp->may_have_applied = false;
	}
	log_outcome(job, resp);
	job->req->done(job->req->arg, resp);
	job_free(job);
}

static void report_error(struct job *job, int error, const char *words)
{
	struct http_response *resp = g_new0(struct http_response, 1);

	resp->error = error;
	resp->content_length = -1;
	resp->detail = g_strdup(words);
	report(job, resp);
}

/* No further try fits: what the one before said is more than nothing. */
static void report_late(struct job *job, int error, const char *words)
{
	if (job->last)
		report(job, g_steal_pointer(&job->last));
	else
		report_error(job, error, words);
}

/* tries */

static bool may_send(void *arg)
{
	struct job *job = arg;
	bool may;

	pthread_mutex_lock(&job->loop->lock);
	may = job->phase != JOB_WITHDRAWN;
	if (may)
		job->phase = JOB_SENT;
	pthread_mutex_unlock(&job->loop->lock);
	return may;
}

static void run_handle(struct job *job, int64_t now)
{
	http_try_set_timeout(job->current, job->deadline_ms - now);
	curl_multi_add_handle(job->loop->multi, http_try_handle(job->current, job));
}

static void start_job(struct job *job, int64_t now)
{
	struct http_loop *loop = job->loop;

	g_queue_unlink(&loop->waiting[job->req->lane], &job->link);
	job->context = (struct http_try_context){
		.user_agent = loop->user_agent,
		.origins = loop->origins,
		.connect_timeout_ms = loop->connect_timeout_ms,
		.may_send = may_send,
		.arg = job,
	};
	job->current = http_try_new(job->req, &job->context, job->fresh);
	if (!job->current) {
		report_error(job, -ENOMEM, "no memory for a transfer");
		return;
	}
	job->history.tries++;
	g_queue_push_tail_link(&loop->on_wire[job->req->lane], &job->link);
	run_handle(job, now);
}

static void count_try(struct http_loop *loop, CURL *easy, const struct http_outcome *outcome)
{
	curl_off_t in = 0, out = 0;
	long headers_in = 0, request_out = 0;

	curl_easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &in);
	curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &out);
	curl_easy_getinfo(easy, CURLINFO_HEADER_SIZE, &headers_in);
	curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &request_out);
	pthread_mutex_lock(&loop->lock);
	loop->stats.requests++;
	loop->stats.limited += outcome->status == 429;
	loop->stats.bytes_in += (uint64_t)(in + headers_in);
	loop->stats.bytes_out += (uint64_t)(out + request_out);
	if (outcome->status != 0)
		loop->stats.last_answer_mono_ms = now_ms();
	pthread_mutex_unlock(&loop->lock);
}

static void tell_gate(struct http_loop *loop, const struct http_outcome *outcome)
{
	if (outcome->error != 0)
		return;
	if (outcome->status == 429)
		http_gate_limited(&loop->gate, outcome->retry_after_s, gate_ms(loop, now_ms()));
	else if (outcome->status / 100 == 2)
		http_gate_succeeded(&loop->gate, gate_ms(loop, now_ms()));
}

/* Takes the job off the wire. Its handle is in the multi no more. */
static struct http_response *end_try(struct job *job, CURLcode code,
				     struct http_outcome *ret_outcome)
{
	struct http_loop *loop = job->loop;
	struct http_outcome outcome;
	struct http_response *resp;

	g_queue_unlink(&loop->on_wire[job->req->lane], &job->link);
	resp = http_try_finish(job->current, code, &outcome);
	count_try(loop, http_try_handle(job->current, NULL), &outcome);
	tell_gate(loop, &outcome);
	http_try_free(g_steal_pointer(&job->current));

	job->applied |= outcome.may_have_applied;
	job->history.reached |= outcome.reached;
	job->history.server_errors += outcome.error == 0 && outcome.status == 500;
	*ret_outcome = outcome;
	return resp;
}

static void try_again(struct job *job, struct http_response *resp, int64_t not_before_ms,
		      bool fresh)
{
	struct http_loop *loop = job->loop;

	http_response_free(job->last);
	job->last = resp;
	job->not_before_ms = not_before_ms;
	job->fresh = fresh;
	pthread_mutex_lock(&loop->lock);
	if (job->phase == JOB_SENT && !job->applied)
		job->phase = JOB_UNSENT;
	pthread_mutex_unlock(&loop->lock);
	/* It has waited longest. */
	g_queue_push_head_link(&loop->waiting[job->req->lane], &job->link);
}

static void on_try_done(struct job *job, CURLcode code)
{
	struct http_loop *loop = job->loop;
	struct http_outcome outcome;
	struct http_response *resp;
	int64_t wait_ms, now = now_ms();

	if (http_try_follow(job->current, &code)) {
		run_handle(job, now);
		return;
	}
	resp = end_try(job, code, &outcome);
	wait_ms = http_retry_wait_ms(job->req->repeat, &outcome, &job->history, random_bits());
	if (wait_ms >= 0)
		wait_ms = scaled_ms(loop, wait_ms);
	if (wait_ms < 0 || now + wait_ms >= job->deadline_ms)
		report(job, resp);
	else
		try_again(job, resp, now + wait_ms, outcome.error != 0 && outcome.reached);
}

static bool collect_done(struct http_loop *loop)
{
	bool any = false;
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(loop->multi, &left))) {
		CURL *easy = message->easy_handle;
		CURLcode code = message->data.result;
		char *owner = NULL;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_PRIVATE, &owner);
		curl_multi_remove_handle(loop->multi, easy);
		on_try_done((struct job *)(void *)owner, code);
		any = true;
	}
	return any;
}

/* Whatever place but the inbox the job is in. */
static void abandon(struct job *job, int error, const char *words)
{
	struct http_loop *loop = job->loop;
	struct http_outcome outcome;
	struct http_response *resp;

	if (!job->current) {
		g_queue_unlink(&loop->waiting[job->req->lane], &job->link);
		report_error(job, error, words);
		return;
	}
	curl_multi_remove_handle(loop->multi, http_try_handle(job->current, job));
	resp = end_try(job, CURLE_ABORTED_BY_CALLBACK, &outcome);
	resp->error = error;
	g_free(resp->detail);
	resp->detail = g_strdup(words);
	report(job, resp);
}

/* the waiting lanes */

static int lane_limit(size_t lane)
{
	static const int limits[N_LANES] = {
		[HTTP_LANE_READ] = HTTP_MAX_READS,
		[HTTP_LANE_WRITE] = HTTP_MAX_WRITES,
		[HTTP_LANE_BACKGROUND] = HTTP_MAX_BACKGROUND,
	};

	return limits[lane];
}

/* Ends what cannot be begun before its deadline; *next_ms becomes the earliest deadline. */
static void expire_waiting(struct http_loop *loop, int64_t now, int64_t *next_ms)
{
	int64_t gate_now = gate_ms(loop, now);
	int64_t shut_ms = now + scaled_ms(loop, loop->gate.shut_until_ms - gate_now);

	for (size_t lane = 0; lane < N_LANES; lane++) {
		GList *next;

		for (GList *l = loop->waiting[lane].head; l; l = next) {
			struct job *job = l->data;

			next = l->next;
			*next_ms = MIN(*next_ms, job->deadline_ms);
			if (now < job->deadline_ms && shut_ms < job->deadline_ms)
				continue;
			g_queue_unlink(&loop->waiting[lane], l);
			if (now >= job->deadline_ms)
				report_late(job, -ETIMEDOUT, "timed out before it was sent");
			else
				report_late(job, -EBUSY,
					    "rate limited for longer than this may wait");
		}
	}
}

static void start_lane(struct http_loop *loop, size_t lane, int64_t now, int64_t *next_ms)
{
	GList *next;

	for (GList *l = loop->waiting[lane].head; l; l = next) {
		struct job *job = l->data;
		int64_t wait_ms;

		next = l->next;
		if ((int)loop->on_wire[lane].length >= lane_limit(lane))
			return;
		if (job->not_before_ms > now) {
			*next_ms = MIN(*next_ms, job->not_before_ms);
			continue;
		}
		wait_ms = http_gate_take(&loop->gate, lane == HTTP_LANE_BACKGROUND,
					 gate_ms(loop, now));
		if (wait_ms > 0) {
			*next_ms = MIN(*next_ms, now + scaled_ms(loop, wait_ms) + 1);
			return;
		}
		start_job(job, now);
	}
}

/* Returns the time at which there may be more to start. */
static int64_t start_waiting(struct http_loop *loop)
{
	static const enum http_lane order[] = {HTTP_LANE_WRITE, HTTP_LANE_READ,
					       HTTP_LANE_BACKGROUND};
	int64_t now = now_ms(), next_ms = INT64_MAX;
	int on_wire = 0, waiting = 0;

	expire_waiting(loop, now, &next_ms);
	for (size_t i = 0; i < G_N_ELEMENTS(order); i++)
		start_lane(loop, order[i], now, &next_ms);

	for (size_t lane = 0; lane < N_LANES; lane++) {
		on_wire += (int)loop->on_wire[lane].length;
		waiting += (int)loop->waiting[lane].length;
	}
	pthread_mutex_lock(&loop->lock);
	loop->stats.on_wire = on_wire;
	loop->stats.waiting = waiting;
	loop->stats.rate_now_per_minute = (int)(loop->gate.rate * 60);
	pthread_mutex_unlock(&loop->lock);
	return next_ms;
}

/* the thread */

static bool is_printable(const char *secret)
{
	for (; *secret; secret++) {
		if ((unsigned char)*secret <= 0x20 || *secret == 0x7F)
			return false;
	}
	return true;
}

static void accept_job(struct job *job)
{
	int r = http_origin_check(job->req->url);

	if (r == -EPROTO)
		report_error(job, r, "plain http is for this machine only");
	else if (r < 0)
		report_error(job, r, "not a URL");
	else if (job->req->bearer && !is_printable(job->req->bearer))
		report_error(job, -EINVAL, "the token has spaces or control characters");
	else
		g_queue_push_tail_link(&job->loop->waiting[job->req->lane], &job->link);
}

static void cancel_all(struct http_loop *loop, const GArray *ids)
{
	for (guint i = 0; i < ids->len; i++) {
		struct job *job;

		pthread_mutex_lock(&loop->lock);
		job = g_hash_table_lookup(loop->jobs, &g_array_index(ids, uint64_t, i));
		pthread_mutex_unlock(&loop->lock);
		if (job)
			abandon(job, -ECANCELED, "cancelled");
	}
}

/* Returns false when the loop is to stop. */
static bool take_inbox(struct http_loop *loop)
{
	GArray *cancels = NULL;
	GQueue inbox;
	GList *link;
	bool stopping;

	pthread_mutex_lock(&loop->lock);
	inbox = loop->inbox;
	g_queue_init(&loop->inbox);
	if (loop->cancels->len > 0) {
		cancels = loop->cancels;
		loop->cancels = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	}
	stopping = loop->stopping;
	pthread_mutex_unlock(&loop->lock);

	while ((link = g_queue_pop_head_link(&inbox)))
		accept_job(link->data);
	if (cancels) {
		cancel_all(loop, cancels);
		g_array_free(cancels, TRUE);
	}
	return !stopping;
}

static bool abandon_all(struct http_loop *loop)
{
	bool any = false;

	for (size_t lane = 0; lane < N_LANES; lane++) {
		GList *head;

		while ((head = loop->on_wire[lane].head) || (head = loop->waiting[lane].head)) {
			abandon(head->data, -ESHUTDOWN, "shutting down");
			any = true;
		}
	}
	return any;
}

static void *run(void *arg)
{
	struct http_loop *loop = arg;

	while (take_inbox(loop)) {
		int64_t next_ms = start_waiting(loop);
		int running;

		curl_multi_perform(loop->multi, &running);
		if (collect_done(loop))
			continue;
		next_ms = CLAMP(next_ms - now_ms(), 0, LONGEST_POLL_MS);
		curl_multi_poll(loop->multi, NULL, 0, (int)next_ms, NULL);
	}
	/* What is reported may submit more. */
	while (abandon_all(loop))
		take_inbox(loop);
	return NULL;
}

/* for the other threads */

static void init_curl(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void loop_free(struct http_loop *loop)
{
	curl_multi_cleanup(loop->multi);
	g_array_free(loop->cancels, TRUE);
	g_hash_table_destroy(loop->jobs);
	pthread_mutex_destroy(&loop->lock);
	g_strfreev(loop->origins);
	g_free(loop->user_agent);
	g_free(loop);
}

static char **copy_origins(const char *const *urls)
{
	GPtrArray *origins = g_ptr_array_new();

	for (; urls && *urls; urls++) {
		char *origin = http_origin(*urls);

		if (origin)
			g_ptr_array_add(origins, origin);
	}
	g_ptr_array_add(origins, NULL);
	return (char **)g_ptr_array_free(origins, FALSE);
}

int http_loop_start_scaled(const struct http_config *config, int second_ms,
			   struct http_loop **ret_loop)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct http_loop *loop;
	int r;

	pthread_once(&once, init_curl);
	loop = g_new0(struct http_loop, 1);
	loop->second_ms = second_ms;
	loop->user_agent = g_strdup(config->user_agent);
	loop->origins = copy_origins(config->origins);
	loop->connect_timeout_ms = config->connect_timeout_ms > 0 ? config->connect_timeout_ms
								  : CONNECT_TIMEOUT_MS;
	http_gate_init(&loop->gate, config->rate_per_minute, gate_ms(loop, now_ms()));
	pthread_mutex_init(&loop->lock, NULL);
	loop->jobs = g_hash_table_new(g_int64_hash, g_int64_equal);
	loop->cancels = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	loop->next_id = 1;
	loop->multi = curl_multi_init();
	if (!loop->multi) {
		loop_free(loop);
		return -ENOMEM;
	}
	curl_multi_setopt(loop->multi, CURLMOPT_MAXCONNECTS, POOL_SIZE);

	r = thread_start("sparkfs-http", run, loop, &loop->thread);
	if (r < 0) {
		loop_free(loop);
		return r;
	}
	*ret_loop = loop;
	return 0;
}

int http_loop_start(const struct http_config *config, struct http_loop **ret_loop)
{
	return http_loop_start_scaled(config, 1000, ret_loop);
}

void http_loop_stop(struct http_loop **loop_ptr)
{
	struct http_loop *loop = *loop_ptr;

	if (!loop)
		return;
	pthread_mutex_lock(&loop->lock);
	loop->stopping = true;
	pthread_mutex_unlock(&loop->lock);
	curl_multi_wakeup(loop->multi);
	pthread_join(loop->thread, NULL);
	loop_free(loop);
	*loop_ptr = NULL;
}

uint64_t http_submit(struct http_loop *loop, struct http_request *req)
{
	struct job *job = g_new0(struct job, 1);
	uint64_t id;

	job->link.data = job;
	job->loop = loop;
	job->req = req;
	job->deadline_ms = now_ms() + req->timeout_ms;
	pthread_mutex_lock(&loop->lock);
	id = job->id = loop->next_id++;
	g_hash_table_insert(loop->jobs, &job->id, job);
	g_queue_push_tail_link(&loop->inbox, &job->link);
	pthread_mutex_unlock(&loop->lock);
	/* The job may be gone by now. */
	curl_multi_wakeup(loop->multi);
	return id;
}

void http_cancel(struct http_loop *loop, uint64_t id)
{
	bool known;

	pthread_mutex_lock(&loop->lock);
	known = g_hash_table_contains(loop->jobs, &id);
	if (known)
		g_array_append_val(loop->cancels, id);
	pthread_mutex_unlock(&loop->lock);
	if (known)
		curl_multi_wakeup(loop->multi);
}

bool http_withdraw(struct http_loop *loop, uint64_t id)
{
	struct job *job;
	bool withdrawn;

	pthread_mutex_lock(&loop->lock);
	job = g_hash_table_lookup(loop->jobs, &id);
	withdrawn = job && job->phase == JOB_UNSENT;
	if (withdrawn) {
		job->phase = JOB_WITHDRAWN;
		g_array_append_val(loop->cancels, id);
	}
	pthread_mutex_unlock(&loop->lock);
	if (withdrawn)
		curl_multi_wakeup(loop->multi);
	return withdrawn;
}

void http_loop_stats(struct http_loop *loop, struct http_stats *ret_stats)
{
	pthread_mutex_lock(&loop->lock);
	*ret_stats = loop->stats;
	pthread_mutex_unlock(&loop->lock);
}
