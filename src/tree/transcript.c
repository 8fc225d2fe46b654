/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/names.h"
#include "base/timefmt.h"
#include "tree/transcript.h"
#include "webex/render.h"

/* So many texts of closed transcripts are kept for the next stat or open. */
#define KEEP_CLOSED 8
/* And so many bytes of them in sum: that of a million messages. */
#define KEEP_BYTES (INT64_C(160) * 1024 * 1024)
/* So many sizes are remembered. */
#define KEEP_SIZES 1024

struct text {
	uint64_t ino;
	struct store_range range; /* the messages in it */
	int opens;
	/* Of the text as it was made; 0: unknown. Only used while the transcript is closed. */
	uint64_t version;
	uint64_t used; /* for the order of use */
	GString *bytes;
	GArray *shown;	/* cookies of the messages in it, rising (int64_t) */
	bool lacks;	/* the body of a message is missing */
	bool has_grown; /* something was appended */
};

/* The size that a text of a version had. */
struct size {
	uint64_t version;
	int64_t size;
};

struct transcripts {
	pthread_mutex_t lock;
	GHashTable *texts; /* ino -> text; transcripts.lock */
	GHashTable *sizes; /* ino, owned -> struct size, owned; transcripts.lock */
	uint64_t uses;	   /* transcripts.lock */
};

static void text_free(void *p)
{
	struct text *t = p;

	g_string_free(t->bytes, TRUE);
	g_array_unref(t->shown);
	g_free(t);
}

struct transcripts *transcripts_new(void)
{
	struct transcripts *t = g_new0(struct transcripts, 1);

	pthread_mutex_init(&t->lock, NULL);
	t->texts = g_hash_table_new_full(g_int64_hash, g_int64_equal, NULL, text_free);
	t->sizes = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
	return t;
}

void transcripts_free(struct transcripts **t)
{
	if (!*t)
		return;
	g_hash_table_unref((*t)->texts);
	g_hash_table_unref((*t)->sizes);
	pthread_mutex_destroy(&(*t)->lock);
	g_free(*t);
	*t = NULL;
}

static void render(GString *out, const struct store_message *m)
{
	size_t len;
	const char *author = name_stem_author(m->stem, &len);

	webex_render_transcript(&m->m, author, len, out);
}

/* Where the cookie is among those that are shown, or belongs; true if it is there. */
static bool find_shown(const struct text *text, int64_t cookie, guint *ret_place)
{
	guint low = 0, high = text->shown->len;

	while (low < high) {
		guint middle = low + (high - low) / 2;

		if (g_array_index(text->shown, int64_t, middle) < cookie)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_place = low;
	return low < text->shown->len && g_array_index(text->shown, int64_t, low) == cookie;
}

static bool add_message(void *arg, const struct store_message *m)
{
	struct text *text = arg;

	text->lacks |= m->is_evicted;
	render(text->bytes, m);
	g_array_append_val(text->shown, m->cookie);
	return true;
}

static int make(struct store_conn *conn, uint64_t ino, const struct store_range *range,
		uint64_t version, struct text **ret_text)
{
	struct text *text = g_new0(struct text, 1);
	int r;

	text->ino = ino;
	text->range = *range;
	text->version = version;
	text->bytes = g_string_new(NULL);
	text->shown = g_array_new(FALSE, FALSE, sizeof(int64_t));
	r = store_message_each(conn, range, add_message, text);
	if (r == 0 && text->lacks)
		r = -ENODATA;
	if (r) {
		text_free(text);
		return r;
	}
	*ret_text = text;
	return 0;
}

/* The closed text that was used longest ago, but `kept`; NULL: those that are closed may all stay. */
static struct text *find_spare_locked(struct transcripts *t, const struct text *kept)
{
	GHashTableIter iter;
	gpointer value;
	struct text *oldest = NULL;
	int64_t bytes = 0;
	int closed = 0;

	g_hash_table_iter_init(&iter, t->texts);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct text *text = value;

		if (text->opens)
			continue;
		closed++;
		bytes += (int64_t)text->bytes->len;
		if (text != kept && (!oldest || text->used < oldest->used))
			oldest = text;
	}
	return closed > KEEP_CLOSED || bytes > KEEP_BYTES ? oldest : NULL;
}

