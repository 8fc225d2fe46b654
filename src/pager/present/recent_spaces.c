/* SPDX-License-Identifier: MIT */
#include "pager/present/recent_spaces.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define SLOTS 64
/* Who uses so many spaces between two calls of settle() walks through all of them, and works in
 * none. */
#define WALK_SPACES 24
#define MESSAGES 16
/* The same space again within this time is not noted. */
#define GRAIN_MS 500
#define SAVE_GRAIN_MS 60000

struct slot {
	int64_t room;
	int64_t used_ms, saved_ms;
	int64_t before_ms; /* used_ms at the last settle() */
};

struct recent_spaces {
	atomic_int_fast64_t last_ms;
	/* the space that was noted last, and when; read without the lock */
	atomic_int_fast64_t last_room, last_room_ms;
	/* rows of opened messages, a ring; 0: none */
	atomic_int_fast64_t messages[MESSAGES];
	atomic_uint next_message;

	pthread_mutex_t lock;
	struct slot slots[SLOTS]; /* lock; room 0: free */
	int touched;		  /* lock: how many were used since the last settle() */
};

struct recent_spaces *recent_spaces_new(void)
{
	struct recent_spaces *u = g_new0(struct recent_spaces, 1);

	atomic_init(&u->last_ms, INT64_MIN / 2);
	for (int i = 0; i < SLOTS; i++)
		u->slots[i].used_ms = u->slots[i].before_ms = INT64_MIN / 2;
	pthread_mutex_init(&u->lock, NULL);
	return u;
}

void recent_spaces_free(struct recent_spaces **u)
{
	if (!*u)
		return;
	pthread_mutex_destroy(&(*u)->lock);
	g_free(*u);
	*u = NULL;
}

static struct slot *slot_find_locked(struct recent_spaces *u, int64_t room)
{
	struct slot *oldest = &u->slots[0];

	for (int i = 0; i < SLOTS; i++) {
		struct slot *s = &u->slots[i];

		if (s->room == room)
			return s;
		if (s->used_ms < oldest->used_ms)
			oldest = s;
	}
	*oldest = (struct slot){.room = room,
				.used_ms = INT64_MIN / 2,
				.saved_ms = INT64_MIN / 2,
				.before_ms = INT64_MIN / 2};
	return oldest;
}

/* Notes a use. A walk takes no more slots than it needs to be known as one. */
static void use_locked(struct recent_spaces *u, int64_t room, int64_t now_ms)
{
	struct slot *s;

	if (u->touched >= WALK_SPACES)
		return;
	s = slot_find_locked(u, room);
	if (s->used_ms == s->before_ms)
		u->touched++;
	s->used_ms = MAX(s->used_ms, now_ms);
}

/* Decides what the uses since the last call were: those of a walk do not count. */
static void settle_locked(struct recent_spaces *u)
{
	bool is_walk = u->touched >= WALK_SPACES;

	for (int i = 0; i < SLOTS; i++) {
		struct slot *s = &u->slots[i];

		if (is_walk)
			s->used_ms = s->before_ms;
		if (is_walk && s->used_ms == INT64_MIN / 2)
			s->room = 0;
		s->before_ms = s->used_ms;
	}
	u->touched = 0;
}

static void note_room(struct recent_spaces *u, int64_t room, int64_t now_ms)
{
	if (atomic_load(&u->last_room) == room &&
	    now_ms - atomic_load(&u->last_room_ms) < GRAIN_MS)
		return;
	pthread_mutex_lock(&u->lock);
	use_locked(u, room, now_ms);
	pthread_mutex_unlock(&u->lock);
	atomic_store(&u->last_room, room);
	atomic_store(&u->last_room_ms, now_ms);
}

void recent_spaces_note(struct recent_spaces *u, int64_t room, int64_t now_ms)
{
	atomic_store(&u->last_ms, now_ms);
	if (room)
		note_room(u, room, now_ms);
}

