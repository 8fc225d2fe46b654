/* SPDX-License-Identifier: MIT */
/* Which of the open files of a draft has what sent. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "draft_kit.h"

/* A file with three open files, of which none has written yet. */
struct shared {
	struct draft *d;
	struct draft_writer a, b, c;
};

static struct shared new_shared(void)
{
	struct shared s = {0};

	assert_int_equal(draft_new(LETTER_FILE, draft_dir, &s.d), 0);
	draft_join(s.d, &s.a);
	draft_join(s.d, &s.b);
	draft_join(s.d, &s.c);
	return s;
}

static void put_by(struct shared *s, struct draft_writer *by, enum draft_way way,
		   const char *bytes, int64_t offset)
{
	assert_int_equal(draft_write_by(s->d, by, way, bytes, strlen(bytes), offset),
			 strlen(bytes));
}

static void expect_taken(struct shared *s, struct draft_writer *by, const char *bytes)
{
	char buf[100] = "";
	int64_t size;
	int fd = -1;

	assert_int_equal(draft_take_by(s->d, by, NULL, NULL, &fd, &size), 0);
	assert_int_equal(size, strlen(bytes));
	assert_int_equal(pread(fd, buf, sizeof(buf), 0), size);
	assert_string_equal(buf, bytes);
	close(fd);
	assert_false(draft_is_dirty(s->d));
}

static void expect_left(struct shared *s, struct draft_writer *by)
{
	int64_t size;
	int fd;

	assert_int_equal(draft_take_by(s->d, by, NULL, NULL, &fd, &size), -EAGAIN);
	assert_true(draft_is_dirty(s->d));
}

static void who_wrote_nothing_is_clean(void **state)
{
	struct shared s = new_shared();

	(void)state;
	assert_false(draft_is_dirty_by(s.d, &s.a));
	put_by(&s, &s.a, DRAFT_AT, "half", 0);
	assert_true(draft_is_dirty_by(s.d, &s.a));
	assert_false(draft_is_dirty_by(s.d, &s.b));
	assert_true(draft_has_company(s.d, &s.b));
	assert_false(draft_has_company(s.d, &s.a));
	assert_false(draft_leave(s.d, &s.b));
	expect_taken(&s, &s.a, "half");
	assert_false(draft_is_dirty_by(s.d, &s.a));
	/* What was sent is clean, whoever closes. */
	assert_false(draft_leave(s.d, &s.a));
	assert_true(draft_is_open(s.d));
	assert_false(draft_leave(s.d, &s.c));
	assert_false(draft_is_open(s.d));
	draft_unref(&s.d);
}

static void the_last_that_wrote_sends_for_all(void **state)
{
	struct shared s = new_shared();

	(void)state;
	put_by(&s, &s.a, DRAFT_AT, "a", 0);
	put_by(&s, &s.b, DRAFT_APPEND, "b", 0);
	expect_left(&s, &s.b);
	/* The other writer is done. */
	assert_false(draft_is_dirty_by(s.d, &s.b));
	assert_true(draft_holds_others(s.d, &s.a));
	assert_false(draft_has_company(s.d, &s.a));
	put_by(&s, &s.a, DRAFT_APPEND, "c", 0);
	expect_taken(&s, &s.a, "abc");
	assert_false(draft_holds_others(s.d, &s.a));
	/* And from there on anew. */
	put_by(&s, &s.b, DRAFT_APPEND, "d", 0);
	expect_taken(&s, &s.b, "abcd");
	draft_unref(&s.d);
}

/* No close comes from an opener, so the last release sends it. */
static void of_those_that_leave_the_last_one_sends(void **state)
{
	struct shared s = new_shared();

	(void)state;
	put_by(&s, &s.a, DRAFT_AT, "a", 0);
	put_by(&s, &s.b, DRAFT_APPEND, "b", 0);
	assert_false(draft_leave(s.d, &s.a));
	assert_false(draft_leave(s.d, &s.a));
	/* The third one wrote nothing, and is not waited for. */
	assert_true(draft_leave(s.d, &s.b));
	/* An open file that has left does not make clean what a later one writes. */
	draft_join(s.d, &s.a);
	put_by(&s, &s.a, DRAFT_APPEND, "c", 0);
	expect_left(&s, &s.b);
	assert_true(draft_leave(s.d, &s.a));
	expect_taken(&s, &s.b, "abc");
	assert_false(draft_leave(s.d, &s.c));
	draft_unref(&s.d);
}

