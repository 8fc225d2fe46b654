/* SPDX-License-Identifier: MIT */
#include "outbox/local_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/names.h"
#include "base/thread.h"
#include "outbox/local_child.h"
#include "webex/media_type.h"

#define IDLE_MS 20000
#define WHOLE_MS (5 * 60 * 1000)
/* How often progress and the end of killed children are checked. */
#define TICK_MS 100
/* How long the end of the mount waits for killed children. */
#define STOP_MS 500

/* One read. Its fields belong to the thread of the reads, unless said otherwise. */
struct local_read {
	struct local_files *f;
	uint64_t id;		      /* never changes, like all down to arg */
	uid_t uid;		      /* with whose rights it reads; -1: nobody's */
	struct outbox_letter *letter; /* the thread only reads it */
	local_done done;
	void *arg;
	int cancelled; /* lock; -errno; 0: not cancelled */
	struct local_child child;
	int spool;
	int64_t began_ms, moved_ms, size; /* mono */
	struct local_answer answer;	  /* final once the end was posted */
	char *name, *type;
	GList link; /* in `waiting` or `reading` */
};

struct local_files {
	char *spool_dir;
	struct work_queue *queue;
	int idle_ms, whole_ms;
	int wake; /* eventfd */

	pthread_mutex_t lock;
	pthread_t thread;
	bool is_running;  /* lock: `thread` exists */
	bool is_stopping; /* lock */
	GQueue inbox;	  /* lock; of struct local_read.link */
	GHashTable *all;  /* lock; &read->id to struct local_read, until `done` */
	uint64_t next_id; /* lock */

	GQueue waiting, reading; /* thread; of struct local_read.link */
	GArray *dying;		 /* thread; of struct local_child, killed */
};

/* ---- what is asked for ---- */

struct local_caller *local_caller_copy(const struct local_caller *c)
{
	struct local_caller *copy;

	if (!c)
		return NULL;
	copy = g_new(struct local_caller, 1);
	*copy = *c;
	copy->groups = c->n_groups > 0
			       ? g_memdup2(c->groups, (gsize)c->n_groups * sizeof(gid_t))
			       : NULL;
	if (c->has_root && c->root >= 0)
		copy->root = fcntl(c->root, F_DUPFD_CLOEXEC, 0);
	return copy;
}

void local_caller_free(struct local_caller *c)
{
	if (!c)
		return;
	if (c->has_root && c->root >= 0)
		close(c->root);
	g_free(c->groups);
	g_free(c);
}

void letter_local_free(struct letter_local *l)
{
	if (!l)
		return;
	g_free(l->path);
	g_free(l->text);
	g_free(l->markdown);
	g_free(l->parent_id);
	local_caller_free(l->caller);
	g_free(l);
}

/* ---- the end of a read ---- */

static const char *words(const struct local_answer *a)
{
	switch ((enum local_why)a->why) {
	case LOCAL_WHY_RIGHTS:
		return "the rights of who named it cannot be taken on";
	case LOCAL_WHY_RELATIVE:
		return "its path must be absolute";
	case LOCAL_WHY_KIND:
		return a->error == -EISDIR ? "it is a folder: send what is in it, or an archive"
					   : "it is no regular file: copy it into one";
	case LOCAL_WHY_MADE_UP:
		return "what /proc, /sys and the like show is not sent: copy it into a file";
	case LOCAL_WHY_EMPTY:
		return "it is empty, and nothing empty is sent";
	case LOCAL_WHY_CHANGED:
		return "it changed while it was read: post again when it is finished";
	case LOCAL_WHY_LARGE:
		return "it has more than 100 MB";
	case LOCAL_WHY_SLOW:
		return "its file system does not answer in time: copy it to another place "
		       "first";
	case LOCAL_WHY_MANY:
		return "too many files are being read: try again later";
	case LOCAL_WHY_NOT_YOURS:
		return "only who mounted can send it";
	case LOCAL_WHY_ENDED:
		return "the process that read it was ended";
	case LOCAL_WHY_ASKED:
		return a->error == -EINTR ? "the writer was interrupted before it was read"
					  : "the file system was unmounted before it was read";
	case LOCAL_WHY_SPOOL:
	case LOCAL_WHY_NONE:
		break;
	}
	return g_strerror(-a->error);
}

