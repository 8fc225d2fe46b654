/* SPDX-License-Identifier: MIT */
#include "op_kit.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/caller.h"

/* ---- requests ---- */

struct fuse_req *new_req(struct fs *fs)
{
	struct fuse_req *req = g_new0(struct fuse_req, 1);

	pthread_mutex_init(&req->lock, NULL);
	req->fs = fs;
	return req;
}

void free_req(struct fuse_req *req)
{
	pthread_mutex_destroy(&req->lock);
	g_free(req);
}

static void done_item(void *arg)
{
	atomic_store((atomic_bool *)arg, true);
}

void drain(struct work_queue *queue)
{
	atomic_bool done = false;

	work_post(queue, done_item, &done);
	wait_for(atomic_load(&done));
}

void run_there(struct work_queue *queue, work_fn fn, void *arg)
{
	work_post(queue, fn, arg);
	drain(queue);
}

void assert_replied(struct fuse_req *req, int error)
{
	wait_for(atomic_load(&req->replies));
	drain(req->fs->config.queue);
	assert_int_equal(1, atomic_load(&req->replies));
	assert_int_equal(error, atomic_load(&req->error));
	assert_null(req->callback);
}

/* ---- libfuse's side ---- */

static int replied(fuse_req_t req, int error)
{
	atomic_store(&req->error, error);
	atomic_fetch_add(&req->replies, 1);
	return req->reply_result;
}

int fuse_reply_err(fuse_req_t req, int err)
{
	return replied(req, err);
}

int fuse_reply_entry(fuse_req_t req, const struct fuse_entry_param *e)
{
	(void)e;
	return replied(req, 0);
}

int fuse_reply_create(fuse_req_t req, const struct fuse_entry_param *e,
		      const struct fuse_file_info *fi)
{
	(void)e;
	(void)fi;
	return replied(req, 0);
}

int fuse_reply_attr(fuse_req_t req, const struct stat *attr, double timeout)
{
	(void)attr;
	(void)timeout;
	return replied(req, 0);
}

int fuse_reply_readlink(fuse_req_t req, const char *link)
{
	(void)link;
	return replied(req, 0);
}

int fuse_reply_open(fuse_req_t req, const struct fuse_file_info *fi)
{
	(void)fi;
	return replied(req, 0);
}

int fuse_reply_write(fuse_req_t req, size_t count)
{
	(void)count;
	return replied(req, 0);
}

int fuse_reply_buf(fuse_req_t req, const char *buf, size_t size)
{
	req->size = MIN(size, sizeof(req->data));
	if (req->size)
		memcpy(req->data, buf, req->size);
	return replied(req, 0);
}

void *fuse_req_userdata(fuse_req_t req)
{
	return req->fs;
}

atomic_bool only_told;

pid_t caller_session(pid_t tid)
{
	return tid;
}

bool caller_is_asked_to_stop(pid_t tid)
{
	(void)tid;
	return !atomic_load(&only_told);
}

const struct fuse_ctx *fuse_req_ctx(fuse_req_t req)
{
	return &req->ctx;
}

void fuse_req_interrupt_func(fuse_req_t req, fuse_interrupt_func_t func, void *data)
{
	pthread_mutex_lock(&req->lock);
	req->callback = func;
	req->callback_data = data;
	if (req->interrupted && func)
		func(req, data);
	pthread_mutex_unlock(&req->lock);
}

void interrupt(fuse_req_t req)
{
	pthread_mutex_lock(&req->lock);
	req->interrupted = true;
	if (req->callback)
		req->callback(req, req->callback_data);
	pthread_mutex_unlock(&req->lock);
}

/* ---- fakes of the neighbours of op.c ---- */

atomic_int notices;

void notify_inode(struct notifier *n, uint64_t ino)
{
	(void)n;
	(void)ino;
	atomic_fetch_add(&notices, 1);
}

uint64_t notify_now(struct notifier *n)
{
	(void)n;
	return 0;
}

void notify_then(struct notifier *n, uint64_t since, work_fn fn, void *arg)
{
	(void)since;
	(void)n;
	fn(arg);
}

void tree_note_use(struct tree *t, uint64_t ino)
{
	(void)t;
	(void)ino;
}

void notify_attributes(struct notifier *n, uint64_t ino)
{
	notify_inode(n, ino);
}

void notify_hold(struct notifier *n, uint64_t dir)
{
	(void)n;
	(void)dir;
}

void notify_release(struct notifier *n, uint64_t dir)
{
	(void)n;
	(void)dir;
}

bool tree_upload_is_known(struct tree *t, uint64_t ino)
{
	(void)t;
	(void)ino;
	return false;
}

atomic_int detached, cancelled;

void local_files_cancel(struct local_files *f, uint64_t id, int error)
{
	(void)f;
	(void)id;
	(void)error;
	atomic_fetch_add(&cancelled, 1);
}

/* The letter is listed at once, in an item of its own. */
struct left {
	outbox_told told;
	void *arg;
	int error;
};

static void leave(void *arg)
{
	struct left *l = arg;

	l->told(l->arg, l->error, true);
	g_free(l);
}

void outbox_detach(struct outbox *o, uint64_t id, int error, outbox_told told, void *arg)
{
	struct left *l = g_new0(struct left, 1);

	(void)o;
	(void)id;
	*l = (struct left){.told = told, .arg = arg, .error = error};
	atomic_fetch_add(&detached, 1);
	if (told)
		work_post(((struct op *)arg)->fs->config.queue, leave, l);
	else
		g_free(l);
}

