/* SPDX-License-Identifier: MIT */
/*
 * What the files of the loop share: loop.c has the thread and the functions for other threads,
 * lanes.c says which jobs begin, job.c takes one over the wire.
 *
 * A job is in one place at a time: in the inbox (linked by http_submit), in a lane's waiting
 * list, or on the wire; job_raise changes its lane in either. Only the I/O thread moves and frees it:
 *
 *	inbox -take_inbox-> waiting -job_start-> on the wire -end_try-> report
 *	                     |  ^ ^                              |
 *	                     |  | +---------- try_again ---------+
 *	      job_authorize  |  | jobs_unpark (http_ask_again)
 *	                     v  |
 *	                    parked (in the same list) -expire_waiting-> report
 *
 * The phase of a job says whether http_withdraw and http_cut may still withdraw it. It changes
 * under the lock, so whoever comes first decides:
 *
 *	UNSENT --may_send: a file follows--> PARTLY --may_end: its last bytes are next--> WHOLE
 *	UNSENT --may_send: all else------------------------------------------------> WHOLE
 *	UNSENT --http_withdraw, http_cut--> WITHDRAWN <--http_cut-- PARTLY
 *	PARTLY, WHOLE --try_again: provably without effect--> UNSENT; with: WHOLE for good
 */
#pragma once

#include <curl/curl.h>
#include <glib.h>
#include <pthread.h>

#include "base/clock.h"
#include "http/gate.h"
#include "http/loop.h"
#include "http/retry.h"
#include "http/try.h"
#include "http/turns.h"

#define N_LANES 3

enum job_phase { JOB_UNSENT, JOB_PARTLY, JOB_WHOLE, JOB_WITHDRAWN };

struct job {
	GList link; /* links it into the list that it is in */
	struct http_loop *loop;
	struct http_request *req; /* owned */
	uint64_t id;
	enum job_phase phase; /* lock; all else belongs to the I/O thread once it took it */
	int64_t deadline_ms;  /* moves while the gate keeps the job waiting */
	int64_t not_before_ms;
	int64_t began_ms;	/* when it was submitted, or raised where it waited */
	int64_t queued_ms;	/* when it came into the waiting list */
	int64_t held_ms;	/* how long the deadline stood still */
	int64_t reach_until_ms; /* a connection must stand by then; 0: no try began since the
				 * last one stood */
	struct http_try_context context;
	struct http_try *current;   /* on the wire; owned */
	struct http_response *last; /* of the try before; owned */
	struct http_history history;
	bool applied;	/* some try may have taken effect */
	bool fresh;	/* the next try must not use a kept-alive connection */
	bool is_paused; /* its taker paused it */
	bool is_parked; /* it waits for a bearer */
	/* The last try was answered by 401 (`last` is that answer), and no other bearer was given
	 * since. */
	bool is_refused;
	bool was_refused; /* is_refused was true once: another 401 is final */
	/* Bytes of a taken body since it began the deadline anew; at first as many as begin it. */
	size_t moved;
	int64_t furthest; /* offset up to which a taken body came */
	int tries_before; /* tries that history does not count because they brought something
			   * new */
};

/* A request that somebody waits for now. */
struct raise {
	uint64_t id;
	struct http_asker asker;
};

struct http_loop {
	pthread_t thread; /* owner's thread */
	CURLM *multi;	  /* I/O thread; curl_multi_wakeup from any */
	char *user_agent;
	char **origins;
	const struct http_route *route; /* borrowed */
	int connect_timeout_ms;
	int second_ms;

	struct http_gate gate;	  /* I/O thread */
	GQueue waiting[N_LANES];  /* I/O thread */
	GQueue on_wire[N_LANES];  /* I/O thread */
	guint paused[N_LANES];	  /* I/O thread; of on_wire */
	struct http_turns *turns; /* I/O thread */
	/* I/O thread. When the first of the newest answers came that were all 429; 0: the newest one was
	 * another. */
	int64_t limited_from_ms;
	/* I/O thread. When it was last seen that the gate keeps jobs of the lane waiting which may
	 * begin but for it; 0: it keeps none. */
	int64_t held_from_ms[N_LANES];

	pthread_mutex_t lock;
	GHashTable *jobs;	 /* lock; &job->id to job, until it is reported */
	GQueue inbox;		 /* lock */
	GArray *cancels;	 /* lock; of uint64_t */
	GArray *resumes;	 /* lock; of uint64_t */
	GArray *raises;		 /* lock; of struct raise */
	bool ask_again;		 /* lock; what is parked is to ask */
	uint64_t next_id;	 /* lock */
	bool stopping;		 /* lock */
	struct http_stats stats; /* lock */
	int64_t noted_ms;	 /* lock; when the stats of the queues were noted */
	/* Of http_loop_held_ms(), up to `noted_ms`; and whether it goes on. */
	int64_t held_ms; /* lock */
	bool is_held;	 /* lock */
};

/* For tests. As http_loop_start, but each second that is waited (Retry-After, backoff, gate)
 * lasts only `second_ms` milliseconds (1..1000). */
int http_loop_start_scaled(const struct http_config *config, int second_ms,
			   struct http_loop **ret_loop);

/* message.c: frees the body alone. */
void http_response_drop_body(struct http_response *resp);
/* message.c: for whom this thread asks now. */
struct http_asker http_asker_now(void);
/* message.c: adopts `bearer`; the one before is wiped and freed. */
void http_request_set_bearer(struct http_request *req, char *bearer);

/* All of these run on the I/O thread without the lock, and may call `done`. */

/* Moves the deadline, and until when a connection must stand. */
void job_excuse(struct job *job, int64_t ms);
/* Puts a job that is in no list into the waiting list of its lane. */
void job_queue(struct job *job, bool at_front);
/* `job` is in no list. Freed. */
void job_report_error(struct job *job, int error, const char *words);
/* Reports that no further try fits before the deadline: by the answer of the last try, if there
 * was one. A 401 is not reported so, because another bearer might have overcome it. */
void job_report_late(struct job *job, int error, const char *words);
/* Takes a waiting job out of its list. */
void job_end_waiting(struct job *job);
/* Asks for the bearer of the next try of a waiting job. False: the job is parked, or was ended and
 * freed. */
bool job_authorize(struct job *job);
/* Begins the next try of a waiting job that is authorized. */
void job_start(struct job *job, int64_t now);
/* Ends and frees a job that waits or is on the wire. */
void job_abandon(struct job *job, int error, const char *words);
/* Lets a paused job go on; does nothing for others. */
void job_resume(struct job *job);
/* Moves a background job to the lane of those that somebody waits for; does nothing for others. */
void job_raise(struct job *job, const struct http_asker *asker);
/* Lets all parked jobs ask for their bearer when jobs_start runs next. */
void jobs_unpark(struct http_loop *loop);
/* Starts the jobs that may start. Returns when to call it again. */
int64_t jobs_start(struct http_loop *loop);
/* Reports or repeats the jobs that curl is done with; true if there was one. */
bool jobs_collect(struct http_loop *loop);

static inline int64_t loop_now(void)
{
	return clock_mono(clock_system());
}

/* How long a wait of `ms` lasts here. */
static inline int64_t loop_scaled_ms(const struct http_loop *loop, int64_t ms)
{
	return ms * loop->second_ms / 1000;
}

/* The gate's time runs faster when seconds are shorter. */
static inline int64_t loop_gate_now(const struct http_loop *loop, int64_t now)
{
	return now * 1000 / loop->second_ms;
}