void recent_spaces_note_message(struct recent_spaces *u, int64_t message, int64_t now_ms)
{
	atomic_store(&u->last_ms, now_ms);
	atomic_store(&u->messages[atomic_fetch_add(&u->next_message, 1) % MESSAGES], message);
}

int64_t recent_spaces_last_ms(const struct recent_spaces *u)
{
	return atomic_load(&u->last_ms);
}

/* Finds the spaces of the messages that were opened since the last call, and settles. */
static void settle(struct recent_spaces *u, struct store *store)
{
	int64_t now_ms = recent_spaces_last_ms(u);
	struct store_conn *conn;

	if (store_read_begin(store, &conn))
		return;
	for (int i = 0; i < MESSAGES; i++) {
		int64_t row = atomic_exchange(&u->messages[i], 0), room;
		_cleanup_gfree_ char *stem = NULL;
		struct store_brief brief;
		bool deleted;

		if (row &&
		    store_message_brief(conn, row, &brief, &stem, &room, &deleted) == 0) {
			pthread_mutex_lock(&u->lock);
			use_locked(u, room, now_ms);
			pthread_mutex_unlock(&u->lock);
		}
	}
	store_read_end(conn);
	pthread_mutex_lock(&u->lock);
	settle_locked(u);
	pthread_mutex_unlock(&u->lock);
}

static int compare_use(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;

	return x->used_ms != y->used_ms ? (x->used_ms > y->used_ms ? -1 : 1)
					: (x->room > y->room) - (x->room < y->room);
}

int recent_spaces_recent(struct recent_spaces *u, struct store *store, int64_t since_ms,
			 int64_t ret_rooms[USAGE_RECENT])
{
	struct slot all[SLOTS];
	int n = 0;

	settle(u, store);
	pthread_mutex_lock(&u->lock);
	memcpy(all, u->slots, sizeof(all));
	pthread_mutex_unlock(&u->lock);
	qsort(all, SLOTS, sizeof(all[0]), compare_use);
	for (int i = 0; i < SLOTS && n < USAGE_RECENT; i++)
		if (all[i].room && all[i].used_ms >= since_ms)
			ret_rooms[n++] = all[i].room;
	return n;
}

void recent_spaces_load(struct recent_spaces *u, struct store *store, int64_t now_ms,
			int64_t now_wall_ms)
{
	g_autoptr(GArray) uses = g_array_new(FALSE, FALSE, sizeof(struct store_use));
	struct store_conn *conn;

	if (store_read_begin(store, &conn))
		return;
	(void)store_used_list(conn, SLOTS, uses);
	store_read_end(conn);
	pthread_mutex_lock(&u->lock);
	for (guint i = 0; i < uses->len; i++) {
		const struct store_use *use = &g_array_index(uses, struct store_use, i);
		struct slot *s = slot_find_locked(u, use->room);

		/* If the wall clock was set back, a time in the future becomes now. */
		s->used_ms = MAX(s->used_ms, now_ms - MAX(now_wall_ms - use->wall_ms, 0));
		s->saved_ms = s->before_ms = s->used_ms;
	}
	pthread_mutex_unlock(&u->lock);
}

void recent_spaces_save(struct recent_spaces *u, struct store *store, int64_t now_ms,
			int64_t now_wall_ms, bool all)
{
	g_autoptr(GArray) uses = g_array_new(FALSE, FALSE, sizeof(struct store_use));
	int64_t grain_ms = all ? 1 : SAVE_GRAIN_MS;

	settle(u, store);
	pthread_mutex_lock(&u->lock);
	for (int i = 0; i < SLOTS; i++) {
		struct slot *s = &u->slots[i];
		struct store_use use = {.room = s->room};

		if (!s->room || s->used_ms - s->saved_ms < grain_ms)
			continue;
		use.wall_ms = now_wall_ms - (now_ms - s->used_ms);
		s->saved_ms = s->used_ms;
		g_array_append_val(uses, use);
	}
	pthread_mutex_unlock(&u->lock);
	if (uses->len)
		(void)store_put_used(store, uses);
}
