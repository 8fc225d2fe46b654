/* SPDX-License-Identifier: MIT */
/* Decides which jobs of the lanes begin, and ends those that have waited or lasted too long. */
#include <errno.h>

#include "http/loop_internal.h"

/* So late curl's own time-out may be before the loop ends a transfer itself. */
#define OVERDUE_MS 1000
/* How often it is looked whether memory of bodies has become free. */
#define BODIES_POLL_MS 50

void jobs_unpark(struct http_loop *loop)
{
	for (size_t lane = 0; lane < N_LANES; lane++)
		for (GList *l = loop->waiting[lane].head; l; l = l->next)
			((struct job *)l->data)->is_parked = false;
}

static int lane_limit(size_t lane)
{
	static const int limits[N_LANES] = {
		[HTTP_LANE_READ] = HTTP_MAX_READS,
		[HTTP_LANE_WRITE] = HTTP_MAX_WRITES,
		[HTTP_LANE_BACKGROUND] = HTTP_MAX_BACKGROUND,
	};

	return limits[lane];
}

/* How long the gate stays shut because the server said so. */
static int64_t shut_ms(const struct http_loop *loop, int64_t now)
{
	int64_t ms = loop->gate.shut_until_ms - loop_gate_now(loop, now);

	return loop_scaled_ms(loop, MAX(ms, 0));
}

/*
 * Moves the deadlines of the jobs that the gate has kept waiting since the last call: that is no
 * failure of the server. A pause after a failed try, and a wait for a bearer, are not moved.
 */
static void excuse_waiting(struct http_loop *loop, int64_t now)
{
	for (size_t lane = 0; lane < N_LANES; lane++) {
		int64_t from_ms = loop->held_from_ms[lane];

		if (!from_ms)
			continue;
		for (GList *l = loop->waiting[lane].head; l; l = l->next) {
			struct job *job = l->data;
			int64_t ready_ms =
				MAX(from_ms, MAX(job->queued_ms, job->not_before_ms));

			if (!job->is_parked && ready_ms < now)
				job_excuse(job, now - ready_ms);
		}
	}
}

/* When a job ends though its deadline stands still: nobody has been answered by anything but 429 for so
 * long as it has waited. Without this, those who stand behind would begin their own ten minutes when the
 * ten minutes of those before them are over. The deadline of a parked job does not stand still. */
static int64_t limit_of(const struct http_loop *loop, const struct job *job)
{
	if (!loop->limited_from_ms || job->is_parked)
		return INT64_MAX;
	return MAX(loop->limited_from_ms, job->began_ms) +
	       loop_scaled_ms(loop, HTTP_LIMITED_MAX_MS);
}

/* Ends a waiting job if it is to end now. */
static bool is_ended(struct job *job, int64_t now)
{
	struct http_loop *loop = job->loop;
	const char *words = NULL;
	int error = -EBUSY;

	if (now >= job->deadline_ms) {
		error = -ETIMEDOUT;
		words = job->is_parked ? "no token came in time"
				       : "timed out before it was sent";
	} else if (!job->is_parked && shut_ms(loop, now) >= job->req->timeout_ms) {
		words = "rate limited for longer than it may wait";
	} else if (now >= limit_of(loop, job)) {
		words = "nothing was answered but 429 for too long";
	}
	if (!words)
		return false;
	job_end_waiting(job);
	job_report_late(job, error, words);
	return true;
}

/* Ends the jobs that cannot begin before their deadline, or that a shut gate would keep waiting for
 * longer than they may take; *next_ms becomes the earliest deadline of the others. */
static void expire_waiting(struct http_loop *loop, int64_t now, int64_t *next_ms)
{
	for (size_t lane = 0; lane < N_LANES; lane++) {
		GList *next;

		for (GList *l = loop->waiting[lane].head; l; l = next) {
			struct job *job = l->data;

			next = l->next;
			if (!is_ended(job, now))
				*next_ms = MIN(*next_ms,
					       MIN(job->deadline_ms, limit_of(loop, job)));
		}
	}
}

/*
 * curl ends a transfer at its time-out, but by a clock that stops while the machine is
 * suspended.
 */
static void expire_on_wire(struct http_loop *loop, int64_t now, int64_t *next_ms)
{
	for (size_t lane = 0; lane < N_LANES; lane++) {
		GList *next;

		for (GList *l = loop->on_wire[lane].head; l; l = next) {
			struct job *job = l->data;
			int64_t overdue_ms = job->deadline_ms + OVERDUE_MS;

			next = l->next;
			if (now >= overdue_ms)
				job_abandon(job, -ETIMEDOUT, "timed out");
			else
				*next_ms = MIN(*next_ms, overdue_ms);
		}
	}
}

