/* SPDX-License-Identifier: MIT */
#include "fake_api.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_S 10
#define KINDS (FAKE_SUBMIT + 1)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t called = PTHREAD_COND_INITIALIZER;
static struct work_queue *queue;     /* set before any call */
static GPtrArray *calls;	     /* lock; those that were not answered, in order */
static int counts[KINDS];	     /* lock */
static uint64_t next_id = 1;	     /* lock */
static bool can_withdraw;	     /* lock */
static bool takes_all = true;	     /* lock */
static void (*on_post)(void) = NULL; /* set before any call */

struct answer {
	webex_done done;
	void *arg;
	struct webex_reply reply;
};

static void call_free(void *p)
{
	struct fake_call *call = p;

	g_free(call->room_id);
	g_free(call->email);
	g_free(call->parent_id);
	g_free(call->text);
	g_free(call->markdown);
	g_free(call->json);
	g_free(call->message_id);
	g_free(call->filename);
	g_free(call->next);
	g_free(call->url);
	if (call->file)
		g_string_free(call->file, TRUE);
	g_free(call);
}

void fake_start(struct work_queue *q)
{
	queue = q;
	calls = g_ptr_array_new_with_free_func(call_free);
	memset(counts, 0, sizeof(counts));
	can_withdraw = false;
	takes_all = true;
	on_post = NULL;
}

void fake_stop(void)
{
	guint left = calls->len;

	g_ptr_array_unref(calls);
	assert_int_equal(left, 0);
}

void fake_set_takes_all(bool takes)
{
	pthread_mutex_lock(&lock);
	takes_all = takes;
	pthread_mutex_unlock(&lock);
}

void fake_set_withdraw(bool can)
{
	pthread_mutex_lock(&lock);
	can_withdraw = can;
	pthread_mutex_unlock(&lock);
}

void fake_set_on_post(void (*fn)(void))
{
	on_post = fn;
}

int fake_count(enum fake_kind kind)
{
	int count;

	pthread_mutex_lock(&lock);
	count = counts[kind];
	pthread_mutex_unlock(&lock);
	return count;
}

struct fake_call *fake_expect(enum fake_kind kind)
{
	struct fake_call *call;
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	pthread_mutex_lock(&lock);
	for (;;) {
		call = NULL;
		for (guint i = 0; i < calls->len && !call; i++) {
			struct fake_call *c = g_ptr_array_index(calls, i);

			if (!c->is_answered)
				call = c;
		}
		if (call || r)
			break;
		r = pthread_cond_timedwait(&called, &lock, &until);
	}
	if (call)
		call->is_answered = true;
	pthread_mutex_unlock(&lock);
	assert_non_null(call);
	assert_int_equal(call->kind, kind);
	return call;
}

/* ---- answering ---- */

static void deliver_answer(void *arg)
{
	struct answer *a = arg;

	a->done(a->arg, &a->reply);
	if (a->reply.items)
		g_ptr_array_unref(a->reply.items);
	g_free(a->reply.message);
	g_free(a->reply.tracking_id);
	g_free(a->reply.next);
	g_free(a->reply.content_name);
	g_free(a);
}

static void post_answer_locked(struct fake_call *call, const struct webex_reply *reply)
{
	struct answer *a = g_new(struct answer, 1);

	a->done = call->done;
	a->arg = call->arg;
	a->reply = *reply;
	g_ptr_array_remove(calls, call);
	work_post(queue, deliver_answer, a);
}

static void post_answer(struct fake_call *call, const struct webex_reply *reply)
{
	pthread_mutex_lock(&lock);
	post_answer_locked(call, reply);
	pthread_mutex_unlock(&lock);
}

void fake_answer(struct fake_call *call, struct webex_message *m)
{
	/* The answer to a file is a message that has it. */
	if (call->file && !m->files) {
		m->files = g_new0(char *, 2);
		m->files[0] = g_strconcat("https://api.test/v1/contents/", m->id, NULL);
	}
	fake_answer_as_is(call, m);
}

