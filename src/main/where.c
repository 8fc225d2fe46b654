/* SPDX-License-Identifier: MIT */
#include "main/where.h"

#include <errno.h>
#include <glib.h>
#include <sys/stat.h>

#include "base/cleanup.h"

int where_is(const char *login, char **ret_path, char **ret_reason)
{
	_cleanup_gfree_ char *name = g_strconcat("webex-", login, NULL);
	_cleanup_gfree_ char *path = g_build_filename(g_get_home_dir(), name, NULL);

	/* What is there is looked at later, since it may be a mount that hangs. */
	if (mkdir(path, 0700) < 0 && errno != EEXIST) {
		int error = errno;

		*ret_reason = g_strdup_printf("cannot make %s: %s", path, g_strerror(error));
		return -error;
	}
	*ret_path = steal_ptr(&path);
	return 0;
}