static char *reason(const struct local_answer *a, const char *path)
{
	return g_strdup_printf("the file %s: %s%s", path,
			       a->why == LOCAL_WHY_SPOOL ? "no copy of it could be made: " : "",
			       words(a));
}

/* Cache thread: turns the letter into one of a file. */
static void convert(struct local_read *r)
{
	struct outbox_letter *l = r->letter;
	struct letter_local *local = steal_ptr(&l->local);

	l->form = LETTER_FILE;
	g_clear_pointer(&l->body, g_free);
	l->body_len = 0;
	l->fd = steal_fd(&r->spool);
	l->size = r->answer.size;
	g_free(l->filename);
	l->filename = steal_ptr(&r->name);
	l->content_type = steal_ptr(&r->type);
	l->text = steal_ptr(&local->text);
	l->markdown = steal_ptr(&local->markdown);
	if (local->parent_id) {
		g_free(l->to.parent_id);
		l->to.parent_id = steal_ptr(&local->parent_id);
	}
	letter_local_free(local);
}

/* Cache thread. */
static void deliver(void *arg)
{
	struct local_read *r = arg;
	struct local_files *f = r->f;
	_cleanup_gfree_ char *why = NULL;
	int cancelled;

	pthread_mutex_lock(&f->lock);
	cancelled = r->cancelled;
	g_hash_table_remove(f->all, &r->id);
	pthread_mutex_unlock(&f->lock);
	if (cancelled)
		r->answer = (struct local_answer){.error = cancelled, .why = LOCAL_WHY_ASKED};
	if (r->answer.error == 0)
		convert(r);
	else
		why = reason(&r->answer, r->letter->local->path);
	r->done(r->arg, r->answer.error, why);
	if (r->spool >= 0)
		close(r->spool);
	g_free(r->name);
	g_free(r->type);
	g_free(r);
}

/* How many bytes were copied; -1: unknown. */
static int64_t copied(const struct local_read *r)
{
	struct stat st;

	return r->spool >= 0 && fstat(r->spool, &st) == 0 ? st.st_size : -1;
}

/* Ends a read that is in no queue any more. */
static void end(struct local_read *r, struct local_answer answer)
{
	_cleanup_gfree_ char *base = NULL;

	if (r->child.pid) {
		r->child.uid = r->uid;
		local_child_kill(&r->child);
		g_array_append_val(r->f->dying, r->child);
	} else if (r->child.socket >= 0) {
		close(steal_fd(&r->child.socket));
	}
	if (answer.error == 0 && copied(r) != answer.size)
		answer = (struct local_answer){.error = -EIO, .why = LOCAL_WHY_ENDED};
	if (answer.error == 0) {
		base = g_path_get_basename(r->letter->local->path);
		r->name = r->letter->filename ? g_strdup(r->letter->filename)
					      : name_from_file(base, NAME_MAX_BYTES);
		r->type = webex_media_type(r->name, r->spool);
	}
	r->answer = answer;
	work_post(r->f->queue, deliver, r);
}

static void end_for(struct local_read *r, int error, enum local_why why)
{
	end(r, (struct local_answer){.error = error, .why = (int32_t)why});
}

/* ---- the thread ---- */

static int cancelled(struct local_read *r)
{
	int error;

	pthread_mutex_lock(&r->f->lock);
	error = r->cancelled;
	pthread_mutex_unlock(&r->f->lock);
	return error;
}

static int idle_ms(const struct local_read *r)
{
	int own = r->letter->local->idle_ms;

	return own && own < r->f->idle_ms ? own : r->f->idle_ms;
}

/* Ends the read if it must end now; true if it did. */
static bool end_if_due(struct local_read *r, int64_t now, bool is_stopping)
{
	struct local_files *f = r->f;
	int64_t size = copied(r);

	if (size > r->size) {
		r->size = size;
		r->moved_ms = now;
	}
	if (is_stopping)
		end_for(r, -ESHUTDOWN, LOCAL_WHY_ASKED);
	else if (cancelled(r))
		end_for(r, cancelled(r), LOCAL_WHY_ASKED);
	else if (now - r->moved_ms >= idle_ms(r) || now - r->began_ms >= f->whole_ms)
		end_for(r, -ETIMEDOUT, r->child.pid ? LOCAL_WHY_SLOW : LOCAL_WHY_MANY);
	else
		return false;
	return true;
}

