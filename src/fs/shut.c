/* SPDX-License-Identifier: MIT */
#include "fs/shut.h"

#include <errno.h>
#include <glib.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/thread.h"

/* The largest request that libfuse's sessions accept. */
#define REQUEST_MAX ((1 << 20) + 4096)
/* How often the thread checks whether it must end. */
#define LOOK_MS 20

struct shut {
	pthread_t thread;
	int device;
	atomic_bool is_over;
	char *request;
};

static void answer(const struct shut *r)
{
	struct fuse_out_header out = {.len = sizeof(out), .error = -ESHUTDOWN};
	struct fuse_in_header in;

	memcpy(&in, r->request, sizeof(in));
	if (in.opcode == FUSE_FORGET || in.opcode == FUSE_BATCH_FORGET ||
	    in.opcode == FUSE_INTERRUPT)
		return;
	out.unique = in.unique;
	/* -ENOENT: the caller does not wait any more. */
	if (write(r->device, &out, sizeof(out)) < 0 && errno != ENOENT)
		log_debug("fuse", "shut: %s", strerror(errno));
}

static void *run(void *arg)
{
	struct shut *r = arg;
	struct pollfd poller = {.fd = r->device, .events = POLLIN};

	while (!atomic_load(&r->is_over)) {
		ssize_t n;

		if (poll(&poller, 1, LOOK_MS) <= 0)
			continue;
		if (poller.revents & (POLLERR | POLLNVAL))
			break;
		n = read(r->device, r->request, REQUEST_MAX);
		if (n >= (ssize_t)sizeof(struct fuse_in_header))
			answer(r);
		/* -ENOENT: the request was interrupted before it was read. */
		else if (n >= 0 || (errno != EINTR && errno != EAGAIN && errno != ENOENT))
			break;
	}
	return NULL;
}

struct shut *shut_start(int device)
{
	struct shut *r = g_new0(struct shut, 1);

	r->device = device;
	r->request = g_malloc(REQUEST_MAX);
	if (thread_start("shut", run, r, &r->thread) == 0)
		return r;
	g_free(r->request);
	g_free(r);
	return NULL;
}

void shut_stop(struct shut *r)
{
	if (!r)
		return;
	atomic_store(&r->is_over, true);
	pthread_join(r->thread, NULL);
	g_free(r->request);
	g_free(r);
}
