/* SPDX-License-Identifier: MIT */
#include "fs/why.h"

#include <errno.h>
#include <glib.h>
#include <string.h>

#define OUT_OF_REACH                                                                           \
	"the server is out of reach; what is known can still be read, and what could not be "  \
	"sent is in .sparkfs/unsent/"
#define TOO_MANY_OPEN                                                                          \
	"too many files are open, or wait here for a name or for bytes: close, rename or rm "  \
	"some, or raise the limit of open files"

struct words {
	int error;
	const char *words; /* NULL: it is no refusal */
};

static const struct words table[] = {
	{EINTR, NULL},
	{EAGAIN, NULL},
	{ESHUTDOWN, NULL},
	{ENOENT, NULL},
	{ESTALE, NULL},
	{EEXIST, NULL},
	{ENOTDIR, NULL},
	{EISDIR, NULL},
	{EXDEV, NULL},
	{ENOSYS, NULL},
	{EOPNOTSUPP, NULL},
	{EBADF, NULL},
	{EPERM, "it is part of what is shown here and cannot be changed so"},
	{EACCES, "the account may not do that, or it can only be read"},
	{EROFS, "this mount was made with -o ro: nothing can be changed or sent through it"},
	{EINVAL, "this cannot be done here"},
	{ENAMETOOLONG, "a name has at most 255 bytes"},
	{EFBIG, "a message has at most 7439 bytes, a file 100 MB"},
	{EILSEQ,
	 "a message is valid UTF-8 without NUL; send anything else as a file: cp FILE into "
	 "the space"},
	{ENOTEMPTY, "there is something in it"},
	{ENODATA, "it would be empty, and nothing empty is sent"},
	{EBUSY, "something else is being done with it: try again"},
	{ENOSPC, "the disk of the cache or of what is to be sent has no room"},
	{EDQUOT, "the quota of the disk of the cache or of what is to be sent is used up"},
	{ENFILE, TOO_MANY_OPEN},
	{EMFILE, TOO_MANY_OPEN},
	{ENOMEM, "there is not enough memory"},
	{ENETUNREACH, OUT_OF_REACH},
	{EHOSTUNREACH, OUT_OF_REACH},
	{ECONNREFUSED, OUT_OF_REACH},
	{ETIMEDOUT, "there was no answer in time"},
	{EIO, "it failed; .sparkfs/log may say more"},
};

bool why_is_told(int error)
{
	return error && error != -EINTR && error != -EAGAIN && error != -ESHUTDOWN;
}

const char *why_words(int error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(table); i++)
		if (table[i].error == -error)
			return table[i].words;
	return strerror(-error);
}
