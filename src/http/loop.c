/* SPDX-License-Identifier: MIT */
#include "http/loop.h"

#include <errno.h>
#include <string.h>

#include "base/thread.h"
#include "http/loop_internal.h"
#include "http/origin.h"

#define CONNECT_TIMEOUT_MS 10000
#define LONGEST_POLL_MS 60000
#define POOL_SIZE 16L

/* the thread */

static void accept_job(struct job *job)
{
	int r = http_origin_check(job->req->url);

	if (job->req->error)
		job_report_error(job, job->req->error, job->req->why);
	else if (r == -EPROTO)
		job_report_error(job, r, "plain http is for this machine only");
	else if (r < 0)
		job_report_error(job, r, "not a URL");
	else
		job_queue(job, false);
}

static void job_cancel(struct job *job)
{
	job_abandon(job, -ECANCELED, "cancelled");
}

static void for_all(struct http_loop *loop, const GArray *ids, void (*fn)(struct job *job))
{
	for (guint i = 0; i < ids->len; i++) {
		struct job *job;

		pthread_mutex_lock(&loop->lock);
		job = g_hash_table_lookup(loop->jobs, &g_array_index(ids, uint64_t, i));
		pthread_mutex_unlock(&loop->lock);
		if (job)
			fn(job);
	}
}

static void raise_all(struct http_loop *loop, const GArray *raises)
{
	for (guint i = 0; i < raises->len; i++) {
		const struct raise *raise = &g_array_index(raises, struct raise, i);
		struct job *job;

		pthread_mutex_lock(&loop->lock);
		job = g_hash_table_lookup(loop->jobs, &raise->id);
		pthread_mutex_unlock(&loop->lock);
		if (job)
			job_raise(job, &raise->asker);
	}
}

/* NULL if there are none. */
static GArray *take_locked(GArray **notes)
{
	GArray *taken = *notes;

	if (!taken->len)
		return NULL;
	*notes = g_array_new(FALSE, FALSE, g_array_get_element_size(taken));
	return taken;
}

/* Returns false when the loop is to stop. */
static bool take_inbox(struct http_loop *loop)
{
	g_autoptr(GArray) cancels = NULL;
	g_autoptr(GArray) resumes = NULL;
	g_autoptr(GArray) raises = NULL;
	GQueue inbox;
	GList *link;
	bool stopping, ask_again;

	pthread_mutex_lock(&loop->lock);
	inbox = loop->inbox;
	g_queue_init(&loop->inbox);
	cancels = take_locked(&loop->cancels);
	resumes = take_locked(&loop->resumes);
	raises = take_locked(&loop->raises);
	ask_again = loop->ask_again;
	loop->ask_again = false;
	stopping = loop->stopping;
	pthread_mutex_unlock(&loop->lock);

	while ((link = g_queue_pop_head_link(&inbox)))
		accept_job(link->data);
	if (ask_again)
		jobs_unpark(loop);
	if (raises)
		raise_all(loop, raises);
	if (resumes)
		for_all(loop, resumes, job_resume);
	if (cancels)
		for_all(loop, cancels, job_cancel);
	return !stopping;
}

static void abandon_all(struct http_loop *loop)
{
	for (size_t lane = 0; lane < N_LANES; lane++) {
		GList *head;

		while ((head = loop->on_wire[lane].head) || (head = loop->waiting[lane].head))
			job_abandon(head->data, -ESHUTDOWN, "shutting down");
	}
}

static bool has_jobs(struct http_loop *loop)
{
	bool any;

	pthread_mutex_lock(&loop->lock);
	any = g_hash_table_size(loop->jobs) > 0;
	pthread_mutex_unlock(&loop->lock);
	return any;
}

