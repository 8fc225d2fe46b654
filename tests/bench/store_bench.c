/* SPDX-License-Identifier: MIT */
/*
 * What the store costs a message: store_bench [--folder=DIR] [--lanes=N] [messages]...
 *
 * One line of JSON a size. Messages as people write them come in pages of 1,000, newest first
 * (as history is fetched), of several lanes in turn. "..._us" are microseconds of the processor
 * in the calling thread, "..._wall_us" of the clock; a message each, unless the name says otherwise.
 */
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "store/store.h"
#include "webex/id.h"

#define PAGE_ITEMS 1000
#define AUTHORS 20
#define NOW INT64_C(1764000000000)
#define YEARS_MS (6 * INT64_C(31556952000)) /* all of them, whatever their number */

struct bench {
	char *folder, *path, *reserve;
	struct store *s;
	int64_t room;
	char *room_id;
	char *author_id[AUTHORS], *author_email[AUTHORS];
	int64_t payload; /* bytes of text, markdown, html and cards */
	int count, lanes;
};

struct stopwatch {
	int64_t cpu, wall;
};

static int64_t clock_us(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (int64_t)t.tv_sec * G_USEC_PER_SEC + t.tv_nsec / 1000;
}

static void start(struct stopwatch *w)
{
	w->cpu -= clock_us(CLOCK_THREAD_CPUTIME_ID);
	w->wall -= clock_us(CLOCK_MONOTONIC);
}

static void stop(struct stopwatch *w)
{
	w->cpu += clock_us(CLOCK_THREAD_CPUTIME_ID);
	w->wall += clock_us(CLOCK_MONOTONIC);
}

static void must(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, g_strerror(-r));
	exit(1);
}

/* ---- messages as people write them; the same for the same number ---- */

static uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* A version 1 UUID of that time, as the service makes them. */
static char *make_id(const char *type, int64_t ms, uint64_t salt)
{
	uint64_t t = (uint64_t)(ms + INT64_C(12219292800000)) * 10000 + salt % 10000;
	char uuid[37];

	g_snprintf(uuid, sizeof(uuid), "%08x-%04x-%04x-%04x-%012" PRIx64,
		   (unsigned)(t & 0xffffffff), (unsigned)(t >> 32 & 0xffff),
		   (unsigned)(t >> 48 & 0xfff) | 0x1000,
		   (unsigned)(salt >> 8 & 0x3fff) | 0x8000,
		   salt >> 16 & UINT64_C(0xffffffffffff));
	return webex_id_encode("us", type, uuid);
}

static int64_t time_of(const struct bench *b, int n)
{
	return NOW - YEARS_MS / b->count * (b->count - n);
}

static char *words(uint64_t seed, size_t length)
{
	static const char *const list[] = {
		"the ",	     "deploy ", "of ",	    "last ", "night ",	   "went ",
		"through, ", "but ",	"please ",  "look ", "at ",	   "ticket ",
		"4711 ",     "again; ", "numbers ", "are ",  "in ",	   "the ",
		"sheet ",    "und ",	"grüße ",   "to ",   "everybody ", "there. ",
	};
	GString *out = g_string_sized_new(length + 16);

	while (out->len < length) {
		seed = mix(seed);
		g_string_append(out, list[seed % G_N_ELEMENTS(list)]);
	}
	return g_string_free(out, FALSE);
}

static struct webex_message *make_message(struct bench *b, int n)
{
	struct webex_message *m = g_new0(struct webex_message, 1);
	uint64_t seed = mix((uint64_t)n + 1), author = mix(seed) % AUTHORS;

	m->created_ms = time_of(b, n);
	m->updated_ms = seed % 50 ? -1 : m->created_ms + 60000;
	m->id = make_id("MESSAGE", m->created_ms, seed);
	m->room_id = g_strdup(b->room_id);
	m->person_id = g_strdup(b->author_id[author]);
	m->person_email = g_strdup(b->author_email[author]);
	m->text = words(seed, 60 + seed % 341 * (seed >> 20 & 1));
	if (seed >> 24 & 1)
		m->html = g_strdup_printf("<p>%s</p>", m->text);
	if ((seed >> 25 & 3) == 0)
		m->markdown = g_strdup_printf("**%s**", m->text);
	if ((seed >> 27 & 3) == 0 && n > 40) {
		int parent = n - 1 - (int)(seed >> 30 & 31);

		m->parent_id =
			make_id("MESSAGE", time_of(b, parent), mix((uint64_t)parent + 1));
	}
	if (seed % 200 == 7)
		m->attachments = words(seed, 1200);
	return m;
}

static int64_t length_of(const char *text)
{
	return text ? (int64_t)strlen(text) : 0;
}

