/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "base/work.h"

#define ITEMS 1000
#define PATIENCE_S 10

static int64_t now_ms(void)
{
	return clock_mono(clock_system());
}

/* Set by an item, waited for by a test. */
struct flag {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	int raised; /* lock */
};

#define FLAG_INIT                                                                              \
	{                                                                                      \
		PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0                         \
	}

static void raise_flag(void *arg)
{
	struct flag *flag = arg;

	pthread_mutex_lock(&flag->lock);
	flag->raised++;
	pthread_cond_signal(&flag->changed);
	pthread_mutex_unlock(&flag->lock);
}

static void await_flag(struct flag *flag, int times)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_S;
	pthread_mutex_lock(&flag->lock);
	while (flag->raised < times && r == 0)
		r = pthread_cond_timedwait(&flag->changed, &flag->lock, &until);
	pthread_mutex_unlock(&flag->lock);
	assert_int_equal(r, 0);
}

/* One producer's items: each must come after the one before. */
struct producer {
	struct work_queue *queue;
	int ran; /* queue's thread */
	int wrong;
	struct step {
		struct producer *owner;
		int number;
	} steps[ITEMS];
};

static void run_step(void *arg)
{
	struct step *step = arg;

	if (step->number != step->owner->ran++ || !work_on_thread(step->owner->queue))
		step->owner->wrong++;
}

static void *produce(void *arg)
{
	struct producer *p = arg;

	for (int i = 0; i < ITEMS; i++) {
		p->steps[i] = (struct step){p, i};
		work_post(p->queue, run_step, &p->steps[i]);
	}
	return NULL;
}

static void test_order_and_once(void **state)
{
	static struct producer producers[4];
	struct work_queue *q;
	pthread_t threads[4];

	(void)state;
	assert_int_equal(work_queue_start("test", &q), 0);
	assert_false(work_on_thread(q));
	for (int i = 0; i < 4; i++) {
		producers[i].queue = q;
		pthread_create(&threads[i], NULL, produce, &producers[i]);
	}
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	work_queue_stop(&q);
	assert_null(q);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(producers[i].ran, ITEMS);
		assert_int_equal(producers[i].wrong, 0);
	}
}

struct chain {
	struct work_queue *queue;
	int left; /* queue's thread */
	int ran;
};

static void post_next(void *arg)
{
	struct chain *chain = arg;

	chain->ran++;
	if (chain->left-- > 0)
		work_post(chain->queue, post_next, chain);
}

static void test_stop_runs_what_items_post(void **state)
{
	struct chain chain = {.left = 100};

	(void)state;
	assert_int_equal(work_queue_start("test", &chain.queue), 0);
	work_post(chain.queue, post_next, &chain);
	work_queue_stop(&chain.queue);
	assert_int_equal(chain.ran, 101);
	work_queue_stop(&chain.queue);
}

struct order {
	int64_t begun_ms;
	int64_t due_ms[4];
	int n;
	int wrong;
	struct flag done;
};

struct timed {
	struct order *order;
	int expected;
};

static void run_timed(void *arg)
{
	struct timed *timed = arg;
	struct order *order = timed->order;

	if (order->n != timed->expected || now_ms() < order->due_ms[order->n])
		order->wrong++;
	order->n++;
	raise_flag(&order->done);
}

static void test_timers_run_in_time_order(void **state)
{
	static const int posting[] = {2, 0, 3, 1};
	struct order order = {.done = FLAG_INIT};
	struct timed timed[4];
	struct work_queue *q;

	(void)state;
	assert_int_equal(work_queue_start("test", &q), 0);
	order.begun_ms = now_ms();
	for (int i = 0; i < 4; i++)
		order.due_ms[i] = order.begun_ms + 20 * (i + 1);
	for (int i = 0; i < 4; i++) {
		int n = posting[i];

		timed[n] = (struct timed){&order, n};
		assert_true(work_post_at(q, order.due_ms[n], run_timed, &timed[n]) > 0);
	}
	await_flag(&order.done, 4);
	assert_int_equal(order.wrong, 0);
	work_queue_stop(&q);
}