void fake_answer_as_is(struct fake_call *call, struct webex_message *m)
{
	struct webex_reply reply = {.status = 200};

	reply.items = g_ptr_array_new_with_free_func(webex_message_free);
	g_ptr_array_add(reply.items, m);
	post_answer(call, &reply);
}

void fake_answer_head(struct fake_call *call, const char *name, int64_t size)
{
	struct webex_reply reply = {
		.status = 200,
		.content_name = g_strdup(name),
		.content_bytes = size,
	};

	post_answer(call, &reply);
}

void fake_answer_submit(struct fake_call *call, const char *message_id)
{
	struct webex_reply reply = {.status = message_id ? 200 : 202};
	struct webex_action *a = g_new0(struct webex_action, 1);

	a->id = g_strdup("ACTION");
	a->message_id = g_strdup(message_id);
	reply.items = g_ptr_array_new_with_free_func(webex_action_free);
	if (message_id)
		g_ptr_array_add(reply.items, a);
	else
		webex_action_free(a);
	post_answer(call, &reply);
}

void fake_answer_room(struct fake_call *call, struct webex_room *room)
{
	struct webex_reply reply = {.status = 200};

	reply.items = g_ptr_array_new_with_free_func(webex_room_free);
	g_ptr_array_add(reply.items, room);
	post_answer(call, &reply);
}

void fake_answer_list(struct fake_call *call, const char *next, ...)
{
	struct webex_reply reply = {.status = 200, .next = g_strdup(next)};
	struct webex_message *m;
	va_list ap;

	reply.items = g_ptr_array_new_with_free_func(webex_message_free);
	va_start(ap, next);
	while ((m = va_arg(ap, struct webex_message *)))
		g_ptr_array_add(reply.items, m);
	va_end(ap);
	post_answer(call, &reply);
}

void fake_answer_nothing(struct fake_call *call)
{
	struct webex_reply reply = {
		.status = 200,
		.error = -EBADMSG,
	};

	post_answer(call, &reply);
}

void fake_fail(struct fake_call *call, int error, int status, bool may_have_applied)
{
	struct webex_reply reply = {
		.error = error,
		.status = status,
		.may_have_applied = may_have_applied,
		.is_network = status == 0,
		.message = g_strdup(status ? "the server's words" : NULL),
		.tracking_id = g_strdup(status ? "ROUTER_1" : NULL),
	};

	post_answer(call, &reply);
}

/* ---- the endpoints ---- */

static struct fake_call *call_new(enum fake_kind kind, webex_done done, void *arg)
{
	struct fake_call *call = g_new0(struct fake_call, 1);

	call->kind = kind;
	call->done = done;
	call->arg = arg;
	return call;
}

static uint64_t add(struct fake_call *call)
{
	uint64_t id;

	pthread_mutex_lock(&lock);
	id = call->id = next_id++;
	counts[call->kind]++;
	g_ptr_array_add(calls, call);
	pthread_cond_broadcast(&called);
	pthread_mutex_unlock(&lock);
	return id;
}

static GString *read_file(int fd, int64_t size)
{
	GString *bytes = g_string_new(NULL);
	char block[4096];
	ssize_t n;

	while ((int64_t)bytes->len < size &&
	       (n = pread(fd, block, sizeof(block), (off_t)bytes->len)) > 0)
		g_string_append_len(bytes, block, n);
	return bytes;
}

uint64_t webex_post_message(struct webex_client *c, const struct webex_post *p, webex_done done,
			    void *arg)
{
	struct fake_call *call = call_new(FAKE_POST, done, arg);

	(void)c;
	call->room_id = g_strdup(p->room_id);
	call->email = g_strdup(p->to_email);
	call->parent_id = g_strdup(p->parent_id);
	call->text = g_strdup(p->text);
	call->markdown = g_strdup(p->markdown);
	call->json = g_strdup(p->json_body);
	call->filename = g_strdup(p->filename);
	call->timeout_ms = p->timeout_ms;
	if (p->fd >= 0)
		call->file = read_file(p->fd, p->size);
	if (p->sent)
		atomic_store(p->sent, takes_all ? p->size : p->size / 2);
	if (on_post)
		on_post();
	return add(call);
}

