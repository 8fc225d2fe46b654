/* SPDX-License-Identifier: MIT */
/* The acts of -o inotify are done in the order of the changes. The notifier, the helper and the tree are played. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "inotify/internal.h"
#include "inotify/mirror.h"
#include "fs/op.h"

#define CHANGES 4

/* ---- the notifier: the test says who has waited long enough ---- */

static struct {
	work_fn fn;
	void *arg;
} waits[CHANGES];
static int n_waits;

void notify_then(struct notifier *n, uint64_t since, work_fn fn, void *arg)
{
	(void)n;
	assert_int_equal(since, 0);
	assert_uint_in_range(n_waits, 0, CHANGES - 1);
	waits[n_waits].fn = fn;
	waits[n_waits++].arg = arg;
}

int notify_name_now(struct fuse_session *session, uint64_t dir, const char *name)
{
	(void)session;
	(void)dir;
	fail_msg("told again of %s", name);
	return 0;
}

/* ---- the helper: notes what it is to do. The mirror's thread, joined before a look. ---- */

static GString *done;

void mirror_process_init(struct mirror_process *p, const char *mountpoint,
			 const struct connection *connection)
{
	(void)mountpoint;
	*p = (struct mirror_process){.connection = connection, .pid = 1};
}

int mirror_process_ensure(struct mirror_process *p)
{
	(void)p;
	return 0;
}

int mirror_process_do(struct mirror_process *p, const struct mirror_act *act,
		      enum mirror_what what)
{
	(void)p;
	assert_int_equal(what, MIRROR_CREATE);
	g_string_append(done, act->path);
	return 0;
}

bool mirror_process_is_over(struct mirror_process *p)
{
	(void)p;
	return false;
}

void mirror_process_end(struct mirror_process *p)
{
	(void)p;
}

void mirror_process_reap(struct mirror_process *p)
{
	(void)p;
}

void mirror_process_quit(struct mirror_process *p)
{
	(void)p;
}

void mirror_process_clear(struct mirror_process *p)
{
	(void)p;
}

const struct fuse_lowlevel_ops *mirror_wrap(const struct fuse_lowlevel_ops *ops)
{
	return ops;
}

/* ---- acts: a change is its name ---- */

void mirror_acts_of(struct store *s, const struct store_change *c, GArray *ret_acts)
{
	struct mirror_act act = {.what = MIRROR_CREATE, .path = g_strdup(c->name)};

	(void)s;
	g_array_append_val(ret_acts, act);
}

void mirror_act_clear(struct mirror_act *a)
{
	g_free(a->path);
}

int watchers_start(const struct watchers_config *config, struct watchers **ret)
{
	(void)config;
	*ret = NULL;
	return 0;
}

void watchers_stop(struct watchers *w)
{
	(void)w;
}

void watchers_free(struct watchers **w)
{
	(void)w;
}

/* ---- ---- */

/* The waits end in the order of `ends`: of one millisecond's, a later one's before an earlier one's. */
static void check(const char *ends)
{
	static const char *const names[CHANGES] = {"0", "1", "2", "3"};
	GPtrArray *changes = store_changes_new();
	struct fs fs = {.connection = {.minor = 1}};
	void *m = NULL;

	n_waits = 0;
	done = g_string_new(NULL);
	for (int i = 0; i < CHANGES; i++) {
		struct store_change *c = g_new0(struct store_change, 1);

		c->name = g_strdup(names[i]);
		g_ptr_array_add(changes, c);
	}
	assert_int_equal(mirror_above.start(&fs, "/", &m), 0);
	mirror_above.changes(m, changes);
	assert_int_equal(n_waits, CHANGES);
	for (const char *at = ends; *at; at++)
		waits[*at - '0'].fn(waits[*at - '0'].arg);
	mirror_above.quit(m);
	mirror_above.join(m);
	assert_string_equal(done->str, "0123");
	mirror_above.free(m);
	g_string_free(done, TRUE);
	g_ptr_array_unref(changes);
}

static void test_acts_are_done_in_the_order_of_the_changes(void **state)
{
	(void)state;
	check("0123");
	check("3210");
	check("1302");
	check("2031");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_acts_are_done_in_the_order_of_the_changes),
	};

	log_set_sink(LOG_SINK_NONE);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
