/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

#include "base/snapshot.h"
#include "webex/media_type.h"

#define UNKNOWN "application/octet-stream"
/* The database looks at so many bytes of a file. */
#define LOOKED_AT 4096

/* The database knows no type for "x.", and takes "x/" for a folder. */
static const char *usable(const char *name)
{
	return name && name[0] && name[strlen(name) - 1] != '/' ? name : NULL;
}

char *webex_media_type(const char *name, int fd)
{
	unsigned char head[LOOKED_AT];
	g_autofree char *type = NULL, *mime = NULL;
	ssize_t n = 0;

	/* The first call opens the database of types. */
	snapshot_assert_none();
	if (fd >= 0) {
		do {
			n = pread(fd, head, sizeof(head), 0);
		} while (n < 0 && errno == EINTR);
	}
	if (!usable(name) && n <= 0)
		return g_strdup(UNKNOWN);
	type = g_content_type_guess(usable(name), n > 0 ? head : NULL, n > 0 ? (gsize)n : 0,
				    NULL);
	mime = type ? g_content_type_get_mime_type(type) : NULL;
	return mime && strchr(mime, '/') ? g_steal_pointer(&mime) : g_strdup(UNKNOWN);
}
