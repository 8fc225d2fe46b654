/* SPDX-License-Identifier: MIT */
#include "wire.h"

#include <errno.h>
#include <string.h>

#include "dice.h"
#include "fake_time.h"
#include "model.h"
#include "pages.h"
#include "report.h"
#include "webex/api.h"

struct wire wire;

struct call {
	uint64_t id;
	struct question question;
	webex_done done;
	void *arg;
	struct webex_reply reply;
	bool is_answered; /* the reply is on its way */
	uint64_t timer;
};

static GHashTable *calls; /* &call->id -> call */
static uint64_t last_id;

static void call_free(void *p)
{
	struct call *c = p;

	question_clear(&c->question);
	if (c->reply.items)
		g_ptr_array_unref(c->reply.items);
	g_free(c->reply.next);
	g_free(c->reply.message);
	g_free(c);
}

void wire_start(void)
{
	static const int caps[] = {1, 2, 3, 5, 9, 30, 1000};
	static const int larges[] = {0, 0, 0, 700, 200, 55};

	calls = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, call_free);
	last_id = 0;
	wire = (struct wire){
		.cap = caps[dice(G_N_ELEMENTS(caps))],
		.large = larges[dice(G_N_ELEMENTS(larges))],
		.is_inclusive = dice_percent(30),
		.repeats = dice_percent(20),
		.ends_empty = dice_percent(40),
		.short_percent = dice_percent(30) ? 30 : 0,
		.fault_percent = dice_percent(50) ? (int)dice(25) : 0,
		.loop_percent = dice_percent(20) ? 5 : 0,
		.lie_percent = dice_percent(40) ? 10 : 0,
		.latency_ms = dice_percent(20) ? LATENCY_MAX_MS : 200,
	};
}

void wire_stop(void)
{
	g_hash_table_unref(calls);
	calls = NULL;
}

int wire_waiting(void)
{
	return (int)g_hash_table_size(calls);
}

void wire_hang_up(void)
{
	GHashTableIter iter;
	gpointer value;

	g_hash_table_iter_init(&iter, calls);
	while (g_hash_table_iter_next(&iter, NULL, &value))
		work_cancel(NULL, ((struct call *)value)->timer);
	g_hash_table_remove_all(calls);
}

/* ---- the life of a call ---- */

static void deliver(void *arg)
{
	struct call *c = arg;

	g_hash_table_steal(calls, &c->id);
	trace("answer %" G_GUINT64_FORMAT ": %d, %u items, next %s", c->id, c->reply.error,
	      c->reply.items ? c->reply.items->len : 0, c->reply.next ? c->reply.next : "none");
	for (guint i = 0;
	     c->reply.items && c->question.kind == QUESTION_MESSAGES && i < c->reply.items->len;
	     i++) {
		const struct webex_message *m = c->reply.items->pdata[i];

		trace("  %" G_GINT64_FORMAT " %s", m->created_ms, m->id);
	}
	c->done(c->arg, &c->reply);
	call_free(c);
}

static void set_error(struct webex_reply *reply, int error, int status)
{
	reply->error = error;
	reply->status = status;
	reply->is_network = !status;
	wire.faults++;
}

/* True if the call ends here, and after how long. */
static bool goes_wrong(struct call *c, int64_t *ret_ms)
{
	static const struct {
		int error, status;
	} faults[] = {
		{-ECONNRESET, 0}, {-ETIMEDOUT, 0}, {-EIO, 500},	   {-EIO, 502},
		{-EIO, 504},	  {-EBUSY, 429},   {-EACCES, 403}, {-EBADMSG, 200},
	};
	bool calm = wire.is_calm;
	size_t i = (size_t)dice(G_N_ELEMENTS(faults));

	if (wire.offline && !calm) {
		set_error(&c->reply, dice_percent(50) ? -ENETUNREACH : -ECONNREFUSED, 0);
		return true;
	}
	if (wire.large && c->question.max > wire.large &&
	    c->question.kind == QUESTION_MESSAGES) {
		set_error(&c->reply, -EIO, dice_percent(50) ? 502 : 504);
		return true;
	}
	if (calm || !dice_percent(wire.fault_percent))
		return false;
	set_error(&c->reply, faults[i].error, faults[i].status);
	if (faults[i].error == -ETIMEDOUT)
		*ret_ms = 30000;
	return true;
}

