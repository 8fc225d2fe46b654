/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/log.h"
#include "http/loop_internal.h"

static uint32_t random_bits(void)
{
	uint32_t bits = 0;

	if (getrandom(&bits, sizeof(bits), GRND_NONBLOCK) != sizeof(bits))
		bits = (uint32_t)loop_now() * 2654435761u;
	return bits;
}

/* The deadline of a transfer that its taker paused. */
#define NEVER_MS (INT64_MAX / 2)

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
	static const char *const words[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"};

	log_debug("http", "%s %s: %s, %d tries, tracking id %s", words[job->req->method],
		  job->req->url, resp->detail ? resp->detail : "?", resp->attempts,
		  resp->tracking_id ? resp->tracking_id : "none");
}

/* `job` is in no list any more. Adopts both. */
static void report(struct job *job, struct http_response *resp)
{
	struct http_loop *loop = job->loop;
	bool withdrawn;

	resp->attempts = job->tries_before + job->history.tries;
	resp->held_ms = job->held_ms;
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

static void make_error(struct http_response *resp, int error, const char *words)
{
	http_response_drop_body(resp);
	resp->error = error;
	g_free(resp->detail);
	resp->detail = g_strdup(words);
}

void job_report_error(struct job *job, int error, const char *words)
{
	struct http_response *resp;

	if (job->is_refused) {
		resp = g_steal_pointer(&job->last);
	} else {
		resp = g_new0(struct http_response, 1);
		resp->content_length = -1;
	}
	make_error(resp, error, words);
	report(job, resp);
}

void job_report_late(struct job *job, int error, const char *words)
{
	if (job->last && !job->is_refused)
		report(job, g_steal_pointer(&job->last));
	else
		job_report_error(job, error, words);
}

/* the bearer */

static bool is_printable(const char *secret)
{
	for (; *secret; secret++) {
		if ((unsigned char)*secret <= 0x20 || *secret == 0x7F)
			return false;
	}
	return true;
}

void job_excuse(struct job *job, int64_t ms)
{
	job->deadline_ms += ms;
	if (job->reach_until_ms)
		job->reach_until_ms += ms;
	job->held_ms += ms;
}

void job_queue(struct job *job, bool at_front)
{
	GQueue *waiting = &job->loop->waiting[job->req->lane];

	job->queued_ms = loop_now();
	if (at_front)
		g_queue_push_head_link(waiting, &job->link);
	else
		g_queue_push_tail_link(waiting, &job->link);
}

void job_end_waiting(struct job *job)
{
	g_queue_unlink(&job->loop->waiting[job->req->lane], &job->link);
}

/* Adopts `bearer` for the next try. A 401 was for another one. */
static void take_bearer(struct job *job, char *bearer)
{
	http_request_set_bearer(job->req, bearer);
	if (job->is_refused)
		g_clear_pointer(&job->last, http_response_free);
	job->is_refused = false;
}

bool job_authorize(struct job *job)
{
	const struct http_request *req = job->req;
	struct http_grant grant = {.bearer = NULL};
	enum http_auth auth = HTTP_AUTH_GIVEN;

	if (req->authorize)
		auth = req->authorize(req->arg, job->is_refused, &grant);
	if (auth == HTTP_AUTH_WAIT) {
		job->is_parked = true;
		return false;
	}
	if (auth == HTTP_AUTH_GIVEN) {
		if (req->authorize)
			take_bearer(job, grant.bearer);
		if (!req->bearer || is_printable(req->bearer))
			return true;
		grant.error = -EINVAL;
		grant.why = "the token has spaces or control characters";
	}
	job_end_waiting(job);
	if (grant.error)
		job_report_error(job, grant.error, grant.why);
	else if (job->is_refused)
		report(job, g_steal_pointer(&job->last));
	else
		job_report_error(job, -EACCES, "there is no bearer");
	return false;
}

/* tries */

/* True for a request with a file, whose last bytes may_end hands over. */
static bool sends_file(const struct http_request *req)
{
	for (size_t i = 0; i < req->n_parts; i++)
		if (!req->parts[i].value && req->parts[i].size > 0)
			return true;
	return false;
}

static bool may_send(void *arg)
{
	struct job *job = arg;
	bool may;

	pthread_mutex_lock(&job->loop->lock);
	may = job->phase != JOB_WITHDRAWN;
	if (job->phase == JOB_UNSENT)
		job->phase = sends_file(job->req) ? JOB_PARTLY : JOB_WHOLE;
	pthread_mutex_unlock(&job->loop->lock);
	return may;
}

static bool may_end(void *arg)
{
	struct job *job = arg;
	bool may;

	pthread_mutex_lock(&job->loop->lock);
	may = job->phase != JOB_WITHDRAWN;
	if (may)
		job->phase = JOB_WHOLE;
	pthread_mutex_unlock(&job->loop->lock);
	return may;
}

/* A piece of a taken body came, or its taker paused it. */
static void moved(void *arg, bool is_paused, size_t len)
{
	struct job *job = arg;
	bool was_paused = job->is_paused;

	if (is_paused != job->is_paused) {
		job->is_paused = is_paused;
		if (is_paused)
			job->loop->paused[job->req->lane]++;
		else
			job->loop->paused[job->req->lane]--;
	}
	job->moved += len;
	if (!is_paused && !was_paused && job->moved < HTTP_MOVED_LEAST)
		return;
	job->moved = 0;
	job->deadline_ms = is_paused ? NEVER_MS : loop_now() + job->req->timeout_ms;
}

void job_resume(struct job *job)
{
	if (!job->is_paused)
		return;
	moved(job, false, 0);
	/* This may call the taker, which may pause the transfer again. */
	curl_easy_pause(http_try_handle(job->current, job), CURLPAUSE_CONT);
}

void job_raise(struct job *job, const struct http_asker *asker)
{
	struct http_loop *loop = job->loop;
	enum http_lane old = job->req->lane;
	GQueue *from = job->current ? &loop->on_wire[old] : &loop->waiting[old];

	if (old != HTTP_LANE_BACKGROUND)
		return;
	g_queue_unlink(from, &job->link);
	job->req->lane = HTTP_LANE_READ;
	job->req->asker = *asker;
	if (job->is_paused) {
		loop->paused[old]--;
		loop->paused[HTTP_LANE_READ]++;
	}
	if (job->current) {
		g_queue_push_tail_link(&loop->on_wire[HTTP_LANE_READ], &job->link);
		return;
	}
	/* The time that it waited while nobody did is not that of those who do now. */
	job->began_ms = loop_now();
	job->deadline_ms = job->began_ms + job->req->timeout_ms;
	job->reach_until_ms = 0;
	job_queue(job, false);
}

static void run_handle(struct job *job, int64_t now)
{
	http_try_set_timeout(job->current, job->deadline_ms - now);
	curl_multi_add_handle(job->loop->multi, http_try_handle(job->current, job));
}

void job_start(struct job *job, int64_t now)
{
	struct http_loop *loop = job->loop;

	job_end_waiting(job);
	if (!job->reach_until_ms)
		job->reach_until_ms = job->req->reach_ms ? now + job->req->reach_ms : NEVER_MS;
	job->context = (struct http_try_context){
		.user_agent = loop->user_agent,
		.origins = loop->origins,
		.route = loop->route,
		.connect_timeout_ms =
			(int)CLAMP(job->reach_until_ms - now, 1, loop->connect_timeout_ms),
		.may_send = may_send,
		.may_end = may_end,
		.moved = moved,
		.from = job->context.from,
		.arg = job,
	};
	job->current = http_try_new(job->req, &job->context, job->fresh);
	if (!job->current) {
		job_report_error(job, -ENOMEM, "no memory for a transfer");
		return;
	}
	job->history.asks_much = job->req->asks_much;
	job->history.locked_max_ms = job->req->locked_max_ms;
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
		loop->stats.last_answer_mono_ms = loop_now();
	pthread_mutex_unlock(&loop->lock);
}

static void tell_gate(struct http_loop *loop, const struct http_outcome *outcome)
{
	if (outcome->error != 0)
		return;
	if (outcome->status != 429)
		loop->limited_from_ms = 0;
	else if (!loop->limited_from_ms)
		loop->limited_from_ms = loop_now();
	if (outcome->status == 429)
		http_gate_limited(&loop->gate, outcome->retry_after_s,
				  loop_gate_now(loop, loop_now()));
	else if (outcome->status / 100 == 2)
		http_gate_succeeded(&loop->gate, loop_gate_now(loop, loop_now()));
}

/* The next try goes on where this one broke. If this one brought something new, the next one
 * counts as the first. */
static void note_place(struct job *job, const struct http_response *resp)
{
	if (!job->req->take || resp->status / 100 != 2)
		return;
	job->context.from =
		resp->is_packed ? job->req->from : MAX(resp->position, job->req->from);
	if (resp->position < MAX(job->furthest, job->req->from) + HTTP_MOVED_LEAST)
		return;
	job->furthest = resp->position;
	job->tries_before += job->history.tries - 1;
	job->history.tries = 1;
	job->history.server_errors = 0;
}

/* True if the file's last bytes were not even handed over: nobody has the whole request. */
static bool was_cut(struct job *job, const struct http_outcome *outcome)
{
	bool is_part;

	pthread_mutex_lock(&job->loop->lock);
	is_part = job->phase == JOB_PARTLY;
	pthread_mutex_unlock(&job->loop->lock);
	return is_part && outcome->error != 0;
}

/* Takes the job off the wire and its handle out of the multi. */
static struct http_response *end_try(struct job *job, CURLcode code,
				     struct http_outcome *ret_outcome)
{
	struct http_loop *loop = job->loop;
	struct http_outcome outcome;
	struct http_response *resp;

	if (job->is_paused)
		moved(job, false, 0);
	g_queue_unlink(&loop->on_wire[job->req->lane], &job->link);
	resp = http_try_finish(job->current, code, &outcome);
	count_try(loop, http_try_handle(job->current, NULL), &outcome);
	tell_gate(loop, &outcome);
	note_place(job, resp);
	http_try_free(g_steal_pointer(&job->current));

	/* It is not repeated for that: what ended it may do so again. */
	if (was_cut(job, &outcome))
		resp->may_have_applied = false;
	job->applied |= resp->may_have_applied;
	job->history.reached |= outcome.reached;
	if (outcome.reached)
		job->reach_until_ms = 0;
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
	if (job->phase != JOB_WITHDRAWN)
		job->phase = job->applied ? JOB_WHOLE : JOB_UNSENT;
	pthread_mutex_unlock(&loop->lock);
	/* The job has waited longest, so it goes to the front. */
	job_queue(job, true);
}

/* Puts the job, which was answered by 401, back to wait for another bearer. */
static void try_another_bearer(struct job *job, struct http_response *resp)
{
	job->is_refused = job->was_refused = true;
	job->history.tries--;
	job->tries_before++;
	try_again(job, resp, 0, false);
	job_authorize(job);
}

/* True if the deadline moves by the wait, because the server has said how long it takes. */
static bool is_excused(const struct job *job, const struct http_outcome *outcome,
		       int64_t wait_ms)
{
	if (outcome->error)
		return false;
	return outcome->status == 429	? wait_ms < job->req->timeout_ms
	       : outcome->status == 423 ? job->req->locked_max_ms != 0
					: false;
}

static void on_try_done(struct job *job, CURLcode code)
{
	struct http_loop *loop = job->loop;
	struct http_outcome outcome;
	struct http_response *resp;
	int64_t wait_ms, now = loop_now();

	if (http_try_follow(job->current, &code)) {
		run_handle(job, now);
		return;
	}
	resp = end_try(job, code, &outcome);
	if (outcome.is_refused && job->req->authorize && !job->was_refused) {
		try_another_bearer(job, resp);
		return;
	}
	wait_ms = http_retry_wait_ms(job->req->repeat, &outcome, &job->history, random_bits());
	if (wait_ms >= 0 && outcome.status == 423)
		job->history.locked_ms += wait_ms;
	if (wait_ms >= 0 && outcome.status == 429)
		job->history.limited_ms += wait_ms;
	if (wait_ms >= 0)
		wait_ms = loop_scaled_ms(loop, wait_ms);
	if (wait_ms >= 0 && is_excused(job, &outcome, wait_ms))
		job_excuse(job, wait_ms);
	if (wait_ms < 0 || now + wait_ms >= job->deadline_ms ||
	    (job->reach_until_ms && now + wait_ms >= job->reach_until_ms))
		report(job, resp);
	else
		try_again(job, resp, now + wait_ms, outcome.error != 0 && outcome.reached);
}

bool jobs_collect(struct http_loop *loop)
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

void job_abandon(struct job *job, int error, const char *words)
{
	struct http_loop *loop = job->loop;
	struct http_outcome outcome;
	struct http_response *resp;

	if (!job->current) {
		job_end_waiting(job);
		job_report_error(job, error, words);
		return;
	}
	curl_multi_remove_handle(loop->multi, http_try_handle(job->current, job));
	resp = end_try(job, CURLE_ABORTED_BY_CALLBACK, &outcome);
	make_error(resp, error, words);
	report(job, resp);
}
