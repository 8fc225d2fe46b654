/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/names.h"
#include "base/timefmt.h"
#include "tree/transcript.h"
#include "tree/transcript_parts.h"

/* So many texts of closed transcripts are kept for the next stat or open. */
#define KEEP_CLOSED 8
/* And so many bytes of them in sum: that of a million messages. */
#define KEEP_BYTES (INT64_C(160) * 1024 * 1024)
/* So many sizes are remembered. */
#define KEEP_SIZES 1024
/* A text of so many bytes is made by parts: less takes a few milliseconds. */
int64_t transcript_parts_min = INT64_C(1024) * 1024;

struct text {
	uint64_t ino;
	struct store_range range; /* the messages in it */
	int opens;
	/* Of the text as it was made; 0: unknown. Only used while the transcript is closed. */
	uint64_t version;
	uint64_t used; /* for the order of use */
	/* NULL: all of the text is in `bytes`. Else `bytes` is what was appended to it. */
	struct layout *layout;
	struct parts *parts; /* not NULL while it is open and has a layout */
	GString *bytes;
	GArray *shown;	/* while it is open: cookies of its messages, rising (int64_t) */
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
	parts_stop(&t->parts);
	layout_unref(&t->layout);
	g_free(t);
}

/* What of the text is not in its bytes. */
static int64_t head_size(const struct text *text)
{
	return text->layout ? layout_size(text->layout) : 0;
}

static int64_t text_size(const struct text *text)
{
	return head_size(text) + (int64_t)text->bytes->len;
}

static int64_t memory_of(const struct text *text)
{
	int64_t places = text->layout ? text->layout->ends->len : 0;

	return (int64_t)text->bytes->len +
	       (int64_t)sizeof(int64_t) * (text->shown->len + 2 * places);
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
	transcript_render(text->bytes, m);
	g_array_append_val(text->shown, m->cookie);
	return true;
}

static struct text *text_new(uint64_t ino, const struct store_range *range, uint64_t version)
{
	struct text *text = g_new0(struct text, 1);

	text->ino = ino;
	text->range = *range;
	text->version = version;
	text->bytes = g_string_new(NULL);
	text->shown = g_array_new(FALSE, FALSE, sizeof(int64_t));
	return text;
}

