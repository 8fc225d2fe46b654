/* SPDX-License-Identifier: MIT */
#include "outbox_kit.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "webex/id.h"

#define WAIT_S 20

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static int next_node = 1;

static char *new_id(const char *type)
{
	char *uuid = g_strdup_printf("8cca4580-f8da-11ef-9a2b-%012x", next_node++);
	char *id = webex_id_encode("us", type, uuid);

	g_free(uuid);
	return id;
}

/* ---- the queue's thread ---- */

static void count_changes(void *arg, GPtrArray *changes)
{
	struct kit *k = arg;

	k->changes += (int)changes->len;
}

static void post_flag(void *arg)
{
	pthread_mutex_lock(&lock);
	*(bool *)arg = true;
	pthread_cond_broadcast(&ended);
	pthread_mutex_unlock(&lock);
}

static void deadline(struct timespec *ret_until)
{
	clock_gettime(CLOCK_REALTIME, ret_until);
	ret_until->tv_sec += WAIT_S;
}

void kit_drain(struct kit *k)
{
	struct timespec until;
	bool flag = false;
	int r = 0;

	deadline(&until);
	work_post(k->queue, post_flag, &flag);
	pthread_mutex_lock(&lock);
	while (!flag && r == 0)
		r = pthread_cond_timedwait(&ended, &lock, &until);
	pthread_mutex_unlock(&lock);
	assert_int_equal(r, 0);
}

void kit_done(void *arg, int error, int64_t room, int64_t message)
{
	struct outcome *end = arg;

	pthread_mutex_lock(&lock);
	end->calls++;
	end->error = error;
	end->room = room;
	end->message = message;
	pthread_cond_broadcast(&ended);
	pthread_mutex_unlock(&lock);
}

bool kit_has_ended(const struct outcome *end)
{
	bool has_ended;

	pthread_mutex_lock(&lock);
	has_ended = end->calls > 0;
	pthread_mutex_unlock(&lock);
	return has_ended;
}

void kit_expect_end(struct outcome *end, int error)
{
	struct timespec until;
	int r = 0, calls, got;

	deadline(&until);
	pthread_mutex_lock(&lock);
	while (end->calls == 0 && r == 0)
		r = pthread_cond_timedwait(&ended, &lock, &until);
	calls = end->calls;
	got = end->error;
	pthread_mutex_unlock(&lock);
	assert_int_equal(calls, 1);
	assert_int_equal(got, error);
}

static bool is_blocked; /* lock */

static void wait_unblocked(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	while (is_blocked)
		pthread_cond_wait(&ended, &lock);
	pthread_mutex_unlock(&lock);
}

void kit_block(struct kit *k)
{
	is_blocked = true;
	work_post(k->queue, wait_unblocked, NULL);
}

void kit_unblock(void)
{
	pthread_mutex_lock(&lock);
	is_blocked = false;
	pthread_cond_broadcast(&ended);
	pthread_mutex_unlock(&lock);
}

/* ---- life ---- */

static int64_t add_room(struct kit *k, const char *id, const char *title,
			enum webex_room_type type)
{
	GPtrArray *changes = store_changes_new();
	struct webex_room room = {
		.id = (char *)(uintptr_t)id,
		.title = (char *)(uintptr_t)title,
		.type = type,
		.created_ms = 1,
		.last_activity_ms = 1,
	};
	int64_t row = 0;

	assert_int_equal(store_apply_room(k->store, &room, 0, &row, changes), 0);
	g_ptr_array_unref(changes);
	return row;
}

/* The store has one thread that writes: the queue's. */
static void fill_store(void *arg)
{
	struct kit *k = arg;

	assert_int_equal(store_meta_set(k->store, "me.id", k->me), 0);
	k->room = add_room(k, k->room_id, "Harbour project", WEBEX_ROOM_GROUP);
	k->direct = add_room(k, k->direct_id, "Bob", WEBEX_ROOM_DIRECT);
}

static void open_store(struct kit *k)
{
	struct store_config config = {.holder = "/mnt/test"};
	char *holder = NULL;

	assert_int_equal(store_open(&config, &k->store, &holder), 0);
	work_post(k->queue, fill_store, k);
	kit_drain(k);
}

