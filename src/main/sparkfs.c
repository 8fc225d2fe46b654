/* SPDX-License-Identifier: MIT */
#define FUSE_USE_VERSION 314

#include "main/sparkfs.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/private.h"
#include "base/server_clock.h"
#include "attach/attach.h"
#include "fs/connection.h"
#include "outbox/outbox.h"
#include "pager/pager.h"
#include "pager/server.h"
#include "http/loop.h"
#include "http/route.h"
#include "inotify/mirror.h"
#include "main/capture.h"
#include "main/introduce.h"
#include "main/mountpoint.h"
#include "main/owner.h"
#include "main/status.h"
#include "main/where.h"
#include "store/store.h"
#include "tree/place.h"
#include "tree/tree.h"
#include "tree/change.h"
#include "tree/invalidate.h"
#include "webex/token.h"

void sparkfs_init(struct sparkfs *s, const struct options *options)
{
	*s = (struct sparkfs){
		.options = options,
		.daemon = {.fd = -1},
		.account = {.lock_fd = -1},
	};
}

/* ---- before the fork ---- */

/* That of the login, once it is known that there is one. */
static int find_mountpoint(struct sparkfs *s, char **ret_reason)
{
	_cleanup_gfree_ char *path = NULL;
	int r;

	if (!s->login.name) {
		*ret_reason = g_strdup_printf(
			"there is no login %s, and no mount point was given: sparkfs login %s",
			s->options->account, s->options->account);
		s->needs_login = true;
		return -ENOKEY;
	}
	r = where_is(s->login.name, &path, ret_reason);
	return r < 0 ? r : mountpoint_check(path, &s->mountpoint, ret_reason);
}

int sparkfs_prepare(struct sparkfs *s, char **ret_reason)
{
	_cleanup_gfree_ char *why = NULL;
	const char *url;
	int r = 0;

	/* This comes first, since a command for the token may ask on the terminal. */
	if (s->options->mountpoint)
		r = mountpoint_check(s->options->mountpoint, &s->mountpoint, ret_reason);
	if (r < 0)
		return r;
	r = choice_make(s->options, &s->login, ret_reason);
	s->needs_login = r == -ENOKEY;
	if (r < 0)
		return r;
	url = s->login.name ? s->login.base_url : s->options->url;
	r = webex_check_base_url(url, &s->base_url, &why);
	if (r < 0) {
		*ret_reason = g_strdup_printf("-o url=%s: %s", url, why ? why : "unusable");
		return r;
	}
	r = http_route_new(s->options->proxy, s->options->cacert, s->base_url, &s->route,
			   ret_reason);
	if (r < 0)
		return r;
	if (s->login.name)
		choice_tell_children(s->options);
	r = owner_load_token(s, ret_reason);
	owner_hide_token();
	if (r == 0 && !s->options->mountpoint)
		r = find_mountpoint(s, ret_reason);
	return r;
}

/* ---- building up ---- */

static char *fail_text(const char *what, int error)
{
	return g_strdup_printf("cannot start %s: %s", what, g_strerror(-error));
}

static int start_network(struct sparkfs *s, char **ret_reason)
{
	char **origins = webex_allowed_origins(s->base_url);
	struct http_config http = {
		.user_agent = "sparkfs/" SPARKFS_VERSION,
		.origins = (const char *const *)origins,
		.route = s->route,
		.rate_per_minute = s->options->rate_per_minute,
	};
	struct webex_config webex = {.base_url = s->base_url,
				     .token = s->token,
				     .timeout_ms = s->options->timeout_s * 1000,
				     .send_read_only = s->options->is_read_only};
	int r = work_queue_start("cache", &s->queue);

	if (r == 0)
		r = work_queue_start("parse", &s->parse_queue);
	if (r == 0)
		r = http_loop_start(&http, &s->loop);
	g_strfreev(origins);
	if (r == 0) {
		webex.loop = s->loop;
		webex.queue = s->queue;
		webex.parse_queue = s->parse_queue;
		r = webex_client_new(&webex, &s->client);
	}
	if (r < 0)
		*ret_reason = fail_text("the network part", r);
	return r;
}

static void on_event(void *arg)
{
	struct sparkfs *s = arg;

	if (atomic_load(&s->is_mounted))
		fs_on_event(s->fs);
}