static int make_whole(struct store_conn *conn, uint64_t ino, const struct store_range *range,
		      uint64_t version, struct text **ret_text)
{
	struct text *text = text_new(ino, range, version);
	int r;

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

/* Makes the layout of a text that is long. *ret_text: NULL if it is not. -ENODATA: some size is unknown. */
static int make_long(struct store_conn *conn, uint64_t ino, const struct store_range *range,
		     uint64_t version, int64_t *ret_size, struct text **ret_text)
{
	struct layout *l;
	int r = layout_read(conn, range, &l);

	*ret_text = NULL;
	if (r)
		return r;
	*ret_size = layout_size(l);
	if (*ret_size >= transcript_parts_min) {
		*ret_text = text_new(ino, range, version);
		(*ret_text)->layout = g_steal_pointer(&l);
	}
	layout_unref(&l);
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
		bytes += memory_of(text);
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

static bool can_open(const struct text *text)
{
	return !text->layout || text->parts;
}

/* Puts `*made` in place, and sets it to NULL, unless somebody did meanwhile: then the caller frees it,
 * without the lock, because a keeper is waited for. */
static struct text *place_locked(struct transcripts *t, struct text **made)
{
	struct text *m = *made, *text = find_locked(t, m->ino, m->version);

	if (text && can_open(text) >= can_open(m))
		return text;
	*made = NULL;
	g_hash_table_replace(t->texts, &m->ino, m);
	m->used = ++t->uses;
	forget_closed_locked(t, m);
	return m;
}

static bool find_size_locked(struct transcripts *t, uint64_t ino, uint64_t version,
			     int64_t *ret_size)
{
	struct text *text = find_locked(t, ino, version);
	const struct size *size = g_hash_table_lookup(t->sizes, &ino);

	if (text)
		*ret_size = text_size(text);
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
	r = make_long(conn, ino, range, version, ret_size, &made);
	if (r == 0)
		note_size(t, ino, version, *ret_size);
	if (r == -ENODATA)
		r = make_whole(conn, ino, range, version, &made);
	if (r || !made)
		return r;
	pthread_mutex_lock(&t->lock);
	*ret_size = text_size(place_locked(t, &made));
	pthread_mutex_unlock(&t->lock);
	g_clear_pointer(&made, text_free);
	return 0;
}

/* A text with the layout of the one that is kept, or NULL. */
static struct text *again_locked(struct transcripts *t, uint64_t ino, uint64_t version)
{
	const struct text *text = find_locked(t, ino, version);
	struct text *made;

	if (!text || !text->layout)
		return NULL;
	made = text_new(ino, &text->range, version);
	made->layout = g_atomic_rc_box_acquire(text->layout);
	return made;
}

/* Makes the text ready to be read. -ESTALE: it must be made as a whole. */
static int start(struct store_conn *conn, struct text *text)
{
	struct store_span span;
	int r = store_evicted_span(conn, &text->range, &span);

	if (r == 0)
		r = parts_start(conn, text->layout, &text->parts);
	if (r)
		return r > 0 ? -ENODATA : -ESTALE;
	g_array_append_vals(text->shown, text->layout->cookies->data,
			    text->layout->cookies->len);
	return 0;
}

/* `*made`: a text with a layout, or NULL. It is replaced by one that can be read. */
static int make_open(struct store_conn *conn, uint64_t ino, const struct store_range *range,
		     uint64_t version, struct text **made)
{
	int64_t size;
	int r = *made ? 0 : make_long(conn, ino, range, version, &size, made);

	if (r && r != -ENODATA)
		return r;
	r = *made ? start(conn, *made) : -ESTALE;
	if (r == 0)
		return 0;
	g_clear_pointer(made, text_free);
	return r == -ESTALE ? make_whole(conn, ino, range, version, made) : r;
}

int transcript_hold(struct transcripts *t, struct store_conn *conn, uint64_t ino,
		    const struct store_range *range, uint64_t version)
{
	struct text *text, *made;
	bool is_ready;
	int r;

	pthread_mutex_lock(&t->lock);
	text = find_locked(t, ino, version);
	is_ready = text && can_open(text);
	if (is_ready)
		text->opens++;
	made = is_ready ? NULL : again_locked(t, ino, version);
	pthread_mutex_unlock(&t->lock);
	if (is_ready)
		return 0;
	r = make_open(conn, ino, range, version, &made);
	if (r)
		return r;
	pthread_mutex_lock(&t->lock);
	place_locked(t, &made)->opens++;
	pthread_mutex_unlock(&t->lock);
	g_clear_pointer(&made, text_free);
	return 0;
}

/* Keeps the text for the next open: its bytes, or the places of its messages. */
static void close_locked(struct transcripts *t, struct text *text)
{
	if (text->layout) {
		g_array_unref(text->shown);
		text->shown = g_array_new(FALSE, FALSE, sizeof(int64_t));
	}
	forget_closed_locked(t, NULL);
}

void transcript_release(struct transcripts *t, uint64_t ino)
{
	struct parts *parts = NULL;
	struct text *text;

	pthread_mutex_lock(&t->lock);
	text = g_hash_table_lookup(t->texts, &ino);
	/* A new open must not get the appended lines, so such a text is dropped. */
	if (text && --text->opens == 0) {
		parts = g_steal_pointer(&text->parts);
		if (text->has_grown)
			g_hash_table_remove(t->texts, &ino);
		else
			close_locked(t, text);
	}
	pthread_mutex_unlock(&t->lock);
	parts_stop(&parts);
}

bool transcript_is_open(struct transcripts *t, uint64_t ino, int64_t *ret_size)
{
	struct text *text;
	bool open;

	pthread_mutex_lock(&t->lock);
	text = g_hash_table_lookup(t->texts, &ino);
	open = text && text->opens > 0;
	if (open && ret_size)
		*ret_size = text_size(text);
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

/* Reads what is in the bytes; `offset` is that in the text. */
static size_t read_bytes(struct transcripts *t, uint64_t ino, char *buf, size_t len,
			 int64_t offset)
{
	const struct text *text;
	size_t n = 0;

	pthread_mutex_lock(&t->lock);
	text = g_hash_table_lookup(t->texts, &ino);
	if (text && offset >= head_size(text) && offset < text_size(text)) {
		n = MIN(len, (size_t)(text_size(text) - offset));
		memcpy(buf, text->bytes->str + (offset - head_size(text)), n);
	}
	pthread_mutex_unlock(&t->lock);
	return n;
}

ssize_t transcript_read(struct transcripts *t, uint64_t ino, void *buf, size_t len,
			int64_t offset)
{
	struct parts *parts;
	struct text *text;
	ssize_t n = 0;

	pthread_mutex_lock(&t->lock);
	text = g_hash_table_lookup(t->texts, &ino);
	parts = text ? text->parts : NULL;
	pthread_mutex_unlock(&t->lock);
	/* The keeper stays, because the caller holds the text. */
	if (parts)
		n = parts_read(parts, buf, len, offset);
	if (n < 0 || (size_t)n == len)
		return n;
	return n + (ssize_t)read_bytes(t, ino, (char *)buf + n, len - (size_t)n, offset + n);
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
	       m->m.created_ms >= range->since_ms &&
	       (!range->thread || range->thread == m->thread);
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
	transcript_render(text->bytes, m);
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
		transcript_render(text->bytes, m);
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