void kit_open_outbox(struct kit *k)
{
	struct outbox_config config = {
		.state_dir = k->dir,
		.left = k->left,
		.store = k->store,
		.cache_queue = k->queue,
		.clock = clock_system(),
		.on_changes = count_changes,
		.arg = k,
		.is_bot = k->is_bot,
		.check_pause_ms = 5,
	};

	assert_int_equal(outbox_open(&config, &k->o), 0);
}

void kit_reopen_outbox(struct kit *k)
{
	outbox_close(&k->o, 0);
	assert_null(k->o);
	kit_open_outbox(k);
}

char *kit_new_dir(void)
{
	char template[] = "/tmp/sparkfs-outbox-XXXXXX";

	assert_non_null(mkdtemp(template));
	return g_strdup(template);
}

void kit_setup(struct kit *k)
{
	kit_setup_in(k, kit_new_dir());
}

void kit_setup_in(struct kit *k, char *dir)
{
	log_set_sink(g_getenv("KIT_LOG") ? LOG_SINK_STDERR : LOG_SINK_NONE);
	memset(k, 0, sizeof(*k));
	k->dir = dir;
	k->spool = g_build_filename(k->dir, "spool", NULL);
	k->room_id = new_id("ROOM");
	k->direct_id = new_id("ROOM");
	k->me = new_id("PEOPLE");
	k->other = new_id("PEOPLE");
	assert_int_equal(work_queue_start("cache", &k->queue), 0);
	open_store(k);
	fake_start(k->queue);
	kit_open_outbox(k);
}

void kit_remove_tree(const char *path)
{
	GDir *dir = g_dir_open(path, 0, NULL);
	const char *name;

	while (dir && (name = g_dir_read_name(dir))) {
		char *child = g_build_filename(path, name, NULL);

		kit_remove_tree(child);
		g_free(child);
	}
	g_clear_pointer(&dir, g_dir_close);
	remove(path);
}

void kit_teardown(struct kit *k)
{
	outbox_close(&k->o, 0);
	work_queue_stop(&k->queue);
	fake_stop();
	store_close(&k->store);
	kit_remove_tree(k->dir);
	g_free(k->dir);
	g_free(k->spool);
	g_free(k->room_id);
	g_free(k->direct_id);
	g_free(k->me);
	g_free(k->other);
}

int kit_set_up_test(void **state)
{
	*state = g_new0(struct kit, 1);
	kit_setup(*state);
	return 0;
}

int kit_tear_down_test(void **state)
{
	kit_teardown(*state);
	g_free(*state);
	return 0;
}

/* ---- letters ---- */

struct outbox_letter *kit_letter(const struct kit *k, enum letter_form form, const char *body)
{
	struct outbox_letter *l = outbox_letter_new(form);

	l->to.room = k->room;
	l->to.room_id = g_strdup(k->room_id);
	l->to.place = g_strdup("Harbour project");
	l->pid = 4711;
	l->comm = g_strdup("bash");
	if (body) {
		l->body = g_strdup(body);
		l->body_len = strlen(body);
	}
	return l;
}

struct outbox_letter *kit_edit(const struct kit *k, enum letter_form form, const char *body)
{
	struct outbox_letter *l = kit_letter(k, form, body);

	l->is_edit = true;
	return l;
}

struct outbox_letter *kit_text(const struct kit *k, pid_t pid, const char *text)
{
	struct outbox_letter *l = kit_letter(k, LETTER_TEXT, text);

	l->pid = pid;
	return l;
}

struct outbox_letter *kit_file(const struct kit *k, const char *name, const char *bytes,
			       struct draft **ret_draft)
{
	struct outbox_letter *l = kit_letter(k, LETTER_FILE, NULL);
	size_t len = strlen(bytes);

	l->filename = g_strdup(name);
	l->content_type = g_strdup("text/plain");
	assert_int_equal(draft_new(LETTER_FILE, k->spool, ret_draft), 0);
	assert_int_equal(draft_write(*ret_draft, bytes, len, 0, false), len);
	assert_int_equal(draft_take(*ret_draft, NULL, NULL, &l->fd, &l->size), 0);
	return l;
}

uint64_t kit_send(struct kit *k, struct outbox_letter *l, struct outcome *end)
{
	memset(end, 0, sizeof(*end));
	return outbox_send(k->o, l, kit_done, end);
}

void kit_send_into_doubt(struct kit *k, struct outbox_letter *l, struct outcome *end)
{
	kit_send(k, l, end);
	fake_fail(fake_expect(FAKE_POST), -ECONNRESET, 0, true);
}