static int open_store(struct sparkfs *s, char **ret_reason)
{
	struct store_config config = {
		.path = s->account.store_path,
		.reserve_path = s->account.reserve_path,
		.holder = s->mountpoint,
		.clock = clock_server(),
		.path_of = tree_path_of,
		.on_event = on_event,
		.arg = s,
	};
	_cleanup_gfree_ char *holder = NULL;
	int r = store_open(&config, &s->store, &holder);

	if (r == -EBUSY)
		*ret_reason = g_strdup_printf(
			"the account %s is already mounted at %s; use that, or give "
			"this mount its own -o cache=DIR",
			account_owner_name(&s->owner), holder ? holder : "another place");
	else if (r < 0)
		*ret_reason = g_strdup_printf(
			"cannot use %s: %s; choose another folder by -o cache=DIR",
			s->account.store_path ? s->account.store_path : "memory",
			g_strerror(-r));
	return r;
}

static int start_account(struct sparkfs *s, char **ret_reason)
{
	struct account_config config = owner_config(s);
	struct webex_person *me = NULL;
	int r = owner_find(s, &config, &me, ret_reason);

	/* Nothing is known yet of the token that the account's name was given for. */
	if (r == 0 && !s->owner.has_token)
		config.fingerprint = NULL;
	if (r == 0)
		r = account_open(&config, &s->owner, &s->account, ret_reason);
	if (r == 0)
		r = open_store(s, ret_reason);
	if (r == 0)
		r = introduce_owner(s->store, s->queue, &s->owner, me, &s->me_person,
				    ret_reason);
	if (me)
		webex_person_free(me);
	return r;
}

/* Cache thread. The fs is told last; it is made last and ended last. */
static void on_changes(void *arg, GPtrArray *changes)
{
	struct sparkfs *s = arg;

	if (atomic_load(&s->is_mounted))
		fs_on_changes(s->fs, changes);
}

static void on_own_changes(void *arg, GPtrArray *changes)
{
	struct sparkfs *s = arg;

	pager_own_changes(s->pager, changes);
	on_changes(s, changes);
}

static void on_reply(void *arg, const struct webex_reply *reply)
{
	struct sparkfs *s = arg;

	server_noticed(pager_server(s->pager), reply);
}

static void on_answer(void *arg, const struct outbox_letter *letter, const char *json)
{
	struct sparkfs *s = arg;

	if (s->tree)
		tree_answered(s->tree, letter, json);
}

/* Keeps the length of an attachment that was found out by counting its bytes. */
static void on_length(void *arg, int64_t row, int64_t length)
{
	struct sparkfs *s = arg;
	GPtrArray *changes = store_changes_new();

	if (store_set_content_size(s->store, row, length, changes) == 0)
		on_changes(s, changes);
	g_ptr_array_unref(changes);
}

static int start_contents(struct sparkfs *s)
{
	_cleanup_gfree_ char *folder =
		s->account.store_path ? g_path_get_dirname(s->account.store_path) : NULL;
	_cleanup_gfree_ char *dir = folder ? g_build_filename(folder, "contents", NULL) : NULL;
	struct contents_config config = {
		.dir = dir,
		.max_bytes = s->options->cache_size,
		.client = s->client,
		.queue = s->queue,
		.clock = clock_server(),
		.scan_ms = s->options->scan_timeout_s * 1000,
		.unscannable = s->options->is_unscannable,
		.on_length = on_length,
		.arg = s,
	};

	return contents_new(&config, &s->contents);
}

/* What other mounts of the person left comes along. */
static int open_outbox(struct sparkfs *s, struct outbox_config *config)
{
	struct account_left left;
	int r;

	account_left_find(&s->roots, s->base_url, s->owner.id, &left);
	config->left = (const char *const *)left.folders->pdata;
	r = outbox_open(config, &s->outbox);
	account_left_clear(&left);
	return r;
}

