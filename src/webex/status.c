/* SPDX-License-Identifier: MIT */
#include "webex/status.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const struct {
	int status, error;
} table[] = {
	{400, EINVAL}, {401, EACCES}, {403, EACCES},	{404, ENOENT}, {408, ETIMEDOUT},
	{409, EEXIST}, {410, EACCES}, {413, EFBIG},	{423, EBUSY},  {428, EACCES},
	{429, EBUSY},  {503, EBUSY},  {504, ETIMEDOUT},
};

/* The server's words for a message that is too long (webex-api.md 1.6). */
static int says_too_long(const char *message)
{
	return message && (strcasestr(message, "Message length limited") ||
			   strcasestr(message, "payload is too big"));
}

int webex_status_errno(enum http_method method, int status, const char *message)
{
	if (status >= 200 && status < 300)
		return 0;
	if (status == 400 && says_too_long(message))
		return -EFBIG;
	if (status == 409 && method != HTTP_POST)
		return -EBUSY;
	if (status == 410 && method == HTTP_DELETE)
		return -ENOENT;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].status == status)
			return -table[i].error;
	}
	return -EIO;
}