static int64_t latency(void)
{
	return wire.is_calm ? 1 : dice_between(1, wire.latency_ms);
}

static void arrive(void *arg)
{
	struct call *c = arg;
	int64_t back_ms = latency();

	wire.requests++;
	if (!goes_wrong(c, &back_ms))
		pages_answer(&c->question, &c->reply);
	trace("request %" G_GUINT64_FORMAT " has come", c->id);
	c->is_answered = true;
	c->timer = work_post_at(NULL, time_mono() + back_ms, deliver, c);
}

static uint64_t start(enum question_kind kind, const struct webex_list *l, const char *id,
		      webex_done done, void *arg)
{
	struct call *c = g_new0(struct call, 1);

	c->id = ++last_id;
	c->done = done;
	c->arg = arg;
	question_set(&c->question, kind, l, id);
	wire.asked += !l || !l->background;
	g_hash_table_insert(calls, &c->id, c);
	trace("request %" G_GUINT64_FORMAT ": kind %d, before %" G_GINT64_FORMAT " %s, max %d, "
	      "next %s",
	      c->id, (int)kind, c->question.before_ms,
	      c->question.before_message ? c->question.before_message : "", c->question.max,
	      c->question.next ? c->question.next : "none");
	c->timer = work_post_at(NULL, time_mono() + latency(), arrive, c);
	return c->id;
}

/* ---- webex/api.h: requests ---- */

uint64_t webex_list_rooms(struct webex_client *c, const struct webex_list *l, webex_done done,
			  void *arg)
{
	(void)c;
	return start(QUESTION_ROOMS, l, NULL, done, arg);
}

uint64_t webex_list_memberships(struct webex_client *c, const struct webex_list *l,
				webex_done done, void *arg)
{
	(void)c;
	return start(QUESTION_MEMBERS, l, l->room_id, done, arg);
}

uint64_t webex_list_messages(struct webex_client *c, const struct webex_list *l,
			     webex_done done, void *arg)
{
	(void)c;
	return start(QUESTION_MESSAGES, l, l->room_id, done, arg);
}

uint64_t webex_get_room(struct webex_client *c, const char *room_id, webex_done done, void *arg)
{
	(void)c;
	return start(QUESTION_ROOM, NULL, room_id, done, arg);
}

uint64_t webex_get_membership(struct webex_client *c, const char *id, webex_done done,
			      void *arg)
{
	(void)c;
	return start(QUESTION_MEMBER, NULL, id, done, arg);
}

uint64_t webex_get_message(struct webex_client *c, const char *id, webex_done done, void *arg)
{
	(void)c;
	return start(QUESTION_MESSAGE, NULL, id, done, arg);
}

void webex_raise(struct webex_client *client, uint64_t id)
{
	(void)client;
	(void)id;
}

void webex_cancel(struct webex_client *client, uint64_t id)
{
	struct call *c = g_hash_table_lookup(calls, &id);

	(void)client;
	if (!c)
		return;
	work_cancel(NULL, c->timer);
	/* Too late, now and then: the answer is here. */
	if (!c->is_answered || dice_percent(70)) {
		if (c->reply.items)
			g_ptr_array_unref(g_steal_pointer(&c->reply.items));
		g_clear_pointer(&c->reply.next, g_free);
		c->reply.error = -ECANCELED;
		c->reply.status = 0;
		c->reply.is_network = true;
	}
	c->is_answered = true;
	c->timer = work_post_at(NULL, time_mono(), deliver, c);
}