/* True if there is a place on the wire for those whom the job is for. */
static bool has_place(const struct http_loop *loop, size_t lane, const struct job *job)
{
	struct http_places places = {.all = 0};

	for (GList *l = loop->on_wire[lane].head; l; l = l->next) {
		const struct job *other = l->data;

		if (!other->is_paused)
			http_places_count(&places, &job->req->asker, &other->req->asker);
	}
	return http_places_left(&places, &job->req->asker, lane_limit(lane));
}

/* The waiting job whose turn it is; NULL: none may begin now. */
static struct job *next_job(const struct http_loop *loop, size_t lane, int64_t now,
			    int64_t *next_ms)
{
	struct job *next = NULL;
	const struct job *full = NULL; /* the last one seen for whom there is no place */

	for (GList *l = loop->waiting[lane].head; l; l = l->next) {
		struct job *job = l->data;

		if (job->is_parked)
			continue;
		if (job->not_before_ms > now)
			*next_ms = MIN(*next_ms, job->not_before_ms);
		/* Thousands may wait for one who has all places that he may have. */
		else if (full && http_asker_is(&job->req->asker, &full->req->asker))
			continue;
		else if (next &&
			 !http_turns_before(loop->turns, &job->req->asker, &next->req->asker))
			continue;
		else if (has_place(loop, lane, job))
			next = job;
		else
			full = job;
	}
	return next;
}

/* True if the gate keeps the lane waiting. */
static bool start_lane(struct http_loop *loop, size_t lane, int64_t now, int64_t *next_ms)
{
	struct job *job;

	/* What takes memory then is soon used. */
	if (lane != HTTP_LANE_WRITE && loop->waiting[lane].length && http_bodies_are_many()) {
		*next_ms = MIN(*next_ms, now + BODIES_POLL_MS);
		return false;
	}
	while ((int)(loop->on_wire[lane].length - loop->paused[lane]) < lane_limit(lane) &&
	       (job = next_job(loop, lane, now, next_ms))) {
		int64_t wait_ms;

		if (!job_authorize(job))
			continue;
		wait_ms = http_gate_take(&loop->gate, lane == HTTP_LANE_BACKGROUND,
					 loop_gate_now(loop, now));
		if (wait_ms > 0) {
			*next_ms = MIN(*next_ms, now + loop_scaled_ms(loop, wait_ms) + 1);
			return true;
		}
		http_turns_note(loop->turns, &job->req->asker);
		job_start(job, now);
	}
	/* What was answered by 429 waits by itself. */
	return loop->waiting[lane].length > 0 && shut_ms(loop, now) > 0;
}

/* How long it takes until the last of the jobs that wait now, but for those in the background, may
 * begin. */
static int64_t turn_ms(const struct http_loop *loop, int64_t now)
{
	guint n = loop->waiting[HTTP_LANE_READ].length + loop->waiting[HTTP_LANE_WRITE].length;
	const struct http_gate *gate = &loop->gate;
	double missing = gate->rate_full > 0 ? n - gate->tokens : 0;

	if (!n)
		return 0;
	return shut_ms(loop, now) +
	       (missing > 0 ? loop_scaled_ms(loop, (int64_t)(missing * 1000 / gate->rate)) : 0);
}

/* Tells the other threads how it stands. */
static void note_stats(struct http_loop *loop, int64_t now)
{
	struct http_stats *stats = &loop->stats;

	pthread_mutex_lock(&loop->lock);
	stats->on_wire = stats->waiting = 0;
	for (size_t lane = 0; lane < N_LANES; lane++) {
		stats->on_wire += (int)loop->on_wire[lane].length;
		stats->waiting += (int)loop->waiting[lane].length;
	}
	if (loop->is_held)
		loop->held_ms += now - loop->noted_ms;
	loop->is_held =
		loop->held_from_ms[HTTP_LANE_READ] || loop->held_from_ms[HTTP_LANE_WRITE];
	stats->rate_now_per_minute = (int)(loop->gate.rate * 60);
	stats->turn_ms = turn_ms(loop, now);
	stats->shut_ms = shut_ms(loop, now);
	loop->noted_ms = now;
	pthread_mutex_unlock(&loop->lock);
}

int64_t jobs_start(struct http_loop *loop)
{
	static const enum http_lane order[] = {HTTP_LANE_WRITE, HTTP_LANE_READ,
					       HTTP_LANE_BACKGROUND};
	int64_t now = loop_now(), next_ms = INT64_MAX;

	expire_on_wire(loop, now, &next_ms);
	excuse_waiting(loop, now);
	expire_waiting(loop, now, &next_ms);
	for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
		bool is_held = start_lane(loop, order[i], now, &next_ms);

		loop->held_from_ms[order[i]] = is_held ? now : 0;
	}
	note_stats(loop, now);
	return next_ms;
}
