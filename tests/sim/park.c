/* SPDX-License-Identifier: MIT */
#include "park.h"

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct park {
	pthread_t thread;
	pthread_mutex_t lock;
	/* All below under lock. */
	GHashTable *tickets; /* set of struct park_ticket */
	bool stopping;
	int epoll_fd, wake_fd;
};

int64_t mono_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

/* Called with park->lock held. After the resume the ticket may be freed at any time. */
static void unpark(struct park *park, struct park_ticket *t)
{
	struct MHD_Connection *conn = t->conn;

	g_hash_table_remove(park->tickets, t);
	epoll_ctl(park->epoll_fd, EPOLL_CTL_DEL, t->fd, NULL);
	t->parked = false;
	MHD_resume_connection(conn);
}

/* Called with park->lock held: resumes what is due, returns ms until the next. */
static int expire(struct park *park)
{
	int64_t now = mono_ms(), next = -1;
	GPtrArray *due = g_ptr_array_new();
	GHashTableIter it;
	struct park_ticket *t;

	g_hash_table_iter_init(&it, park->tickets);
	while (g_hash_table_iter_next(&it, (gpointer *)&t, NULL)) {
		if (t->deadline_ms < 0)
			continue;
		if (t->deadline_ms <= now)
			g_ptr_array_add(due, t);
		else if (next < 0 || t->deadline_ms < next)
			next = t->deadline_ms;
	}
	for (guint i = 0; i < due->len; i++)
		unpark(park, due->pdata[i]);
	g_ptr_array_free(due, TRUE);
	return next < 0 ? -1 : (int)MIN(next - now, 60000);
}

static void handle_events(struct park *park, struct epoll_event *ev, int n)
{
	for (int i = 0; i < n; i++) {
		struct park_ticket *t = ev[i].data.ptr;

		if (!t) {
			uint64_t count;

			if (read(park->wake_fd, &count, sizeof(count)) < 0)
				continue;
		} else if (g_hash_table_contains(park->tickets, t)) {
			t->gone = true;
			unpark(park, t);
		}
	}
}

static void *park_main(void *arg)
{
	struct park *park = arg;
	struct epoll_event ev[64];
	int timeout = -1;

	for (;;) {
		int n = epoll_wait(park->epoll_fd, ev, 64, timeout);

		pthread_mutex_lock(&park->lock);
		if (n > 0)
			handle_events(park, ev, n);
		if (park->stopping) {
			pthread_mutex_unlock(&park->lock);
			return NULL;
		}
		timeout = expire(park);
		pthread_mutex_unlock(&park->lock);
	}
}

struct park *park_new(void)
{
	struct park *park = g_new0(struct park, 1);
	struct epoll_event ev = {.events = EPOLLIN};

	pthread_mutex_init(&park->lock, NULL);
	park->tickets = g_hash_table_new(NULL, NULL);
	park->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	park->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (park->epoll_fd < 0 || park->wake_fd < 0 ||
	    epoll_ctl(park->epoll_fd, EPOLL_CTL_ADD, park->wake_fd, &ev) ||
	    pthread_create(&park->thread, NULL, park_main, park))
		g_error("webexsim: cannot start the timer thread");
	return park;
}

static void wake(struct park *park)
{
	uint64_t one = 1;

	if (write(park->wake_fd, &one, sizeof(one)) < 0)
		return; /* the counter is full: awake anyway */
}

static void release_all(struct park *park, bool faulted_only, int fault_id)
{
	GList *keys = g_hash_table_get_keys(park->tickets);

	for (GList *l = keys; l; l = l->next) {
		struct park_ticket *t = l->data;

		if (faulted_only && (!t->fault_id || (fault_id && t->fault_id != fault_id)))
			continue;
		t->released = true;
		unpark(park, t);
	}
	g_list_free(keys);
}

void park_stop(struct park *park)
{
	pthread_mutex_lock(&park->lock);
	park->stopping = true;
	release_all(park, false, 0);
	pthread_mutex_unlock(&park->lock);
	wake(park);
	pthread_join(park->thread, NULL);
}

int park_suspend(struct park *park, struct park_ticket *ticket, struct MHD_Connection *conn,
		 int64_t delay_ms, int fault_id)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct epoll_event ev = {.events = EPOLLRDHUP | EPOLLONESHOT};
	int rc = 0;

	pthread_mutex_lock(&park->lock);
	if (park->stopping) {
		rc = -ESHUTDOWN;
		goto out;
	}
	ticket->conn = conn;
	ticket->fd = info ? info->connect_fd : -1;
	ticket->deadline_ms = delay_ms < 0 ? -1 : mono_ms() + delay_ms;
	ticket->fault_id = fault_id;
	ticket->parked = true;
	ticket->gone = ticket->released = false;
	MHD_suspend_connection(conn);
	g_hash_table_add(park->tickets, ticket);
	ev.data.ptr = ticket;
	epoll_ctl(park->epoll_fd, EPOLL_CTL_ADD, ticket->fd, &ev);
out:
	pthread_mutex_unlock(&park->lock);
	if (!rc && delay_ms >= 0)
		wake(park);
	return rc;
}

void park_resume(struct park *park, struct park_ticket *ticket)
{
	pthread_mutex_lock(&park->lock);
	if (g_hash_table_contains(park->tickets, ticket))
		unpark(park, ticket);
	pthread_mutex_unlock(&park->lock);
}

void park_release(struct park *park, int fault_id)
{
	pthread_mutex_lock(&park->lock);
	release_all(park, true, fault_id);
	pthread_mutex_unlock(&park->lock);
}

int park_count(struct park *park)
{
	int n;

	pthread_mutex_lock(&park->lock);
	n = (int)g_hash_table_size(park->tickets);
	pthread_mutex_unlock(&park->lock);
	return n;
}
