/* SPDX-License-Identifier: MIT */
/* /proc/self/mountinfo, behind a first line that is the path. */
#include <glib.h>
#include <string.h>

#include "fuzz.h"
#include "main/mountpoint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *path = fuzz_text(data, size), *type = NULL;
	char *end = strchr(path, '\n');

	if (end) {
		*end = '\0';
		int found = mountpoint_find(end + 1, path, &type);

		fuzz_check(found == 0 || found == 1);
		fuzz_check(found || !type || !strcmp(type, "autofs"));
		fuzz_check(!type || !strpbrk(type, " \n"));
		fuzz_check(mountpoint_find(end + 1, path, NULL) == found);
		fuzz_check(!mountpoint_is_of(end + 1, path, 0) ||
			   !g_strcmp0(type, "fuse.sparkfs"));
	}
	g_free(type);
	free(path);
	return 0;
}
