/* SPDX-License-Identifier: MIT */
#include "pager/present/catchup.h"

#include <errno.h>
#include <pthread.h>

#include "pager/internal.h"

/* So many fetches may be under way at once. */
#define AT_ONCE 4
/* A list whose fetch failed is tried again after this time, and then each time after twice as
 * long, up to PUT_OFF_MAX_MS. */
#define PUT_OFF_MS 5000
#define PUT_OFF_MAX_MS (10 * 60 * 1000)
#define NEWS_MAX 100000

/* A list whose last fetch failed. */
struct trial {
	struct need need;
	int64_t wait_ms, next_ms; /* mono */
};

struct catchup {
	struct pager *pager;
	/* Of struct store_news: what the last poll found, the most recently active first. From `next`
	 * on it is still to be begun. */
	GArray *queue;
	guint next;
	GQueue wanted;	     /* of struct need, owned; the first is begun first */
	GHashTable *running; /* set of struct need, owned */
	GHashTable *trials;  /* struct need -> struct trial */
	GHashTable *wrote;   /* set of int64_t, owned */
	bool is_pumping, is_down, is_asleep;

	pthread_mutex_t lock;
	GHashTable *news; /* set of int64_t, owned; lock */
};

struct catchup *catchup_new(struct pager *p)
{
	struct catchup *c = g_new0(struct catchup, 1);

	c->pager = p;
	c->queue = g_array_new(FALSE, FALSE, sizeof(struct store_news));
	g_queue_init(&c->wanted);
	c->running = g_hash_table_new_full(need_hash, need_equal_g, g_free, NULL);
	c->trials = g_hash_table_new_full(need_hash, need_equal_g, NULL, g_free);
	c->wrote = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	c->news = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
	pthread_mutex_init(&c->lock, NULL);
	return c;
}

void catchup_free(struct catchup **c)
{
	if (!*c)
		return;
	g_array_unref((*c)->queue);
	g_queue_clear_full(&(*c)->wanted, g_free);
	g_hash_table_unref((*c)->running);
	g_hash_table_unref((*c)->trials);
	g_hash_table_unref((*c)->wrote);
	g_hash_table_unref((*c)->news);
	pthread_mutex_destroy(&(*c)->lock);
	g_free(*c);
	*c = NULL;
}

static const struct pager_config *config_of(const struct catchup *c)
{
	return pager_get_config(c->pager);
}

/* ---- spaces with news ---- */

bool catchup_has_news(struct catchup *c, int64_t room)
{
	bool has;

	pthread_mutex_lock(&c->lock);
	has = g_hash_table_contains(c->news, &room);
	pthread_mutex_unlock(&c->lock);
	return has;
}

int catchup_count_news(struct catchup *c)
{
	int n;

	pthread_mutex_lock(&c->lock);
	n = (int)g_hash_table_size(c->news);
	pthread_mutex_unlock(&c->lock);
	return n;
}

/* Reads them all, which takes the longer the more there are: once for each poll. */
void catchup_publish(struct catchup *c)
{
	struct store_conn *conn;

	g_array_set_size(c->queue, 0);
	c->next = 0;
	if (store_read_begin(config_of(c)->store, &conn) == 0) {
		(void)store_news_list(conn, NEWS_MAX, c->queue);
		store_read_end(conn);
	}
	pthread_mutex_lock(&c->lock);
	g_hash_table_remove_all(c->news);
	for (guint i = 0; i < c->queue->len; i++)
		g_hash_table_add(c->news,
				 g_memdup2(&g_array_index(c->queue, struct store_news, i).room,
					   sizeof(int64_t)));
	pthread_mutex_unlock(&c->lock);
}

/* Puts the space in its place among those that are still to be begun. */
static void queue_again(struct catchup *c, const struct store_news *news)
{
	guint i = c->next;

	while (i < c->queue->len &&
	       g_array_index(c->queue, struct store_news, i).activity_ms > news->activity_ms)
		i++;
	g_array_insert_val(c->queue, i, *news);
}

/* After its newest messages came: notes whether the space has news, and whether they are to be
 * fetched at once. */
static void review(struct catchup *c, int64_t room, bool at_once)
{
	struct store_activity activity = {.last_ms = -1, .head_ms = -1};
	struct store_news news = {.room = room};
	struct store_conn *conn;

	if (store_read_begin(config_of(c)->store, &conn))
		return;
	/* Of a space that is gone both stay equal. */
	(void)store_room_activity(conn, room, &activity);
	store_read_end(conn);
	news.activity_ms = activity.last_ms;
	pthread_mutex_lock(&c->lock);
	if (activity.last_ms != activity.head_ms)
		g_hash_table_add(c->news, g_memdup2(&room, sizeof(room)));
	else
		g_hash_table_remove(c->news, &room);
	pthread_mutex_unlock(&c->lock);
	if (at_once && activity.last_ms != activity.head_ms)
		queue_again(c, &news);
}

