/* SPDX-License-Identifier: MIT */
/*
 * The whole file system: builds the layers up in their order, serves, and takes them down in
 * reverse.
 *
 *  1. sparkfs_prepare: mount point, base URL, token. Makes no thread, no folder but the mount
 *     point of a login, and may ask on the terminal.
 *  2. daemon_fork.
 *  3. sparkfs_start: http loop, client, GET /people/me, account, store, contents, pager, outbox,
 *     tree, fs, the mount.
 *  4. sparkfs_serve: until it is unmounted or told to end.
 *  5. sparkfs_stop: also after a start that failed half way.
 *
 * Thread rule: the main thread.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "base/work.h"
#include "fs/session.h"
#include "main/account.h"
#include "main/choice.h"
#include "main/daemon.h"
#include "main/options.h"
#include "webex/api.h"

/* So long the end waits for what is on the wire. */
#define SPARKFS_OUTBOX_WAIT_MS 10000

struct sparkfs {
	const struct options *options; /* borrowed */
	struct daemon daemon;
	char *mountpoint;
	char *base_url;
	struct choice login; /* whose token it is; name NULL: no login's */
	struct http_route *route;
	struct webex_token *token;
	char *fingerprint; /* of the token; NULL: there is none. The cache thread while mounted */

	struct work_queue *queue; /* the cache thread */
	struct work_queue *parse_queue;
	struct http_loop *loop;
	struct webex_client *client;
	struct account_roots roots;
	struct account_owner owner;
	struct account account;
	struct store *store;
	int64_t me_person;
	struct contents *contents;
	struct pager *pager;
	struct outbox *outbox;
	struct tree *tree;
	struct fs *fs;
	atomic_bool is_mounted; /* true: the cache thread tells fs of changes */
	atomic_bool is_told;	/* true: the service manager is told of changes */
	bool is_offline;	/* the mount began without network */
	bool needs_login;	/* it did not mount, and only another token helps */
	char *no_token;		/* why the source gave none; NULL: it gave one */
	bool may_come; /* no_token says what passes by itself, or is no matter of a login */
	char *warning; /* one line; it mounted all the same */
	bool is_ready; /* the first request could be answered; read by the main thread after the
		        * loop */
};

void sparkfs_init(struct sparkfs *s, const struct options *options);
/* These two: 0, or -errno and one line without "sparkfs:" in *ret_reason (owned). */
int sparkfs_prepare(struct sparkfs *s, char **ret_reason);
int sparkfs_start(struct sparkfs *s, char **ret_reason);
/* 0 or -errno. */
int sparkfs_serve(struct sparkfs *s);
void sparkfs_stop(struct sparkfs *s);
