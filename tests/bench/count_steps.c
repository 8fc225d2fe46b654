/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into sparkfs by scale.py: counts what is the same each time, whatever else the computer does. The
 * file COUNT_STEPS begins with two numbers: the steps of SQLite's machine, and how often sparkfs asked glib
 * for memory.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <glib.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#undef g_strdup

static struct counts {
	_Atomic(uint64_t) steps, allocations;
} * counts;

__attribute__((constructor)) static void map_counter(void)
{
	const char *path = getenv("COUNT_STEPS");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *at;

	if (fd < 0)
		return;
	at = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (at != MAP_FAILED)
		counts = at;
}

/* The function of the same name behind this one. It is looked for when it is first called, since other programs
 * of the same start have this library, too, and no SQLite. */
static void *behind(_Atomic(void *) *known, const char *name)
{
	void *at = atomic_load(known);

	if (!at) {
		at = dlsym(RTLD_NEXT, name);
		atomic_store(known, at);
	}
	return at;
}

/* A statement counts until it is asked for the number. */
static void count(sqlite3_stmt *st)
{
	static _Atomic(void *) known;
	int (*status)(sqlite3_stmt * st, int what, int reset);

	if (!counts || !st)
		return;
	status = (int (*)(sqlite3_stmt *, int, int))behind(&known, "sqlite3_stmt_status");
	atomic_fetch_add(&counts->steps, (uint64_t)status(st, SQLITE_STMTSTATUS_VM_STEP, 1));
}

int sqlite3_reset(sqlite3_stmt *st)
{
	static _Atomic(void *) known;

	count(st);
	return ((int (*)(sqlite3_stmt *))behind(&known, "sqlite3_reset"))(st);
}

int sqlite3_finalize(sqlite3_stmt *st)
{
	static _Atomic(void *) known;

	count(st);
	return ((int (*)(sqlite3_stmt *))behind(&known, "sqlite3_finalize"))(st);
}

static void count_allocation(void)
{
	if (counts)
		atomic_fetch_add(&counts->allocations, 1);
}

gpointer g_malloc(gsize size)
{
	static _Atomic(void *) known;

	count_allocation();
	return ((gpointer(*)(gsize))behind(&known, "g_malloc"))(size);
}

gpointer g_malloc0(gsize size)
{
	static _Atomic(void *) known;

	count_allocation();
	return ((gpointer(*)(gsize))behind(&known, "g_malloc0"))(size);
}

gchar *g_strdup(const gchar *text)
{
	static _Atomic(void *) known;

	count_allocation();
	return ((gchar * (*)(const gchar *)) behind(&known, "g_strdup"))(text);
}
