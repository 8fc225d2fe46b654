/* SPDX-License-Identifier: MIT */
#include "page_run_kit.h"

struct owner o;

static bool on_paged(void *arg, struct page_run *run, guint items)
{
	assert_ptr_equal(&o, arg);
	assert_ptr_equal(o.run, run);
	assert_int_equal(0, o.done);
	o.paged++;
	o.items = items;
	assert_int_equal(o.paged, page_run_pages(run));
	if (o.paged == o.cancel_after) {
		page_run_cancel(run);
		return true;
	}
	return o.paged != o.stop_after;
}

static void on_done(void *arg, struct page_run *run, int error, const struct webex_reply *reply)
{
	assert_ptr_equal(&o, arg);
	assert_ptr_equal(o.run, run);
	o.done++;
	o.error = error;
	o.status = reply ? reply->status : 0;
}

static bool is_outdated(void *arg)
{
	(void)arg;
	return o.outdated-- > 0;
}

static bool is_background(void *arg)
{
	(void)arg;
	return o.background;
}

static struct page_run_config config_of(struct world *w, int64_t bottom, int64_t top, int max)
{
	return (struct page_run_config){
		.pager = w->pager,
		.room = w->room,
		.room_id = "ROOM1",
		.top = top == PAGE_RUN_TOP ? PAGE_RUN_TOP : T0 + top,
		.bottom = bottom < 0 ? -1 : T0 + bottom,
		.max = max,
		.is_outdated = is_outdated,
		.is_background = is_background,
		.paged = on_paged,
		.done = on_done,
		.arg = &o,
	};
}

static void begin(const struct page_run_config *config)
{
	o = (struct owner){0};
	o.run = page_run_new(config);
	assert_int_equal(0, o.done);
}

void start(struct world *w, int64_t bottom, int64_t top, int max)
{
	struct page_run_config config = config_of(w, bottom, top, max);

	begin(&config);
}

void start_again(struct world *w, int64_t bottom, int64_t top, bool has_mentions)
{
	struct page_run_config config = config_of(w, bottom, top, 10);

	config.is_again = true;
	config.has_mentions = has_mentions;
	begin(&config);
}

void assert_ended(int error)
{
	assert_int_equal(1, o.done);
	assert_int_equal(error, o.error);
}

void refuse(guint i, int error, int status)
{
	answer(i, NULL, NULL, error, status, false);
}