atomic_bool copy_waits;
atomic_int copies;

void tree_copy_run(struct tree *t, struct tree_copy *c)
{
	(void)t;
	atomic_fetch_add(&copies, 1);
	while (atomic_load(&copy_waits))
		sched_yield();
	c->is_done = true;
}

void tree_copy_clear(struct tree_copy *c)
{
	(void)c;
}

atomic_int looked_up, forgotten, cleared;

void tree_looked_up(struct tree *t, uint64_t ino)
{
	(void)t;
	(void)ino;
	atomic_fetch_add(&looked_up, 1);
}

void tree_forget(struct tree *t, uint64_t ino, uint64_t n)
{
	(void)t;
	(void)ino;
	atomic_fetch_add(&forgotten, (int)n);
}

bool tree_is_message(uint64_t ino)
{
	(void)ino;
	return false;
}

const char *tree_what(uint64_t ino)
{
	(void)ino;
	return "file";
}

void tree_ctx_clear(struct tree_ctx *ctx)
{
	g_clear_pointer(&ctx->why, g_free);
	atomic_fetch_add(&cleared, 1);
}

void asked_unref(struct asked **a)
{
	assert_null(*a);
}

void tree_plan_clear(struct tree *t, struct tree_plan *plan)
{
	(void)t;
	(void)plan;
}

/* ---- the API's side: calls of the list of spaces ---- */

pthread_mutex_t api_lock = PTHREAD_MUTEX_INITIALIZER;
GQueue api_calls = G_QUEUE_INIT; /* of struct api_call; api_lock */

static uint64_t next_id = 1; /* api_lock */

uint64_t webex_list_rooms(struct webex_client *c, const struct webex_list *l, webex_done done,
			  void *arg)
{
	struct api_call *call = g_new0(struct api_call, 1);

	(void)c;
	(void)l;
	pthread_mutex_lock(&api_lock);
	call->done = done;
	call->arg = arg;
	call->id = next_id++;
	g_queue_push_tail(&api_calls, call);
	pthread_mutex_unlock(&api_lock);
	return call->id;
}

void webex_raise(struct webex_client *c, uint64_t id)
{
	(void)c;
	(void)id;
}

void webex_cancel(struct webex_client *c, uint64_t id)
{
	(void)c;
	pthread_mutex_lock(&api_lock);
	for (GList *l = api_calls.head; l; l = l->next)
		if (((struct api_call *)l->data)->id == id)
			((struct api_call *)l->data)->cancelled = true;
	pthread_mutex_unlock(&api_lock);
}

#define FAKE(name, ...)                                                                        \
	uint64_t name(__VA_ARGS__)                                                             \
	{                                                                                      \
		abort();                                                                       \
	}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter"
FAKE(webex_list_messages, struct webex_client *c, const struct webex_list *l, webex_done done,
     void *arg)
FAKE(webex_list_memberships, struct webex_client *c, const struct webex_list *l,
     webex_done done, void *arg)
FAKE(webex_list_teams, struct webex_client *c, const struct webex_list *l, webex_done done,
     void *arg)
FAKE(webex_get_room, struct webex_client *c, const char *id, webex_done done, void *arg)
FAKE(webex_get_me, struct webex_client *c, webex_done done, void *arg)
FAKE(webex_probe, struct webex_client *c, int timeout_ms, webex_done done, void *arg)
FAKE(webex_get_message, struct webex_client *c, const char *id, webex_done done, void *arg)
FAKE(webex_get_membership, struct webex_client *c, const char *id, webex_done done, void *arg)
FAKE(webex_list_webhooks, struct webex_client *c, const struct webex_list *l, webex_done done,
     void *arg)
FAKE(webex_get_webhook, struct webex_client *c, const char *id, webex_done done, void *arg)
FAKE(webex_find_person, struct webex_client *c, const char *email, webex_done done, void *arg)
FAKE(webex_list_direct, struct webex_client *c, const char *email, webex_done done, void *arg)
FAKE(webex_head_content, struct webex_client *c, const char *url, webex_done done, void *arg)
FAKE(webex_get_content, struct webex_client *c, const struct webex_download *d, webex_done done,
     void *arg)
#pragma GCC diagnostic pop

const struct webex_place *webex_place(enum webex_room_type type)
{
	static const struct webex_place place = {.get = webex_get_room,
						 .list_members = webex_list_memberships,
						 .get_member = webex_get_membership};

	(void)type;
	return &place;
}

void webex_resume(struct webex_client *c, uint64_t id)
{
	(void)c;
	(void)id;
}

/* Answers the oldest call; false if there is none. */
bool answer_one(int error)
{
	struct webex_reply reply = {.error = error};
	struct api_call *call;

	pthread_mutex_lock(&api_lock);
	call = g_queue_pop_head(&api_calls);
	pthread_mutex_unlock(&api_lock);
	if (!call)
		return false;
	if (call->cancelled)
		reply.error = -ECANCELED;
	if (!reply.error)
		reply.items = g_ptr_array_new_with_free_func(webex_room_free);
	call->done(call->arg, &reply);
	if (reply.items)
		g_ptr_array_unref(reply.items);
	g_free(call);
	return true;
}

void answer_item(void *arg)
{
	answer_one(*(int *)arg);
}

int api_waiting(void)
{
	int n;

	pthread_mutex_lock(&api_lock);
	n = (int)api_calls.length;
	pthread_mutex_unlock(&api_lock);
	return n;
}