static void forget_closed_locked(struct transcripts *t, const struct text *kept)
{
	struct text *spare;

	while ((spare = find_spare_locked(t, kept)))
		g_hash_table_remove(t->texts, &spare->ino);
}

/* The text that an open would see, or NULL if it must be made. */
static struct text *find_locked(struct transcripts *t, uint64_t ino, uint64_t version)
{
	struct text *text = g_hash_table_lookup(t->texts, &ino);

	if (!text || (!text->opens && (!version || text->version != version)))
		return NULL;
	text->used = ++t->uses;
	return text;
}

/* Puts `made` in place unless somebody opened the transcript meanwhile. */
static struct text *place_locked(struct transcripts *t, struct text *made, uint64_t version)
{
	struct text *text = find_locked(t, made->ino, version);

	if (text) {
		text_free(made);
		return text;
	}
	g_hash_table_replace(t->texts, &made->ino, made);
	made->used = ++t->uses;
	forget_closed_locked(t, made);
	return made;
}

static bool find_size_locked(struct transcripts *t, uint64_t ino, uint64_t version,
			     int64_t *ret_size)
{
	struct text *text = find_locked(t, ino, version);
	const struct size *size = g_hash_table_lookup(t->sizes, &ino);

	if (text)
		*ret_size = (int64_t)text->bytes->len;
	else if (version && size && size->version == version)
		*ret_size = size->size;
	else
		return false;
	return true;
}

static void note_size(struct transcripts *t, uint64_t ino, uint64_t version, int64_t size)
{
	struct size made = {version, size};

	pthread_mutex_lock(&t->lock);
	if (g_hash_table_size(t->sizes) >= KEEP_SIZES)
		g_hash_table_remove_all(t->sizes);
	g_hash_table_replace(t->sizes, g_memdup2(&ino, sizeof(ino)),
			     g_memdup2(&made, sizeof(made)));
	pthread_mutex_unlock(&t->lock);
}

int transcript_size(struct transcripts *t, struct store_conn *conn, uint64_t ino,
		    const struct store_range *range, uint64_t version, int64_t *ret_size)
{
	struct text *made;
	bool is_known;
	int r;

	pthread_mutex_lock(&t->lock);
	is_known = find_size_locked(t, ino, version, ret_size);
	pthread_mutex_unlock(&t->lock);
	if (is_known)
		return 0;
	r = store_transcript_size(conn, range, ret_size);
	if (r == 0)
		note_size(t, ino, version, *ret_size);
	if (r != -ENODATA)
		return r;
	r = make(conn, ino, range, version, &made);
	if (r)
		return r;
	pthread_mutex_lock(&t->lock);
	*ret_size = (int64_t)place_locked(t, made, version)->bytes->len;
	pthread_mutex_unlock(&t->lock);
	return 0;
}

int transcript_hold(struct transcripts *t, struct store_conn *conn, uint64_t ino,
		    const struct store_range *range, uint64_t version)
{
	struct text *text, *made;
	int r;

	pthread_mutex_lock(&t->lock);
	text = find_locked(t, ino, version);
	if (text)
		text->opens++;
	pthread_mutex_unlock(&t->lock);
	if (text)
		return 0;
	r = make(conn, ino, range, version, &made);
	if (r)
		return r;
	pthread_mutex_lock(&t->lock);
	place_locked(t, made, version)->opens++;
	pthread_mutex_unlock(&t->lock);
	return 0;
}

void transcript_release(struct transcripts *t, uint64_t ino)
{
	struct text *text;

	pthread_mutex_lock(&t->lock);
	text = g_hash_table_lookup(t->texts, &ino);
	/* A new open must not get the appended lines, so such a text is dropped. */
	if (text && --text->opens == 0) {
		if (text->has_grown)
			g_hash_table_remove(t->texts, &ino);
		else
			forget_closed_locked(t, NULL);
	}
	pthread_mutex_unlock(&t->lock);
}