static int start_cache(struct sparkfs *s)
{
	struct pager_config pager = {
		.store = s->store,
		.client = s->client,
		.queue = s->queue,
		.clock = clock_server(),
		.is_bot = s->owner.is_bot,
		.recent = s->options->recent,
		.max_bodies = s->options->cache_messages,
		.timeout_ms = s->options->timeout_s * 1000,
		.poll_ms = s->options->poll_s * 1000,
		.idle_ms = s->options->idle_s * 1000,
		.on_changes = on_changes,
		.arg = s,
	};
	_cleanup_gfree_ char *peers = g_path_get_dirname(s->account.state_dir);
	struct outbox_config outbox = {
		.state_dir = s->account.state_dir,
		.peers_dir = peers,
		.store = s->store,
		.client = s->client,
		.cache_queue = s->queue,
		.clock = clock_server(),
		.on_changes = on_own_changes,
		.on_reply = on_reply,
		.on_answer = on_answer,
		.arg = s,
		.is_bot = s->owner.is_bot,
	};
	_cleanup_gfree_ char *spool = g_build_filename(s->account.state_dir, "spool", NULL);
	int r = private_dir(spool, NULL);

	if (r == 0)
		r = start_contents(s);

	pager.contents = s->contents;
	if (r == 0)
		r = pager_new(&pager, &s->pager);
	if (r == 0)
		r = open_outbox(s, &outbox);
	if (r == 0) {
		owner_watch(s);
		status_watch(s);
	}
	/* An open for writing checks the link first. */
	if (r == 0 && s->is_offline)
		server_noticed(
			pager_server(s->pager),
			&(struct webex_reply){.error = -ENETUNREACH, .is_network = true});
	return r;
}

static int start_tree(struct sparkfs *s)
{
	const struct options *o = s->options;
	struct tree_config config = {
		.store = s->store,
		.pager = s->pager,
		.outbox = s->outbox,
		.contents = s->contents,
		.client = s->client,
		.loop = s->loop,
		.queue = s->queue,
		.clock = clock_server(),
		.state_dir = s->account.state_dir,
		.base_url = s->base_url,
		.me_id = s->owner.id,
		.me_email = s->owner.email,
		.me_person = s->me_person,
		.is_bot = s->owner.is_bot,
		.read_only = o->is_read_only,
		.recursive_delete = o->is_recursive_delete,
		.inotify = o->is_inotify,
		.uid = o->uid < 0 ? getuid() : (uid_t)o->uid,
		.gid = o->gid < 0 ? getgid() : (gid_t)o->gid,
		.umask = (mode_t)o->umask,
		.recent = o->recent,
		.linger_ms = o->linger_s * 1000,
		.on_changes = on_changes,
		.arg = s,
	};

	return tree_new(&config, &s->tree);
}

static void fuse_arguments(const struct sparkfs *s, struct fuse_args *args)
{
	const struct options *o = s->options;
	const char *shown = o->fsname ? o->fsname : o->source ? o->source : s->base_url;
	_cleanup_gfree_ char *fsname = g_strconcat("fsname=", shown, NULL);
	char *all = NULL;

	fuse_opt_add_arg(args, "sparkfs");
	fuse_opt_add_opt_escaped(&all, fsname);
	fuse_opt_add_opt(&all, "subtype=sparkfs");
	if (options_need_kernel(o, getuid()))
		fuse_opt_add_opt(&all, "default_permissions");
	fuse_opt_add_opt(&all, "nosuid");
	fuse_opt_add_opt(&all, "nodev");
	if (o->is_read_only)
		fuse_opt_add_opt(&all, "ro");
	for (guint i = 0; i < o->passed->len; i++)
		fuse_opt_add_opt_escaped(&all, g_ptr_array_index(o->passed, i));
	fuse_opt_add_arg(args, "-o");
	fuse_opt_add_arg(args, all);
	free(all);
}

static int new_fs(struct sparkfs *s)
{
	struct fs_config config = {
		.tree = s->tree,
		.store = s->store,
		.pager = s->pager,
		.outbox = s->outbox,
		.contents = s->contents,
		.queue = s->queue,
		.loop = s->loop,
		.clock = clock_server(),
		.state_dir = s->account.state_dir,
		.read_only = s->options->is_read_only,
		.recursive_delete = s->options->is_recursive_delete,
		.checks_modes = !options_need_kernel(s->options, getuid()),
		.above = s->options->is_inotify ? &mirror_above : NULL,
		.uid = s->options->uid < 0 ? getuid() : (uid_t)s->options->uid,
		.gid = s->options->gid < 0 ? getgid() : (gid_t)s->options->gid,
		.debug = s->options->is_debug,
		.max_threads = (unsigned)s->options->max_threads,
	};
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fs *fs = NULL;
	int r;

	fuse_arguments(s, &args);
	r = fs_new(&config, &args, &fs);
	fuse_opt_free_args(&args);
	if (r == 0)
		s->fs = fs;
	return r;
}