static void a_mapping_is_anybodys(void **state)
{
	struct shared s = new_shared();

	(void)state;
	/* The kernel names the one that was opened last. */
	put_by(&s, &s.c, DRAFT_MAPPED, "mapped", 0);
	assert_false(draft_is_dirty_by(s.d, &s.c));
	assert_true(draft_has_company(s.d, &s.c));
	assert_false(draft_leave(s.d, &s.c));
	put_by(&s, &s.b, DRAFT_APPEND, "!", 0);
	expect_left(&s, &s.b);
	assert_false(draft_leave(s.d, &s.b));
	assert_true(draft_is_dirty_by(s.d, &s.a));
	expect_taken(&s, &s.a, "mapped!");
	put_by(&s, &s.a, DRAFT_MAPPED, "M", 0);
	assert_true(draft_leave(s.d, &s.a));
	draft_unref(&s.d);
}

static void cut_off_at_its_beginning_it_is_nobodys(void **state)
{
	struct shared s = new_shared();

	(void)state;
	put_by(&s, &s.a, DRAFT_AT, "a long text", 0);
	draft_taint(s.d);
	/* Shorter is still partly his. */
	assert_int_equal(draft_truncate_by(s.d, &s.b, 6), 0);
	assert_true(draft_is_dirty_by(s.d, &s.a));
	assert_true(draft_is_dirty_by(s.d, &s.b));
	assert_true(draft_is_tainted(s.d));
	assert_int_equal(draft_truncate_by(s.d, &s.b, 0), 0);
	assert_false(draft_is_dirty_by(s.d, &s.a));
	assert_true(draft_is_dirty_by(s.d, &s.b));
	assert_false(draft_is_tainted(s.d));
	put_by(&s, &s.b, DRAFT_AT, "hi", 0);
	expect_taken(&s, &s.b, "hi");
	/* By an open, which joins afterwards. */
	put_by(&s, &s.a, DRAFT_AT, "A", 0);
	assert_int_equal(draft_truncate(s.d, 0), 0);
	assert_false(draft_is_dirty_by(s.d, &s.a));
	/* By one that was killed then; and by an open that comes behind him. */
	assert_int_equal(draft_truncate_by(s.d, &s.a, 0), 0);
	draft_taint(s.d);
	assert_int_equal(draft_truncate(s.d, 0), 0);
	assert_false(draft_is_tainted(s.d));
	draft_unref(&s.d);
}

/* A plan takes nothing: it may be dropped, and another one be made meanwhile. */
static void what_a_plan_has_is_clean_when_it_arrived(void **state)
{
	struct shared s = new_shared();
	uint64_t first, second;
	int64_t size;
	int fd;

	(void)state;
	put_by(&s, &s.a, DRAFT_AT, "one", 0);
	assert_int_equal(draft_copy(s.d, &fd, &size, &first), 0);
	assert_int_equal(size, 3);
	assert_true(draft_is_dirty_by(s.d, &s.a));
	put_by(&s, &s.a, DRAFT_APPEND, "two", 0);
	assert_int_equal(size, 3);
	close(fd);
	assert_int_equal(draft_copy(s.d, &fd, &size, &second), 0);
	close(fd);
	assert_true(draft_is_at(s.d, second) && !draft_is_at(s.d, first));
	/* The first one arrived: "two" is still to come. */
	draft_set_sent(s.d, first);
	assert_true(draft_is_dirty_by(s.d, &s.a));
	draft_set_sent(s.d, second);
	assert_false(draft_is_dirty(s.d));
	/* Somebody else has taken it a moment ago. */
	assert_int_equal(draft_take_by(s.d, &s.a, NULL, NULL, &fd, &size), -EAGAIN);
	draft_unref(&s.d);
}

static void what_is_the_servers_is_nobodys(void **state)
{
	struct shared s = new_shared();

	(void)state;
	put_by(&s, &s.a, DRAFT_AT, "old", 0);
	draft_set_clean(s.d);
	assert_false(draft_is_dirty_by(s.d, &s.a));
	assert_false(draft_leave(s.d, &s.a));
	draft_unref(&s.d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		draft_test(who_wrote_nothing_is_clean),
		draft_test(the_last_that_wrote_sends_for_all),
		draft_test(of_those_that_leave_the_last_one_sends),
		draft_test(a_mapping_is_anybodys),
		draft_test(cut_off_at_its_beginning_it_is_nobodys),
		draft_test(what_a_plan_has_is_clean_when_it_arrived),
		draft_test(what_is_the_servers_is_nobodys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