static void test_cancelled_timer_does_not_run(void **state)
{
	struct flag ran = FLAG_INIT, after = FLAG_INIT;
	struct work_queue *q;
	uint64_t id;
	int64_t now = now_ms();

	(void)state;
	assert_int_equal(work_queue_start("test", &q), 0);
	id = work_post_at(q, now + 30, raise_flag, &ran);
	work_post_at(q, now + 60, raise_flag, &after);
	assert_true(work_cancel(q, id));
	assert_false(work_cancel(q, id));
	assert_false(work_cancel(q, 12345));
	await_flag(&after, 1);
	id = work_post_at(q, now, raise_flag, &after);
	await_flag(&after, 2);
	assert_false(work_cancel(q, id));
	work_queue_stop(&q);
	assert_int_equal(ran.raised, 0);
}

static void test_pending_timer_is_dropped(void **state)
{
	struct flag ran = FLAG_INIT;
	struct work_queue *q;
	int64_t begun_ms = now_ms();

	(void)state;
	assert_int_equal(work_queue_start("test", &q), 0);
	work_post_at(q, begun_ms + 3600 * 1000, raise_flag, &ran);
	work_queue_stop(&q);
	assert_int_equal(ran.raised, 0);
	assert_true(now_ms() - begun_ms < 1000 * PATIENCE_S);
}

/* An item that posts itself for ever does not keep a timer from running, nor the reverse. */
struct spinner {
	struct work_queue *queue;
	bool timers; /* spin by timers that are always due */
	bool stop;   /* queue's thread */
};

static void spin(void *arg)
{
	struct spinner *spinner = arg;

	if (spinner->stop)
		return;
	if (spinner->timers)
		work_post_at(spinner->queue, 0, spin, spinner);
	else
		work_post(spinner->queue, spin, spinner);
}

struct stopper {
	struct spinner *spinner;
	struct flag done;
};

static void stop_spinning(void *arg)
{
	struct stopper *stopper = arg;

	stopper->spinner->stop = true;
	raise_flag(&stopper->done);
}

static void test_neither_starves(void **state)
{
	(void)state;
	for (int timers = 0; timers < 2; timers++) {
		struct spinner spinner = {.timers = timers};
		struct stopper stopper = {&spinner, FLAG_INIT};

		assert_int_equal(work_queue_start("test", &spinner.queue), 0);
		work_post(spinner.queue, spin, &spinner);
		if (timers)
			work_post(spinner.queue, stop_spinning, &stopper);
		else
			work_post_at(spinner.queue, now_ms() + 5, stop_spinning, &stopper);
		await_flag(&stopper.done, 1);
		work_queue_stop(&spinner.queue);
	}
}

static void see_signals(void *arg)
{
	sigset_t *mask = arg;

	pthread_sigmask(SIG_SETMASK, NULL, mask);
}

static void test_signals_are_for_others(void **state)
{
	struct work_queue *q;
	sigset_t mask, mine;

	(void)state;
	assert_int_equal(work_queue_start("test", &q), 0);
	work_post(q, see_signals, &mask);
	work_queue_stop(&q);
	assert_true(sigismember(&mask, SIGTERM) && sigismember(&mask, SIGINT));
	pthread_sigmask(SIG_SETMASK, NULL, &mine);
	assert_false(sigismember(&mine, SIGTERM));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_once),
		cmocka_unit_test(test_stop_runs_what_items_post),
		cmocka_unit_test(test_timers_run_in_time_order),
		cmocka_unit_test(test_cancelled_timer_does_not_run),
		cmocka_unit_test(test_pending_timer_is_dropped),
		cmocka_unit_test(test_neither_starves),
		cmocka_unit_test(test_signals_are_for_others),
	};

	return cmocka_run_group_tests_name("base work", tests, NULL, NULL);
}
