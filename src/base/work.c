/* SPDX-License-Identifier: MIT */
/*
 * Items are a list, timers a sorted sequence with an index by id. A due timer and the
 * first item take turns, so that neither can starve the other.
 */
#include "base/work.h"

#include <errno.h>
#include <glib.h>
#include <pthread.h>

#include "base/thread.h"
#include "base/wait.h"

/*
 * A condition variable cannot wait on CLOCK_BOOTTIME, so after a suspend a timer may be late,
 * but by no more than this.
 */
#define LONGEST_WAIT_MS 30000

struct item {
	struct item *next;
	work_fn fn;
	void *arg;
};

struct timer {
	int64_t due_ms;
	uint64_t id;
	work_fn fn;
	void *arg;
};

struct work_queue {
	pthread_t thread; /* owner's thread */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct item *first;  /* lock */
	struct item **last;  /* lock; where the next item is linked */
	GSequence *timers;   /* lock; of struct timer, by due time */
	GHashTable *by_id;   /* lock; &timer->id to its place in `timers` */
	uint64_t next_id;    /* lock */
	bool stopping;	     /* lock */
	bool timer_ran_last; /* lock */
};

static _Thread_local const struct work_queue *current_queue;

static int compare_timers(gconstpointer a, gconstpointer b, gpointer data)
{
	const struct timer *x = a, *y = b;

	(void)data;
	if (x->due_ms != y->due_ms)
		return x->due_ms < y->due_ms ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

static bool take_timer_locked(struct work_queue *q, int64_t now_ms, struct item *ret_job)
{
	GSequenceIter *first = g_sequence_get_begin_iter(q->timers);
	struct timer *timer;

	if (q->stopping || g_sequence_iter_is_end(first))
		return false;
	timer = g_sequence_get(first);
	if (timer->due_ms > now_ms)
		return false;
	ret_job->fn = timer->fn;
	ret_job->arg = timer->arg;
	g_hash_table_remove(q->by_id, &timer->id);
	g_sequence_remove(first);
	return true;
}

static bool take_item_locked(struct work_queue *q, struct item *ret_job)
{
	struct item *item = q->first;

	if (!item)
		return false;
	q->first = item->next;
	if (!q->first)
		q->last = &q->first;
	*ret_job = *item;
	g_free(item);
	return true;
}

static bool take_job_locked(struct work_queue *q, struct item *ret_job)
{
	int64_t now_ms = clock_mono(clock_system());

	if (q->timer_ran_last && take_item_locked(q, ret_job)) {
		q->timer_ran_last = false;
		return true;
	}
	q->timer_ran_last = take_timer_locked(q, now_ms, ret_job);
	return q->timer_ran_last || take_item_locked(q, ret_job);
}

static void wait_locked(struct work_queue *q)
{
	GSequenceIter *first = g_sequence_get_begin_iter(q->timers);
	struct timer *timer;
	int64_t wait_ms = -1;

	if (!g_sequence_iter_is_end(first)) {
		timer = g_sequence_get(first);
		wait_ms = timer->due_ms - clock_mono(clock_system());
		wait_ms = CLAMP(wait_ms, 0, LONGEST_WAIT_MS);
	}
	wait_until(&q->changed, &q->lock, wait_deadline(wait_ms));
}

static void *run(void *arg)
{
	struct work_queue *q = arg;
	struct item job;

	current_queue = q;
	pthread_mutex_lock(&q->lock);
	for (;;) {
		if (take_job_locked(q, &job)) {
			pthread_mutex_unlock(&q->lock);
			job.fn(job.arg);
			pthread_mutex_lock(&q->lock);
		} else if (q->stopping) {
			break;
		} else {
			wait_locked(q);
		}
	}
	pthread_mutex_unlock(&q->lock);
	return NULL;
}

static void queue_free(struct work_queue *q)
{
	g_hash_table_destroy(q->by_id);
	g_sequence_free(q->timers);
	pthread_cond_destroy(&q->changed);
	pthread_mutex_destroy(&q->lock);
	g_free(q);
}

int work_queue_start(const char *name, struct work_queue **ret_queue)
{
	struct work_queue *q = g_new0(struct work_queue, 1);
	int r;

	pthread_mutex_init(&q->lock, NULL);
	wait_init(&q->changed);
	q->last = &q->first;
	q->timers = g_sequence_new(g_free);
	q->by_id = g_hash_table_new(g_int64_hash, g_int64_equal);
	q->next_id = 1;

	r = thread_start(name, run, q, &q->thread);
	if (r < 0) {
		queue_free(q);
		return r;
	}
	*ret_queue = q;
	return 0;
}

void work_queue_stop(struct work_queue **queue)
{
	struct work_queue *q = *queue;

	if (!q)
		return;
	pthread_mutex_lock(&q->lock);
	q->stopping = true;
	pthread_cond_signal(&q->changed);
	pthread_mutex_unlock(&q->lock);
	pthread_join(q->thread, NULL);
	queue_free(q);
	*queue = NULL;
}

void work_post(struct work_queue *q, work_fn fn, void *arg)
{
	struct item *item = g_new(struct item, 1);

	item->next = NULL;
	item->fn = fn;
	item->arg = arg;
	pthread_mutex_lock(&q->lock);
	*q->last = item;
	q->last = &item->next;
	pthread_cond_signal(&q->changed);
	pthread_mutex_unlock(&q->lock);
}

uint64_t work_post_at(struct work_queue *q, int64_t mono_ms, work_fn fn, void *arg)
{
	struct timer *timer = g_new(struct timer, 1);
	GSequenceIter *place;
	uint64_t id;

	timer->due_ms = mono_ms;
	timer->fn = fn;
	timer->arg = arg;
	pthread_mutex_lock(&q->lock);
	id = q->next_id++;
	timer->id = id;
	place = g_sequence_insert_sorted(q->timers, timer, compare_timers, NULL);
	g_hash_table_insert(q->by_id, &timer->id, place);
	pthread_cond_signal(&q->changed);
	pthread_mutex_unlock(&q->lock);
	return id;
}

bool work_cancel(struct work_queue *q, uint64_t timer_id)
{
	GSequenceIter *place;

	pthread_mutex_lock(&q->lock);
	place = g_hash_table_lookup(q->by_id, &timer_id);
	if (place) {
		g_hash_table_remove(q->by_id, &timer_id);
		g_sequence_remove(place);
	}
	pthread_mutex_unlock(&q->lock);
	return place != NULL;
}

bool work_on_thread(const struct work_queue *q)
{
	return current_queue == q;
}

/* ---- calls ---- */

struct call {
	work_fn fn;
	void *arg;
	pthread_mutex_t lock;
	pthread_cond_t over_cond;
	bool is_over; /* lock */
};

static void run_call(void *arg)
{
	struct call *c = arg;

	c->fn(c->arg);
	pthread_mutex_lock(&c->lock);
	c->is_over = true;
	pthread_cond_signal(&c->over_cond);
	pthread_mutex_unlock(&c->lock);
}

void work_call(struct work_queue *q, work_fn fn, void *arg)
{
	struct call c = {
		.fn = fn,
		.arg = arg,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.over_cond = PTHREAD_COND_INITIALIZER,
	};

	work_post(q, run_call, &c);
	pthread_mutex_lock(&c.lock);
	while (!c.is_over)
		pthread_cond_wait(&c.over_cond, &c.lock);
	pthread_mutex_unlock(&c.lock);
	pthread_cond_destroy(&c.over_cond);
	pthread_mutex_destroy(&c.lock);
}