uint64_t webex_edit_message(struct webex_client *c, const char *id, const char *room_id,
			    const char *text, const char *markdown, webex_done done, void *arg)
{
	struct fake_call *call = call_new(FAKE_EDIT, done, arg);

	(void)c;
	call->message_id = g_strdup(id);
	call->room_id = g_strdup(room_id);
	call->text = g_strdup(text);
	call->markdown = g_strdup(markdown);
	return add(call);
}

uint64_t webex_submit_card(struct webex_client *c, const char *message_id, const char *inputs,
			   webex_done done, void *arg)
{
	struct fake_call *call = call_new(FAKE_SUBMIT, done, arg);

	(void)c;
	call->message_id = g_strdup(message_id);
	call->json = g_strdup(inputs);
	return add(call);
}

uint64_t webex_list_messages(struct webex_client *c, const struct webex_list *l,
			     webex_done done, void *arg)
{
	struct fake_call *call = call_new(FAKE_LIST, done, arg);

	(void)c;
	call->room_id = g_strdup(l->room_id);
	call->parent_id = g_strdup(l->parent_id);
	call->next = g_strdup(l->next);
	return add(call);
}

uint64_t webex_list_direct(struct webex_client *c, const char *email, webex_done done,
			   void *arg)
{
	struct fake_call *call = call_new(FAKE_DIRECT, done, arg);

	(void)c;
	call->email = g_strdup(email);
	return add(call);
}

uint64_t webex_get_message(struct webex_client *c, const char *id, webex_done done, void *arg)
{
	struct fake_call *call = call_new(FAKE_GET_MESSAGE, done, arg);

	(void)c;
	call->message_id = g_strdup(id);
	return add(call);
}

uint64_t webex_get_room(struct webex_client *c, const char *room_id, webex_done done, void *arg)
{
	struct fake_call *call = call_new(FAKE_GET_ROOM, done, arg);

	(void)c;
	call->room_id = g_strdup(room_id);
	return add(call);
}

uint64_t webex_head_content(struct webex_client *c, const char *url, webex_done done, void *arg)
{
	struct fake_call *call = call_new(FAKE_HEAD, done, arg);

	(void)c;
	call->url = g_strdup(url);
	return add(call);
}

static struct fake_call *find_locked(uint64_t id)
{
	for (guint i = 0; i < calls->len; i++) {
		struct fake_call *call = g_ptr_array_index(calls, i);

		if (call->id == id)
			return call;
	}
	return NULL;
}

void webex_cancel(struct webex_client *c, uint64_t id)
{
	struct webex_reply reply = {
		.error = -ECANCELED,
		.may_have_applied = true,
		.is_network = true,
	};
	struct fake_call *call;

	(void)c;
	pthread_mutex_lock(&lock);
	call = find_locked(id);
	if (call)
		post_answer_locked(call, &reply);
	pthread_mutex_unlock(&lock);
}

static bool take_back(uint64_t id, bool can)
{
	struct webex_reply reply = {.error = -ECANCELED, .is_network = true};
	struct fake_call *call;

	pthread_mutex_lock(&lock);
	call = can ? find_locked(id) : NULL;
	if (call)
		post_answer_locked(call, &reply);
	pthread_mutex_unlock(&lock);
	return call != NULL;
}

bool webex_withdraw(struct webex_client *c, uint64_t id)
{
	(void)c;
	return take_back(id, can_withdraw);
}

bool webex_cut(struct webex_client *c, uint64_t id)
{
	(void)c;
	return take_back(id, can_withdraw || !takes_all);
}
