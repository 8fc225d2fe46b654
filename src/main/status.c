/* SPDX-License-Identifier: MIT */
#include "main/status.h"

#include "base/cleanup.h"
#include "base/timefmt.h"
#include "main/service.h"
#include "pager/pager.h"
#include "pager/server.h"

/* What the end takes beside the sending: a commit, and the threads. */
#define STOP_REST_MS 30000

/* Owned. */
static char *words_of(struct sparkfs *s)
{
	struct server *server = pager_server(s->pager);
	_cleanup_gfree_ char *login = server_login_words(server);
	int64_t since_ms = server_offline_since_wall_ms(server);
	char since[TIME_LOCAL_SIZE];
	const char *who = account_owner_name(&s->owner);

	if (login)
		return g_strdup_printf("%s at %s: %s", who, s->mountpoint, login);
	if (since_ms < 0)
		return g_strdup_printf("%s is mounted at %s", who, s->mountpoint);
	time_format_local(since_ms, since);
	return g_strdup_printf("%s at %s: offline since %s; what is known can be read", who,
			       s->mountpoint, since);
}

/* Cache thread. */
static void on_change(void *arg)
{
	struct sparkfs *s = arg;
	_cleanup_gfree_ char *words = NULL;

	/* Until it is mounted the manager waits for nothing but that, and then, when it stops, for nothing but
	 * its end. */
	if (!atomic_load(&s->is_told))
		return;
	words = words_of(s);
	service_status(words);
}

void status_watch(struct sparkfs *s)
{
	if (service_is_told())
		server_watch(pager_server(s->pager), on_change, s);
}

void status_ready(struct sparkfs *s)
{
	_cleanup_gfree_ char *words = NULL;

	if (!service_is_told())
		return;
	/* The manager believes the process that waits in front of the background, until that has
	 * said whom to believe from then on (daemon.c). */
	if (s->daemon.fd >= 0) {
		atomic_store(&s->is_told, true);
		return;
	}
	words = words_of(s);
	service_ready(0, words);
	atomic_store(&s->is_told, true);
	/* For a change since. */
	on_change(s);
}

void status_stopping(struct sparkfs *s)
{
	if (!s->is_ready)
		return;
	atomic_store(&s->is_told, false);
	service_stopping(SPARKFS_OUTBOX_WAIT_MS + STOP_REST_MS,
			 "unmounting; what is on its way to the server arrives first");
}
