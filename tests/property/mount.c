/* SPDX-License-Identifier: MIT */
#include "mount.h"

#include <errno.h>
#include <glib/gstdio.h>

#include "caches.h"
#include "dice.h"
#include "fake_time.h"
#include "model.h"
#include "readers.h"
#include "report.h"
#include "tree/place.h"
#include "wire.h"
#include "tree/invalidate.h"

/* Without use for so long nothing is polled. */
#define IDLE_MS (10 * 60 * 1000)

struct mount mount;

static void told_inode(void *arg, uint64_t ino)
{
	(void)arg;
	caches_forget_inode(ino);
}

static void told_name(void *arg, uint64_t dir, const char *name)
{
	(void)arg;
	caches_forget_name(dir, name);
}

static void on_changes(void *arg, GPtrArray *changes)
{
	const struct tree_invalidate told = {.inode = told_inode, .name = told_name};

	(void)arg;
	for (guint i = 0; i < changes->len; i++) {
		const struct store_change *c = changes->pdata[i];

		trace("change %d room %" G_GINT64_FORMAT " row %" G_GINT64_FORMAT " %s -> %s",
		      (int)c->type, c->room, c->rowid, c->old_name ? c->old_name : "",
		      c->name ? c->name : "");
	}
	if (mount.tree)
		tree_on_changes(mount.tree, changes, &told);
}

void mount_on_changes(GPtrArray *changes)
{
	on_changes(NULL, changes);
}

static char *path_of(const char *name)
{
	return g_build_filename(mount.folder, name, NULL);
}

static void introduce(void)
{
	struct webex_person me = {
		.id = model.person_ids[ME],
		.email = model.emails[ME],
		.display_name = model.emails[ME],
		.json = (char *)"{}\n",
	};

	g_assert(store_meta_set(mount.store, "me.id", me.id) == 0);
	g_assert(store_meta_set(mount.store, "me.email", me.email) == 0);
	g_assert(store_apply_person(mount.store, &me, time_wall(), &mount.me_person, NULL) ==
		 0);
}

static void open_all(void)
{
	g_autofree char *path = path_of("store.db"), *reserve = path_of("rowids");
	struct store_config store = {.path_of = tree_path_of,
				     .path = path,
				     .reserve_path = reserve,
				     .holder = "test",
				     .clock = &fake_clock};
	struct pager_config pager = {
		.queue = mount.queue,
		.clock = &fake_clock,
		.is_bot = model.is_bot,
		.recent = mount.recent,
		.poll_ms = mount.poll_ms,
		.max_bodies = mount.max_bodies,
		.idle_ms = IDLE_MS,
		.on_changes = on_changes,
	};
	struct tree_config tree = {
		.queue = mount.queue,
		.clock = &fake_clock,
		.state_dir = mount.folder,
		.base_url = "http://127.0.0.1/v1",
		.me_id = model.person_ids[ME],
		.me_email = model.emails[ME],
		.is_bot = model.is_bot,
		.recent = mount.recent,
		.on_changes = on_changes,
	};
	char *holder = NULL;

	g_assert(store_open(&store, &mount.store, &holder) == 0);
	introduce();
	pager.store = tree.store = mount.store;
	g_assert(pager_new(&pager, &mount.pager) == 0);
	tree.pager = mount.pager;
	tree.me_person = mount.me_person;
	g_assert(tree_new(&tree, &mount.tree) == 0);
	mount.opens++;
	pager_start(mount.pager);
}

/* In the order of main/sparkfs.c. */
static void close_all(void)
{
	op_fail_all(-ESHUTDOWN);
	pager_shutdown(mount.pager);
	/* The http loop stops: every call is answered. */
	while (wire_waiting())
		time_pass(1000);
	time_settle();
	readers_release_all();
	caches_forget_all();
	tree_free(&mount.tree);
	pager_free(&mount.pager);
	time_forget(mount.queue);
	store_close(&mount.store);
}

void mount_start(const char *folder, int recent, int poll_ms)
{
	mount = (struct mount){
		.folder = g_strdup(folder),
		.recent = recent,
		.poll_ms = poll_ms,
		.max_bodies = dice_percent(40) ? dice_between(1, 60) : 0,
	};
	g_assert(work_queue_start("cache", &mount.queue) == 0);
	open_all();
}

static void remove_files(void)
{
	static const char *const names[] = {"store.db", "store.db-wal", "store.db-shm",
					    "store.db.lock", "rowids"};

	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = path_of(names[i]);

		g_unlink(path);
	}
}

void mount_stop(void)
{
	close_all();
	work_queue_stop(&mount.queue);
	remove_files();
	g_clear_pointer(&mount.folder, g_free);
}

void mount_evict(void)
{
	struct store_evict e = {
		.limit = dice(20),
		.recent = mount.recent,
		.keep_hidden = model.is_bot,
		.slice = (int)dice_between(1, 50),
	};
	int r = store_evict(mount.store, &e);

	trace("evict to %" G_GINT64_FORMAT ": %d", e.limit, r);
	if (r < 0)
		report("texts cannot be dropped: %d", r);
}

void mount_again(void)
{
	close_all();
	open_all();
}

static void copy(const char *from, const char *to)
{
	g_autofree char *a = path_of(from), *b = path_of(to), *bytes = NULL;
	gsize len;

	g_unlink(b);
	if (g_file_get_contents(a, &bytes, &len, NULL))
		g_assert(g_file_set_contents(b, bytes, (gssize)len, NULL));
}

void mount_kill(void)
{
	/* What is on disk now is what there will be; the rest of this mount ends in vain. */
	copy("store.db", "kept.db");
	copy("store.db-wal", "kept.db-wal");
	copy("rowids", "kept.rowids");
	mount.opens++;
	close_all();
	remove_files();
	copy("kept.db", "store.db");
	copy("kept.db-wal", "store.db-wal");
	copy("kept.rowids", "rowids");
	open_all();
}

void mount_lose(void)
{
	static const char *const names[] = {"store.db", "store.db-wal", "store.db-shm"};

	close_all();
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		g_autofree char *path = path_of(names[i]);

		g_unlink(path);
	}
	open_all();
}
