/* SPDX-License-Identifier: MIT */
/* Refusals and their words (tree.h). Those that several files need are here. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/names.h"
#include "pager/server.h"
#include "tree/internal.h"

int tree_refuse(struct tree_ctx *ctx, int error, const char *fmt, ...)
{
	va_list args;

	g_free(ctx->why);
	ctx->why_of = 0;
	va_start(args, fmt);
	ctx->why = g_strdup_vprintf(fmt, args);
	va_end(args);
	return error;
}

void tree_say_why(struct tree_ctx *ctx)
{
	if (ctx->why && !ctx->is_said)
		log_last_error_of(ctx->pid, "%s", ctx->why);
	g_clear_pointer(&ctx->why, g_free);
}

int tree_refuse_name(struct tree_ctx *ctx, const char *name)
{
	_cleanup_gfree_ char *clean = name_from_title(name, NAME_MAX_BYTES);

	if (strlen(name) > NAME_MAX_BYTES)
		return tree_refuse_length(ctx, name);
	return tree_refuse(
		ctx, -EINVAL,
		"%s: no name here begins with '.' or '-', is blank or has control or "
		"invalid characters in it: it would come back as '%s'",
		name, clean);
}

int tree_refuse_length(struct tree_ctx *ctx, const char *name)
{
	return tree_refuse(ctx, -ENAMETOOLONG,
			   "%.60s...: a name has at most %d bytes, this one has %zu", name,
			   NAME_MAX_BYTES, strlen(name));
}

int tree_refuse_read_only(struct tree_ctx *ctx)
{
	return tree_refuse(ctx, -EROFS,
			   "this mount was made with -o ro: nothing can be changed or sent "
			   "through it");
}

int tree_refuse_server(struct tree_ctx *ctx, int error)
{
	_cleanup_gfree_ char *login = server_login_words(pager_server(ctx->tree->config.pager));

	if (error == -EACCES)
		return tree_refuse(ctx, error, "nothing can be sent: %s",
				   login ? login : "the server does not accept the token");
	return tree_refuse(ctx, error,
			   "nothing can be sent: the server is out of reach (%s); try again "
			   "when the network is there",
			   strerror(-error));
}

int tree_refuse_trash(struct tree_ctx *ctx, const char *name)
{
	return tree_refuse(ctx, -EPERM, "%s: there is no bin here: rm deletes for everybody",
			   name);
}

int tree_refuse_api(struct tree_ctx *ctx)
{
	return tree_refuse(ctx, -EPERM,
			   "no file can be made in api/: a request is made by writing to "
			   "PATH.json, a temporary name has no place there");
}

int tree_refuse_month(struct tree_ctx *ctx, const char *name)
{
	return tree_refuse(ctx, -EPERM,
			   "%s: a month takes no new files; send it to the space: spaces/NAME/",
			   name);
}

int tree_refuse_write(struct tree_ctx *ctx, uint64_t ino)
{
	if (tree_ino_kind(ino) == TREE_MESSAGE_CARD)
		return tree_refuse(ctx, -EACCES,
				   "a card can only be read; what it asks for is answered by "
				   "writing to its .submit.json");
	if (tree_is_message(ino))
		return tree_refuse(ctx, -EACCES,
				   "a message is edited by its .txt, or by its .md if it has "
				   "Markdown; its other forms can only be read");
	return tree_refuse(ctx, -EACCES, "%s: it can only be read", tree_what(ino));
}

int tree_refuse_failed(struct tree_ctx *ctx, const struct need *need, int error)
{
	char *words;

	if (!error || error == -ENOENT || ctx->why)
		return error;
	words = pager_failed_words(ctx->tree->config.pager, need, error);
	if (words) {
		ctx->why = words;
		ctx->why_of = error;
	}
	return error;
}