void kit_expect_delivered(struct kit *k, struct outcome *end, const char *id)
{
	struct store_conn *conn;
	int64_t row = 0;

	kit_expect_end(end, 0);
	assert_int_equal(store_read_begin(k->store, &conn), 0);
	assert_int_equal(store_message_by_id(conn, id, &row), 0);
	store_read_end(conn);
	assert_int_equal(end->message, row);
}

/* ---- messages ---- */

int64_t kit_now(void)
{
	return clock_wall(clock_system());
}

struct webex_message *kit_message(const struct kit *k, const char *text, int64_t created_ms)
{
	struct webex_message *m = g_new0(struct webex_message, 1);

	m->id = new_id("MESSAGE");
	m->room_id = g_strdup(k->room_id);
	m->text = g_strdup(text);
	m->person_id = g_strdup(k->me);
	m->person_email = g_strdup("me@example.com");
	m->created_ms = created_ms;
	m->updated_ms = -1;
	return m;
}

struct webex_message *kit_copy(const struct webex_message *m)
{
	struct webex_message *copy = g_memdup2(m, sizeof(*m));

	copy->id = g_strdup(m->id);
	copy->room_id = g_strdup(m->room_id);
	copy->parent_id = g_strdup(m->parent_id);
	copy->text = g_strdup(m->text);
	copy->person_id = g_strdup(m->person_id);
	copy->person_email = g_strdup(m->person_email);
	return copy;
}

struct put {
	struct kit *k;
	const struct webex_message *m;
	int64_t row;
	int r;
};

static void put_message(void *arg)
{
	GPtrArray *changes = store_changes_new();
	struct put *put = arg;

	put->r =
		store_apply_message(put->k->store, put->k->room, put->m, 0, &put->row, changes);
	g_ptr_array_unref(changes);
}

int64_t kit_store_message(struct kit *k, const struct webex_message *m)
{
	struct put put = {.k = k, .m = m};

	work_post(k->queue, put_message, &put);
	kit_drain(k);
	assert_int_equal(put.r, 0);
	return put.row;
}

/* ---- files on disk ---- */

static gint compare(gconstpointer a, gconstpointer b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char *kit_files(const struct kit *k, const char *folder)
{
	GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
	char *path = g_build_filename(k->dir, folder, NULL), *text;
	GDir *dir = g_dir_open(path, 0, NULL);
	const char *name;

	assert_non_null(dir);
	while ((name = g_dir_read_name(dir)))
		g_ptr_array_add(names, g_strconcat(name, "\n", NULL));
	g_dir_close(dir);
	g_ptr_array_sort(names, compare);
	g_ptr_array_add(names, NULL);
	text = g_strjoinv("", (char **)names->pdata);
	g_ptr_array_unref(names);
	g_free(path);
	return text;
}

struct outbox_item *kit_only_item(struct kit *k)
{
	GPtrArray *items = outbox_list(k->o, 0, G_MAXUINT);
	struct outbox_item *item;

	assert_int_equal(items->len, 1);
	assert_int_equal(outbox_count(k->o), 1);
	item = g_ptr_array_steal_index(items, 0);
	g_ptr_array_unref(items);
	return item;
}

void kit_expect_item(struct kit *k, const struct outbox_item *item, const char *body,
		     const char *state, const char *why)
{
	char *text = NULL, *said, bytes[4096];
	ssize_t n;
	int fd;

	assert_int_equal(outbox_open_body(k->o, item->n, &fd), 0);
	n = read(fd, bytes, sizeof(bytes) - 1);
	close(fd);
	assert_true(n >= 0);
	bytes[n] = '\0';
	assert_string_equal(bytes, body);
	assert_int_equal(item->size, n);
	assert_int_equal(outbox_why(k->o, item->n, &text), 0);
	assert_int_equal(item->why_size, strlen(text));
	said = webex_json_get_string(text, "state");
	assert_string_equal(said, state);
	g_free(said);
	if (!strstr(text, why))
		print_error("%s", text);
	assert_non_null(strstr(text, why));
	g_free(text);
}

void kit_expect_kept(struct kit *k, struct outcome *end, const char *body, const char *state,
		     const char *why)
{
	struct outbox_item *item;

	kit_expect_end(end, -ECONNRESET);
	item = kit_only_item(k);
	kit_expect_item(k, item, body, state, why);
	outbox_item_free(item);
}
