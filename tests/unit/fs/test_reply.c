/* SPDX-License-Identifier: MIT */
/* The kernel's references to what an answer names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>

#include "op_kit.h"

static void assert_counts(enum op_answer answer, uint64_t ino, int result, int up, int back)
{
	struct fuse_req req = {.reply_result = result};
	struct fs fs = {0};
	struct op op = {.fs = &fs, .req = &req, .answer = answer, .entry.ino = ino};

	atomic_store(&looked_up, 0);
	atomic_store(&forgotten, 0);
	op.children = g_array_new(FALSE, FALSE, sizeof(ino));
	g_array_append_val(op.children, ino);
	g_array_append_val(op.children, ino);
	op.buf = (char *)"";
	assert_int_equal(result, op_give_answer(&op));
	assert_int_equal(1, atomic_load(&req.replies));
	assert_int_equal(up, atomic_load(&looked_up));
	assert_int_equal(back, atomic_load(&forgotten));
	g_array_unref(op.children);
}

static void test_what_is_named_is_counted(void **state)
{
	(void)state;
	assert_counts(OP_ANSWER_ENTRY, 7, 0, 1, 0);
	assert_counts(OP_ANSWER_CREATE, 7, 0, 1, 0);
	/* A listing with attributes. */
	assert_counts(OP_ANSWER_BUF, 7, 0, 2, 0);
	/* No such name. */
	assert_counts(OP_ANSWER_ENTRY, 0, 0, 0, 0);
	assert_counts(OP_ANSWER_ERR, 7, 0, 0, 0);
	assert_counts(OP_ANSWER_ATTR, 7, 0, 0, 0);
}

static void test_what_the_kernel_did_not_take_is_not(void **state)
{
	(void)state;
	assert_counts(OP_ANSWER_ENTRY, 7, -ENOENT, 1, 1);
	assert_counts(OP_ANSWER_CREATE, 7, -ENOENT, 1, 1);
	assert_counts(OP_ANSWER_BUF, 7, -ENOENT, 2, 2);
	assert_counts(OP_ANSWER_BUF, 7, -ENODEV, 2, 2);
	assert_counts(OP_ANSWER_ENTRY, 0, -ENOENT, 0, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_named_is_counted),
		cmocka_unit_test(test_what_the_kernel_did_not_take_is_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
