/* SPDX-License-Identifier: MIT */
#include "pager/present/link.h"

#include <glib.h>

#include "base/cleanup.h"
#include "base/log.h"

#define PATIENCE_MS 3000

/* The path of each event names a file that one can look at; this one shows the state of the
 * link. */
#define STATUS_PATH ".sparkfs/status.json"

/* In the store: what the last event about the login said. */
#define META_LOGIN "login"
#define LOGIN_NEEDED "needed"
#define LOGIN_OK "ok"

enum state { UP, DOUBTFUL, DOWN };

struct server_link {
	struct store *store;
	struct work_queue *queue;
	int patience_ms;
	enum state state;
	bool is_login_needed;
	uint64_t timer; /* while DOUBTFUL */
	bool is_read;	/* the states in the journal were read */
	bool stopped;
	void (*changed)(void *arg); /* NULL: nobody wants to know */
	void *changed_arg;
};

struct server_link *server_link_new(struct store *store, struct work_queue *queue,
				    int patience_ms)
{
	struct server_link *o = g_new0(struct server_link, 1);

	o->store = store;
	o->queue = queue;
	o->patience_ms = patience_ms ? patience_ms : PATIENCE_MS;
	return o;
}

void server_link_watch(struct server_link *o, void (*changed)(void *arg), void *arg)
{
	o->changed = changed;
	o->changed_arg = arg;
}

void server_link_free(struct server_link **o)
{
	g_free(*o);
	*o = NULL;
}

void server_link_stop(struct server_link *o)
{
	o->stopped = true;
	if (o->timer)
		work_cancel(o->queue, o->timer);
	o->timer = 0;
}

static void read_state(struct server_link *o)
{
	_cleanup_gfree_ char *login = NULL;
	struct store_conn *conn;

	if (o->is_read || store_read_begin(o->store, &conn))
		return;
	o->is_read = true;
	if (store_event_link_is_down(conn))
		o->state = DOWN;
	login = store_meta_get(conn, META_LOGIN);
	o->is_login_needed = g_strcmp0(login, LOGIN_NEEDED) == 0;
	store_read_end(conn);
}

static void add_event(struct server_link *o, enum store_event_what what)
{
	int r = store_event_add(o->store, what, STATUS_PATH);

	if (r)
		log_debug("cache", "the journal lacks a change of the link: %s",
			  g_strerror(-r));
}

static void tell(struct server_link *o, enum state state)
{
	o->state = state;
	add_event(o, state == DOWN ? STORE_EVENT_LINK_DOWN : STORE_EVENT_LINK_UP);
}

void server_link_note_login(struct server_link *o, bool is_needed)
{
	if (o->stopped)
		return;
	read_state(o);
	if (is_needed == o->is_login_needed)
		return;
	o->is_login_needed = is_needed;
	(void)store_meta_set(o->store, META_LOGIN, is_needed ? LOGIN_NEEDED : LOGIN_OK);
	add_event(o, is_needed ? STORE_EVENT_LOGIN_NEEDED : STORE_EVENT_LOGIN_OK);
}

static void on_timer(void *arg)
{
	struct server_link *o = arg;

	o->timer = 0;
	if (o->state != DOUBTFUL || o->stopped)
		return;
	tell(o, DOWN);
	if (o->changed)
		o->changed(o->changed_arg);
}

void server_link_note(struct server_link *o, bool failed)
{
	if (o->stopped)
		return;
	read_state(o);
	if (failed && o->state == UP) {
		o->state = DOUBTFUL;
		o->timer = work_post_at(o->queue, clock_mono(clock_system()) + o->patience_ms,
					on_timer, o);
	} else if (!failed && o->state == DOUBTFUL) {
		o->state = UP;
		if (o->timer)
			work_cancel(o->queue, o->timer);
		o->timer = 0;
	} else if (!failed && o->state == DOWN) {
		tell(o, UP);
	}
}