static void end_those_due(GQueue *queue, bool is_stopping)
{
	int64_t now = clock_awake();

	for (GList *l = queue->head, *next; l; l = next) {
		next = l->next;
		/* The next link is taken first, since the cache thread may free the read at
		 * once when it ends. */
		struct local_read *r = l->data;
		g_queue_unlink(queue, l);
		if (!end_if_due(r, now, is_stopping))
			g_queue_insert_before_link(queue, next, l);
	}
}

static void begin(struct local_read *r)
{
	struct local_files *f = r->f;
	struct local_answer answer = {0};
	int error = local_spool_open(f->spool_dir, &r->spool);

	if (error) {
		end_for(r, error, LOCAL_WHY_SPOOL);
	} else if (local_child_start(r->letter->local, r->spool, &r->child, &answer)) {
		end(r, answer);
	} else {
		r->moved_ms = clock_awake();
		g_queue_push_tail_link(&f->reading, &r->link);
	}
}

static void reap(struct local_files *f)
{
	for (guint i = f->dying->len; i-- > 0;) {
		if (local_child_is_gone(&g_array_index(f->dying, struct local_child, i)))
			g_array_remove_index_fast(f->dying, i);
	}
}

/* Waits for answers, new reads, or the next check. */
static void wait_for_news(struct local_files *f)
{
	struct pollfd fds[1 + LOCAL_CHILDREN_MAX] = {{.fd = f->wake, .events = POLLIN}};
	bool is_busy = f->reading.length || f->waiting.length || f->dying->len;
	nfds_t n = 1;
	uint64_t count;

	for (const GList *l = f->reading.head; l; l = l->next)
		fds[n++] = (struct pollfd){.fd = ((struct local_read *)l->data)->child.socket,
					   .events = POLLIN};
	poll(fds, n, is_busy ? TICK_MS : -1);
	if (fds[0].revents && read(f->wake, &count, sizeof(count)) < 0)
		log_debug("cache", "local files: %s", g_strerror(errno));
	n = 1;
	for (GList *l = f->reading.head, *next; l; l = next, n++) {
		struct local_read *r = l->data;
		struct local_answer answer;

		next = l->next;
		if (!fds[n].revents)
			continue;
		local_child_answer(&r->child, &answer);
		g_queue_unlink(&f->reading, l);
		end(r, answer);
	}
}

/* True if the mount ends. */
static bool take_inbox(struct local_files *f)
{
	GList *link;
	bool is_stopping;

	pthread_mutex_lock(&f->lock);
	is_stopping = f->is_stopping;
	while ((link = g_queue_pop_head_link(&f->inbox)))
		g_queue_push_tail_link(&f->waiting, link);
	pthread_mutex_unlock(&f->lock);
	return is_stopping;
}

/* Killed ones that have not ended count, too. */
static int count_children(const struct local_files *f, uid_t uid)
{
	int n = 0;

	for (const GList *l = f->reading.head; l; l = l->next)
		n += ((const struct local_read *)l->data)->uid == uid;
	for (guint i = 0; i < f->dying->len; i++)
		n += g_array_index(f->dying, struct local_child, i).uid == uid;
	return n;
}

/* The first one for which there is a child; NULL: there is none. */
static struct local_read *take_next(struct local_files *f)
{
	if (f->reading.length + f->dying->len >= LOCAL_CHILDREN_MAX)
		return NULL;
	for (GList *l = f->waiting.head; l; l = l->next) {
		struct local_read *r = l->data;

		if (count_children(f, r->uid) >= LOCAL_USER_CHILDREN_MAX)
			continue;
		g_queue_unlink(&f->waiting, l);
		return r;
	}
	return NULL;
}

static void *run(void *arg)
{
	struct local_files *f = arg;
	int64_t stopping_since = 0;

	for (;;) {
		bool is_stopping = take_inbox(f);
		struct local_read *next;

		end_those_due(&f->waiting, is_stopping);
		end_those_due(&f->reading, is_stopping);
		reap(f);
		while ((next = take_next(f)))
			begin(next);
		if (is_stopping && !stopping_since)
			stopping_since = clock_awake();
		/* Nobody waits for a child that hangs in the kernel. */
		if (is_stopping &&
		    (!f->dying->len || clock_awake() - stopping_since >= STOP_MS))
			return NULL;
		wait_for_news(f);
	}
}