void catchup_head_came(struct catchup *c, int64_t room)
{
	review(c, room, false);
}

/* ---- choosing the next fetch ---- */

static bool is_put_off(const struct catchup *c, const struct need *need)
{
	const struct trial *t = g_hash_table_lookup(c->trials, need);

	return t && t->next_ms > clock_mono(config_of(c)->clock);
}

static gint compare_needs(gconstpointer a, gconstpointer b)
{
	return !need_equal(a, b);
}

static void forget_want(struct catchup *c, const struct need *need)
{
	GList *link = g_queue_find_custom(&c->wanted, need, compare_needs);

	if (!link)
		return;
	g_free(link->data);
	g_queue_delete_link(&c->wanted, link);
}

static void begin(struct catchup *c, const struct need *need)
{
	if (g_hash_table_contains(c->running, need) || is_put_off(c, need))
		return;
	g_hash_table_add(c->running, g_memdup2(need, sizeof(*need)));
	forget_want(c, need);
	pager_begin(c->pager, need);
}

static bool has_room(const struct catchup *c)
{
	return !c->is_down && !c->is_asleep && g_hash_table_size(c->running) < AT_ONCE;
}

static void begin_news(struct catchup *c)
{
	while (c->next < c->queue->len && has_room(c)) {
		struct need need = {
			.kind = NEED_HEAD,
			.row = g_array_index(c->queue, struct store_news, c->next++).room};

		/* Somebody may have opened it meanwhile. */
		if (catchup_has_news(c, need.row))
			begin(c, &need);
	}
}

static void begin_wanted(struct catchup *c)
{
	while (has_room(c) && !g_queue_is_empty(&c->wanted)) {
		struct need *need = g_queue_pop_head(&c->wanted);

		begin(c, need);
		g_free(need);
	}
}

/* A fetch that cannot begin ends inside this call, so a pump inside a pump does nothing. */
void catchup_pump(struct catchup *c)
{
	guint running;

	if (c->is_pumping)
		return;
	c->is_pumping = true;
	do {
		running = g_hash_table_size(c->running);
		begin_news(c);
		begin_wanted(c);
	} while (has_room(c) && g_hash_table_size(c->running) > running);
	c->is_pumping = false;
}

void catchup_want(struct catchup *c, const struct need *need)
{
	if (!g_hash_table_contains(c->running, need) &&
	    !g_queue_find_custom(&c->wanted, need, compare_needs))
		g_queue_push_tail(&c->wanted, g_memdup2(need, sizeof(*need)));
}

void catchup_wrote(struct catchup *c, int64_t room)
{
	g_hash_table_add(c->wrote, g_memdup2(&room, sizeof(room)));
}

static gboolean want_wrote(gpointer key, gpointer value, gpointer c)
{
	struct need need = {.kind = NEED_HEAD, .row = *(const int64_t *)key};

	(void)value;
	catchup_want(c, &need);
	return TRUE;
}

void catchup_polled(struct catchup *c)
{
	g_hash_table_foreach_remove(c->wrote, want_wrote, c);
	c->is_down = c->is_asleep = false;
	catchup_publish(c);
	catchup_pump(c);
}

void catchup_sleep(struct catchup *c)
{
	c->is_asleep = true;
	g_queue_clear_full(&c->wanted, g_free);
}

/* ---- results of fetches ---- */

static void put_off(struct catchup *c, const struct need *need)
{
	struct trial *t = g_hash_table_lookup(c->trials, need);

	if (!t) {
		t = g_new0(struct trial, 1);
		t->need = *need;
		t->wait_ms = PUT_OFF_MS / 2;
		g_hash_table_insert(c->trials, &t->need, t);
	}
	t->wait_ms = MIN(t->wait_ms * 2, PUT_OFF_MAX_MS);
	t->next_ms = clock_mono(config_of(c)->clock) + t->wait_ms;
}

void catchup_ended(struct catchup *c, const struct need *need, int error, bool network)
{
	g_hash_table_remove(c->running, need);
	if (error && network)
		c->is_down = true;
	else if (error && error != -ECANCELED)
		put_off(c, need);
	else if (!error)
		g_hash_table_remove(c->trials, need);
	c->is_down &= error != 0;
	if (need->kind == NEED_HEAD)
		review(c, need->row, !is_put_off(c, need));
	catchup_pump(c);
}

bool catchup_is_quiet(const struct catchup *c)
{
	return g_queue_is_empty((GQueue *)&c->wanted) && !g_hash_table_size(c->running);
}
