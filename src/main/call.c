/* SPDX-License-Identifier: MIT */
#include "main/call.h"

#include <pthread.h>

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
