/* SPDX-License-Identifier: MIT */
#include "draft_kit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *draft_dir;

int draft_set_up(void **state)
{
	char template[] = "/tmp/sparkfs-draft-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(template));
	draft_dir = g_strdup(template);
	return 0;
}

int draft_tear_down(void **state)
{
	(void)state;
	assert_int_equal(rmdir(draft_dir), 0);
	g_free(draft_dir);
	return 0;
}

struct draft *new_draft(enum letter_form form)
{
	struct draft *d = NULL;

	assert_int_equal(draft_new(form, draft_dir, &d), 0);
	assert_int_equal(draft_get_form(d), form);
	return d;
}

void put(struct draft *d, const char *bytes, int64_t offset)
{
	assert_int_equal(draft_write(d, bytes, strlen(bytes), offset, false), strlen(bytes));
}

char *fill(size_t len, char c)
{
	char *bytes = g_malloc(len + 1);

	memset(bytes, c, len);
	bytes[len] = '\0';
	return bytes;
}