/* libfuse and fusermount3 say on stderr why they refuse; the last line is the reason. */
static int mount_fs(struct sparkfs *s, char **ret_reason)
{
	_cleanup_gfree_ char *said = NULL;
	struct capture c;
	int r = mountpoint_free(s->mountpoint, connection_unmount, ret_reason);

	if (r < 0)
		return r;
	capture_begin(&c, !s->options->is_debug);
	r = new_fs(s);
	if (r == 0)
		r = fs_mount(s->fs, s->mountpoint);
	atomic_store(&s->is_mounted, r == 0);
	capture_end(&c, &said);
	if (r < 0)
		*ret_reason = g_strdup_printf("cannot mount on %s: %s", s->mountpoint,
					      said ? said : g_strerror(-r));
	return r;
}

int sparkfs_start(struct sparkfs *s, char **ret_reason)
{
	int r;

	account_roots_init(&s->roots, s->options->cache_dir, s->options->is_cache_memory);
	r = start_network(s, ret_reason);
	if (r == 0)
		r = start_account(s, ret_reason);
	if (r < 0)
		return r;
	r = start_cache(s);
	if (r == 0)
		r = start_tree(s);
	if (r < 0) {
		*ret_reason = fail_text("on the outbox and the cache", r);
		return r;
	}
	return mount_fs(s, ret_reason);
}

/* ---- serving and taking down ---- */

static void start_pager(void *arg)
{
	pager_start(arg);
}

static void ready(void *arg)
{
	struct sparkfs *s = arg;
	bool is_background = s->daemon.fd >= 0;

	s->is_ready = true;
	log_set_sink(is_background ? LOG_SINK_SYSLOG : LOG_SINK_STDERR);
	status_ready(s);
	if (daemon_ready(&s->daemon) < 0)
		fs_exit(s->fs);
	log_info("main", "%s is mounted at %s", account_owner_name(&s->owner), s->mountpoint);
	if (s->warning)
		log_warning("main", "%s", s->warning);
	work_post(s->queue, start_pager, s->pager);
}

int sparkfs_serve(struct sparkfs *s)
{
	int r = fs_run(s->fs, ready, s);

	if (r < 0 && !s->is_ready)
		log_set_sink(LOG_SINK_STDERR);
	if (r == -ECONNABORTED)
		log_error(
			"main",
			"%s: the kernel's connection was ended from outside (abort, umount -f)",
			s->mountpoint);
	else if (r < 0)
		log_error("main", "%s: ended by an error: %s", s->mountpoint, g_strerror(-r));
	return r;
}

static void shut_tree(void *arg)
{
	tree_keep_scratch(arg);
	tree_shutdown(arg);
}

static void shut_pager(void *arg)
{
	pager_shutdown(arg);
}

void sparkfs_stop(struct sparkfs *s)
{
	struct fs *fs = s->fs;

	status_stopping(s);
	/* This also ends a mount that failed behind mount_fs(). */
	if (fs)
		fs_unmount(fs);
	if (s->tree)
		work_call(s->queue, shut_tree, s->tree);
	if (s->pager)
		work_call(s->queue, shut_pager, s->pager);
	if (s->outbox)
		outbox_close(&s->outbox, SPARKFS_OUTBOX_WAIT_MS);
	if (s->client)
		webex_client_stop(s->client);
	http_loop_stop(&s->loop);
	work_queue_stop(&s->parse_queue);
	work_queue_stop(&s->queue);
	/* No other thread is left. */
	s->fs = NULL;
	fs_free(&fs);
	tree_free(&s->tree);
	pager_free(&s->pager);
	contents_free(&s->contents);
	store_close(&s->store);
	if (s->client)
		webex_client_free(s->client);
	webex_token_free(s->token);
	http_route_free(s->route);
	account_close(&s->account);
	account_owner_clear(&s->owner);
	account_roots_clear(&s->roots);
	g_free(s->mountpoint);
	g_free(s->base_url);
	choice_clear(&s->login);
	g_free(s->fingerprint);
	g_free(s->warning);
	g_free(s->no_token);
	sparkfs_init(s, s->options);
}