static void wake(struct local_files *f)
{
	const uint64_t one = 1;

	if (write(f->wake, &one, sizeof(one)) < 0)
		log_debug("cache", "local files: %s", g_strerror(errno));
}

/* ---- from outside ---- */

struct local_files *local_files_new(const struct local_files_config *config)
{
	struct local_files *f = g_new0(struct local_files, 1);

	f->spool_dir = g_strdup(config->spool_dir);
	f->queue = config->queue;
	f->idle_ms = config->idle_ms ? config->idle_ms : IDLE_MS;
	f->whole_ms = config->whole_ms ? config->whole_ms : WHOLE_MS;
	f->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	f->next_id = 1;
	pthread_mutex_init(&f->lock, NULL);
	f->all = g_hash_table_new(g_int64_hash, g_int64_equal);
	f->dying = g_array_new(FALSE, FALSE, sizeof(struct local_child));
	return f;
}

static int count_reads_locked(const struct local_files *f, uid_t uid)
{
	GHashTableIter iter;
	gpointer read;
	int n = 0;

	g_hash_table_iter_init(&iter, f->all);
	while (g_hash_table_iter_next(&iter, NULL, &read))
		n += ((const struct local_read *)read)->uid == uid;
	return n;
}

/* -errno if a read for that user cannot begin; 0: the thread will take it. */
static int admit_locked(struct local_files *f, uid_t uid)
{
	int r = 0;

	if (f->is_stopping)
		return -ESHUTDOWN;
	if (f->wake < 0)
		return -EMFILE;
	/* With this one. */
	if (g_hash_table_size(f->all) > LOCAL_READS_MAX ||
	    count_reads_locked(f, uid) > LOCAL_USER_READS_MAX)
		return -EBUSY;
	if (!f->is_running)
		r = thread_start("local files", run, f, &f->thread);
	f->is_running |= r == 0;
	return r;
}

uint64_t local_files_read(struct local_files *f, struct outbox_letter *letter, local_done done,
			  void *arg)
{
	struct local_read *r = g_new0(struct local_read, 1);
	uint64_t id;
	int error;

	r->f = f;
	r->letter = letter;
	r->uid = letter->local->caller ? letter->local->caller->uid : (uid_t)-1;
	r->done = done;
	r->arg = arg;
	r->child.socket = r->spool = -1;
	r->link.data = r;
	r->began_ms = r->moved_ms = clock_awake();
	pthread_mutex_lock(&f->lock);
	id = r->id = f->next_id++;
	g_hash_table_insert(f->all, &r->id, r);
	error = admit_locked(f, r->uid);
	if (error == 0) {
		g_queue_push_tail_link(&f->inbox, &r->link);
	} else {
		r->answer = (struct local_answer){.error = error};
		r->answer.why = error == -ESHUTDOWN ? LOCAL_WHY_ASKED
				: error == -EBUSY   ? LOCAL_WHY_MANY
						    : LOCAL_WHY_NONE;
		work_post(f->queue, deliver, r);
	}
	pthread_mutex_unlock(&f->lock);
	wake(f);
	return id;
}

void local_files_cancel(struct local_files *f, uint64_t id, int error)
{
	struct local_read *r;

	pthread_mutex_lock(&f->lock);
	r = g_hash_table_lookup(f->all, &id);
	if (r)
		r->cancelled = error;
	pthread_mutex_unlock(&f->lock);
	wake(f);
}

void local_files_stop(struct local_files *f)
{
	bool is_running;

	pthread_mutex_lock(&f->lock);
	f->is_stopping = true;
	is_running = f->is_running;
	f->is_running = false;
	pthread_mutex_unlock(&f->lock);
	wake(f);
	if (is_running)
		pthread_join(f->thread, NULL);
}

void local_files_free(struct local_files **files)
{
	struct local_files *f = steal_ptr(files);

	if (!f)
		return;
	local_files_stop(f);
	if (f->wake >= 0)
		close(f->wake);
	g_hash_table_destroy(f->all);
	g_array_unref(f->dying);
	pthread_mutex_destroy(&f->lock);
	g_free(f->spool_dir);
	g_free(f);
}