static GPtrArray *make_page(struct bench *b, int page)
{
	GPtrArray *list = g_ptr_array_new_with_free_func(webex_message_free);

	/* Newest first, as the service lists them. */
	for (int i = MIN(b->count, (page + 1) * PAGE_ITEMS) - 1; i >= page * PAGE_ITEMS; i--)
		g_ptr_array_add(list, make_message(b, i));
	return list;
}

/* ---- measurements ---- */

static void open_store(struct bench *b)
{
	struct store_config config = {
		.path = b->path, .reserve_path = b->reserve, .holder = "bench"};
	char *holder = NULL;

	must(store_open(&config, &b->s, &holder), "open");
}

static void apply(struct bench *b, int page, struct stopwatch *w, guint expected)
{
	GPtrArray *list = make_page(b, page), *changes = store_changes_new();
	int64_t lo = page ? time_of(b, page * PAGE_ITEMS) - 1 : -1;
	bool is_head = (page + 1) * PAGE_ITEMS >= b->count;
	GArray *missing = g_array_new(FALSE, FALSE, sizeof(int64_t));
	int r;

	if (expected) {
		for (guint i = 0; i < list->len; i++) {
			const struct webex_message *m = list->pdata[i];

			b->payload += length_of(m->text) + length_of(m->markdown) +
				      length_of(m->html) + length_of(m->attachments);
		}
	}
	start(w);
	r = store_apply_page(
		b->s, b->room, list, lo, is_head ? 0 : time_of(b, (page + 1) * PAGE_ITEMS) - 1,
		is_head ? STORE_PAGE_HEAD : STORE_PAGE_INNER, NOW, missing, changes);
	stop(w);
	g_array_unref(missing);
	must(r, "page");
	/* Of a time of which nothing was known, one stands for all of them. */
	if (!changes->len != !expected)
		must(-EPROTO, "changes");
	g_ptr_array_unref(changes);
	g_ptr_array_unref(list);
}

/* Each lane goes through its own part of the time, newest first. */
static void fill(struct bench *b, struct stopwatch *w)
{
	int pages = (b->count + PAGE_ITEMS - 1) / PAGE_ITEMS;
	int part = (pages + b->lanes - 1) / b->lanes;

	apply(b, pages - 1, w, (guint)(b->count - (pages - 1) * PAGE_ITEMS));
	for (int step = 0; step < part; step++)
		for (int lane = b->lanes - 1; lane >= 0; lane--) {
			int page = MIN((lane + 1) * part, pages) - 1 - step;

			if (page >= lane * part && page != pages - 1)
				apply(b, page, w, PAGE_ITEMS);
		}
}

static bool note_row(void *arg, const struct store_brief *brief)
{
	g_array_append_val((GArray *)arg, brief->rowid);
	return true;
}

static bool count_message(void *arg, const struct store_message *m)
{
	*(int *)arg += m->m.text != NULL;
	return true;
}

static void list_all(struct bench *b, GArray *rows, struct stopwatch *list,
		     struct stopwatch *each)
{
	struct store_range range = {.room = b->room};
	struct store_conn *c;
	int n = 0;

	must(store_read_begin(b->s, &c), "read");
	start(list);
	must(store_message_list(c, &range, note_row, rows), "list");
	stop(list);
	start(each);
	must(store_message_each(c, &range, count_message, &n), "each");
	stop(each);
	store_read_end(c);
	if (n != b->count || rows->len != (guint)b->count)
		must(-EPROTO, "count");
}

static void read_one(struct bench *b, int64_t rowid, bool is_whole)
{
	struct store_conn *c;

	must(store_read_begin(b->s, &c), "read");
	if (is_whole) {
		struct store_message m;

		must(store_message_get(c, rowid, &m), "get");
		store_message_clear(&m);
	} else {
		struct store_brief brief;
		char *stem;
		int64_t room;
		bool deleted;

		must(store_message_brief(c, rowid, &brief, &stem, &room, &deleted), "brief");
		g_free(stem);
	}
	store_read_end(c);
}

#define READS 20000

static void read_some(struct bench *b, const GArray *rows, bool is_whole, struct stopwatch *w)
{
	start(w);
	for (guint i = 0; i < READS; i++)
		read_one(b, g_array_index(rows, int64_t, i % rows->len), is_whole);
	stop(w);
}

static void read_nothing(struct bench *b, struct stopwatch *w)
{
	start(w);
	for (int i = 0; i < READS; i++) {
		struct store_conn *c;

		must(store_read_begin(b->s, &c), "read");
		store_read_end(c);
	}
	stop(w);
}

static int64_t size_of(const char *path)
{
	GStatBuf st;

	return g_stat(path, &st) == 0 ? st.st_size : 0;
}

static void add_room(struct bench *b)
{
	struct webex_room room = {.title = (char *)"bench"};

	room.id = b->room_id;
	room.created_ms = NOW - YEARS_MS - 1;
	room.last_activity_ms = NOW;
	must(store_apply_room(b->s, &room, 0, &b->room, NULL), "room");
}