static void *run(void *arg)
{
	struct http_loop *loop = arg;

	while (take_inbox(loop)) {
		int64_t next_ms = jobs_start(loop);
		int running;

		curl_multi_perform(loop->multi, &running);
		if (jobs_collect(loop))
			continue;
		next_ms = CLAMP(next_ms - loop_now(), 0, LONGEST_POLL_MS);
		curl_multi_poll(loop->multi, NULL, 0, (int)next_ms, NULL);
	}
	/* `done` of a reported job may submit more. */
	do {
		abandon_all(loop);
		take_inbox(loop);
	} while (has_jobs(loop));
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
	g_array_free(loop->resumes, TRUE);
	g_array_free(loop->raises, TRUE);
	g_hash_table_destroy(loop->jobs);
	http_turns_free(&loop->turns);
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
	loop->route = config->route;
	loop->connect_timeout_ms = config->connect_timeout_ms > 0 ? config->connect_timeout_ms
								  : CONNECT_TIMEOUT_MS;
	http_gate_init(&loop->gate, config->rate_per_minute, loop_gate_now(loop, loop_now()));
	pthread_mutex_init(&loop->lock, NULL);
	loop->jobs = g_hash_table_new(g_int64_hash, g_int64_equal);
	loop->cancels = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	loop->resumes = g_array_new(FALSE, FALSE, sizeof(uint64_t));
	loop->raises = g_array_new(FALSE, FALSE, sizeof(struct raise));
	loop->next_id = 1;
	loop->turns = http_turns_new();
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
	job->began_ms = loop_now();
	job->deadline_ms = job->began_ms + req->timeout_ms;
	job->moved = HTTP_MOVED_LEAST;
	job->context.from = req->from;
	pthread_mutex_lock(&loop->lock);
	id = job->id = loop->next_id++;
	g_hash_table_insert(loop->jobs, &job->id, job);
	g_queue_push_tail_link(&loop->inbox, &job->link);
	pthread_mutex_unlock(&loop->lock);
	/* The job may be freed by now. */
	curl_multi_wakeup(loop->multi);
	return id;
}

/* `ids` is a field of the loop, guarded by its lock. */
static void note_id(struct http_loop *loop, GArray **ids, uint64_t id)
{
	bool known;

	pthread_mutex_lock(&loop->lock);
	known = g_hash_table_contains(loop->jobs, &id);
	if (known)
		g_array_append_val(*ids, id);
	pthread_mutex_unlock(&loop->lock);
	if (known)
		curl_multi_wakeup(loop->multi);
}

void http_cancel(struct http_loop *loop, uint64_t id)
{
	note_id(loop, &loop->cancels, id);
}

void http_resume(struct http_loop *loop, uint64_t id)
{
	note_id(loop, &loop->resumes, id);
}

void http_raise(struct http_loop *loop, uint64_t id)
{
	struct raise raise = {.id = id, .asker = http_asker_now()};
	bool known;

	pthread_mutex_lock(&loop->lock);
	known = g_hash_table_contains(loop->jobs, &id);
	if (known)
		g_array_append_val(loop->raises, raise);
	pthread_mutex_unlock(&loop->lock);
	if (known)
		curl_multi_wakeup(loop->multi);
}

void http_ask_again(struct http_loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	loop->ask_again = true;
	pthread_mutex_unlock(&loop->lock);
	curl_multi_wakeup(loop->multi);
}

static bool take_back(struct http_loop *loop, uint64_t id, enum job_phase last)
{
	struct job *job;
	bool withdrawn;

	pthread_mutex_lock(&loop->lock);
	job = g_hash_table_lookup(loop->jobs, &id);
	withdrawn = job && job->phase <= last;
	if (withdrawn) {
		job->phase = JOB_WITHDRAWN;
		g_array_append_val(loop->cancels, id);
	}
	pthread_mutex_unlock(&loop->lock);
	if (withdrawn)
		curl_multi_wakeup(loop->multi);
	return withdrawn;
}

bool http_withdraw(struct http_loop *loop, uint64_t id)
{
	return take_back(loop, id, JOB_UNSENT);
}

bool http_cut(struct http_loop *loop, uint64_t id)
{
	return take_back(loop, id, JOB_PARTLY);
}

void http_loop_stats(struct http_loop *loop, struct http_stats *ret_stats)
{
	int64_t now = loop_now(), passed_ms;

	pthread_mutex_lock(&loop->lock);
	*ret_stats = loop->stats;
	passed_ms = now - loop->noted_ms;
	pthread_mutex_unlock(&loop->lock);
	ret_stats->turn_ms = MAX(ret_stats->turn_ms - passed_ms, 0);
	ret_stats->shut_ms = MAX(ret_stats->shut_ms - passed_ms, 0);
}

int64_t http_loop_held_ms(struct http_loop *loop)
{
	int64_t held_ms, now = loop_now();

	pthread_mutex_lock(&loop->lock);
	held_ms = loop->held_ms + (loop->is_held ? MAX(now - loop->noted_ms, 0) : 0);
	pthread_mutex_unlock(&loop->lock);
	return held_ms;
}