bool transcript_is_open(struct transcripts *t, uint64_t ino, int64_t *ret_size)
{
	struct text *text;
	bool open;

	pthread_mutex_lock(&t->lock);
	text = g_hash_table_lookup(t->texts, &ino);
	open = text && text->opens > 0;
	if (open && ret_size)
		*ret_size = (int64_t)text->bytes->len;
	pthread_mutex_unlock(&t->lock);
	return open;
}

bool transcript_is_open_of(struct transcripts *t, int64_t room)
{
	GHashTableIter iter;
	gpointer value;
	bool open = false;

	pthread_mutex_lock(&t->lock);
	g_hash_table_iter_init(&iter, t->texts);
	while (!open && g_hash_table_iter_next(&iter, NULL, &value)) {
		const struct text *text = value;

		open = text->opens > 0 && text->range.room == room;
	}
	pthread_mutex_unlock(&t->lock);
	return open;
}

size_t transcript_read(struct transcripts *t, uint64_t ino, void *buf, size_t len,
		       int64_t offset)
{
	struct text *text;
	size_t n = 0;

	pthread_mutex_lock(&t->lock);
	text = g_hash_table_lookup(t->texts, &ino);
	if (text && offset >= 0 && (uint64_t)offset < text->bytes->len) {
		n = MIN(len, text->bytes->len - (size_t)offset);
		memcpy(buf, text->bytes->str + offset, n);
	}
	pthread_mutex_unlock(&t->lock);
	return n;
}

static void append_note(GString *out, const char *what, const struct store_message *m,
			int64_t now_wall_ms)
{
	char now[TIME_LOCAL_SIZE], then[TIME_LOCAL_SIZE];
	size_t len;
	const char *author = name_stem_author(m->stem, &len);

	time_format_local(now_wall_ms, now);
	time_format_local(m->m.created_ms, then);
	g_string_append_printf(out, "%s * %s the message of %s by %.*s\n", now, what, then,
			       (int)len, author);
}

static bool is_in(const struct store_range *range, const struct store_message *m)
{
	return range->room == m->room && m->cookie > range->after &&
	       (!range->until || m->cookie < range->until) &&
	       m->m.created_ms >= range->since_ms;
}

/*
 * A message may already be in the text because it was read from the store before it was told. One
 * that is older than the last one shown has come late, or is there again: whoever follows the text
 * sees only what is appended, and is told that it stands elsewhere.
 */
static void append_added(struct text *text, const struct store_message *m, int64_t now_wall_ms)
{
	guint place;

	if (m->deleted || find_shown(text, m->cookie, &place))
		return;
	if (place < text->shown->len)
		append_note(text->bytes, "came late:", m, now_wall_ms);
	render(text->bytes, m);
	g_array_insert_val(text->shown, place, m->cookie);
}

static void append_gone(struct text *text, const struct store_message *m, int64_t now_wall_ms)
{
	guint place;

	append_note(text->bytes, "deleted:", m, now_wall_ms);
	if (find_shown(text, m->cookie, &place))
		g_array_remove_index(text->shown, place);
}

static void append(struct text *text, enum store_change_type type,
		   const struct store_message *m, int64_t now_wall_ms)
{
	if (type == STORE_MESSAGE_ADDED) {
		append_added(text, m, now_wall_ms);
	} else if (type == STORE_MESSAGE_CHANGED) {
		append_note(text->bytes, "edited:", m, now_wall_ms);
		render(text->bytes, m);
	} else if (type == STORE_MESSAGE_GONE) {
		append_gone(text, m, now_wall_ms);
	}
}

void transcript_append(struct transcripts *t, enum store_change_type type,
		       const struct store_message *m, int64_t now_wall_ms, GArray *grown)
{
	GHashTableIter iter;
	gpointer value;

	pthread_mutex_lock(&t->lock);
	g_hash_table_iter_init(&iter, t->texts);
	while (g_hash_table_iter_next(&iter, NULL, &value)) {
		struct text *text = value;
		gsize before = text->bytes->len;

		if (!text->opens || !is_in(&text->range, m))
			continue;
		append(text, type, m, now_wall_ms);
		if (text->bytes->len > before) {
			text->has_grown = true;
			g_array_append_val(grown, text->ino);
		}
	}
	pthread_mutex_unlock(&t->lock);
}