/* Half of the bodies go. */
static void evict(struct bench *b, struct stopwatch *w)
{
	struct store_evict e = {.limit = b->count / 2, .recent = 1000, .slice = 500};
	int r;

	start(w);
	while ((r = store_evict(b->s, &e)) == 1)
		;
	stop(w);
	must(r, "evict");
}

static void run(struct bench *b)
{
	struct stopwatch insert = {0}, known = {0}, list = {0}, each = {0}, empty = {0},
			 brief = {0}, get = {0}, drop = {0}, closing = {0}, opening = {0};
	GArray *rows = g_array_new(FALSE, FALSE, sizeof(int64_t));
	struct rusage usage;
	int last = (b->count - 1) / PAGE_ITEMS;
	double n = b->count;
	int64_t size;

	open_store(b);
	add_room(b);
	fill(b, &insert);
	for (int i = 0; i < 5; i++)
		apply(b, last, &known, 0);
	list_all(b, rows, &list, &each);
	read_nothing(b, &empty);
	read_some(b, rows, false, &brief);
	read_some(b, rows, true, &get);
	start(&closing);
	store_close(&b->s);
	stop(&closing);
	size = size_of(b->path);
	start(&opening);
	open_store(b);
	stop(&opening);
	evict(b, &drop);
	store_close(&b->s);
	getrusage(RUSAGE_SELF, &usage);
	printf("{\"messages\": %d, \"insert_us\": %.2f, \"insert_wall_us\": %.2f, "
	       "\"known_us\": %.2f, \"list_us\": %.2f, \"whole_us\": %.2f, "
	       "\"snapshot_us\": %.2f, \"brief_us\": %.2f, \"get_us\": %.2f, "
	       "\"evict_us\": %.2f, "
	       "\"bytes_beyond\": %.0f, \"close_ms\": %.1f, \"open_ms\": %.1f, "
	       "\"max_rss_mb\": %.1f}\n",
	       b->count, insert.cpu / n, insert.wall / n,
	       known.cpu / 5.0 / (b->count - last * PAGE_ITEMS), list.cpu / n, each.cpu / n,
	       (double)empty.cpu / READS, (double)brief.cpu / READS, (double)get.cpu / READS,
	       drop.cpu / (n / 2), (size - b->payload) / n, closing.wall / 1000.0,
	       opening.wall / 1000.0, usage.ru_maxrss / 1024.0);
	fflush(stdout);
	g_array_unref(rows);
}

static void remove_files(const struct bench *b)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};

	for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
		g_autofree char *path = g_strconcat(b->path, suffixes[i], NULL);

		unlink(path);
	}
	unlink(b->reserve);
}

static void bench_size(const char *parent, int count, int lanes)
{
	struct bench b = {.count = count, .lanes = lanes};

	b.folder = g_build_filename(parent, "store-bench-XXXXXX", NULL);
	if (!g_mkdtemp(b.folder))
		must(-errno, parent);
	b.path = g_build_filename(b.folder, "store.db", NULL);
	b.reserve = g_build_filename(b.folder, "rows", NULL);
	b.room_id = make_id("ROOM", NOW - YEARS_MS - 1, 1);
	for (int i = 0; i < AUTHORS; i++) {
		b.author_id[i] = make_id("PEOPLE", NOW, mix((uint64_t)i));
		b.author_email[i] = g_strdup_printf("firstname.lastname%d@example.com", i);
	}
	run(&b);
	if (!g_getenv("KEEP"))
		remove_files(&b);
	rmdir(b.folder);
	for (int i = 0; i < AUTHORS; i++) {
		g_free(b.author_id[i]);
		g_free(b.author_email[i]);
	}
	g_free(b.room_id);
	g_free(b.reserve);
	g_free(b.path);
	g_free(b.folder);
}

int main(int argc, char **argv)
{
	static const int sizes[] = {1000, 10000, 100000};
	const char *folder = g_get_tmp_dir();
	int lanes = 4, given = 0;

	log_set_sink(LOG_SINK_STDERR);
	for (int i = 1; i < argc; i++) {
		if (g_str_has_prefix(argv[i], "--folder="))
			folder = argv[i] + strlen("--folder=");
		else if (g_str_has_prefix(argv[i], "--lanes="))
			lanes = MAX(1, atoi(argv[i] + strlen("--lanes=")));
		else if (atoi(argv[i]) > 0 && ++given)
			bench_size(folder, atoi(argv[i]), lanes);
		else
			must(-EINVAL, argv[i]);
	}
	for (size_t i = 0; !given && i < G_N_ELEMENTS(sizes); i++)
		bench_size(folder, sizes[i], lanes);
	return 0;
}
