/* SPDX-License-Identifier: MIT */
/* Decides which jobs of the lanes begin, and ends those that have waited or lasted too long. */
#include <errno.h>

#include "http/loop_internal.h"

/* So late curl's own time-out may be before the loop ends a transfer itself. */
#define OVERDUE_MS 1000

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

/* Ends the jobs that cannot begin before their deadline; *next_ms becomes the earliest deadline
 * of the others. */
static void expire_waiting(struct http_loop *loop, int64_t now, int64_t *next_ms)
{
	int64_t gate_wait_ms = loop->gate.shut_until_ms - loop_gate_now(loop, now);
	int64_t open_ms = now + loop_scaled_ms(loop, MAX(gate_wait_ms, 0));

	for (size_t lane = 0; lane < N_LANES; lane++) {
		GList *next;

		for (GList *l = loop->waiting[lane].head; l; l = next) {
			struct job *job = l->data;

			next = l->next;
			*next_ms = MIN(*next_ms, job->deadline_ms);
			if ((job->is_parked ? now : open_ms) < job->deadline_ms)
				continue;
			job_end_waiting(job);
			if (job->is_parked)
				job_report_late(job, -ETIMEDOUT, "no token came in time");
			else if (now >= job->deadline_ms)
				job_report_late(job, -ETIMEDOUT,
						"timed out before it was sent");
			else
				job_report_late(job, -EBUSY,
						"rate limited for longer than it may wait");
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

	for (GList *l = loop->waiting[lane].head; l; l = l->next) {
		struct job *job = l->data;

		if (job->is_parked)
			continue;
		if (job->not_before_ms > now)
			*next_ms = MIN(*next_ms, job->not_before_ms);
		else if (next &&
			 !http_turns_before(loop->turns, &job->req->asker, &next->req->asker))
			continue;
		else if (has_place(loop, lane, job))
			next = job;
	}
	return next;
}

static void start_lane(struct http_loop *loop, size_t lane, int64_t now, int64_t *next_ms)
{
	struct job *job;

	while ((int)(loop->on_wire[lane].length - loop->paused[lane]) < lane_limit(lane) &&
	       (job = next_job(loop, lane, now, next_ms))) {
		int64_t wait_ms;

		if (!job_authorize(job))
			continue;
		wait_ms = http_gate_take(&loop->gate, lane == HTTP_LANE_BACKGROUND,
					 loop_gate_now(loop, now));
		if (wait_ms > 0) {
			*next_ms = MIN(*next_ms, now + loop_scaled_ms(loop, wait_ms) + 1);
			return;
		}
		http_turns_note(loop->turns, &job->req->asker);
		job_start(job, now);
	}
}

int64_t jobs_start(struct http_loop *loop)
{
	static const enum http_lane order[] = {HTTP_LANE_WRITE, HTTP_LANE_READ,
					       HTTP_LANE_BACKGROUND};
	int64_t now = loop_now(), next_ms = INT64_MAX;
	int on_wire = 0, waiting = 0;

	expire_on_wire(loop, now, &next_ms);
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
