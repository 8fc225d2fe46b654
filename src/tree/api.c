/* SPDX-License-Identifier: MIT */
/* The directories and files of api/ (api.h). */
#include "tree/api.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/names.h"
#include "base/session.h"
#include "pager/server.h"
#include "tree/api_internal.h"
#include "tree/api_paths.h"
#include "tree/internal.h"
#include "webex/request_path.h"

#define JSON ".json"

/* ---- paths ---- */

/* The path that a directory stands for; "" for api/ itself. Owned. */
static int dir_path(struct tree_ctx *ctx, uint64_t dir, char **ret_path)
{
	const char *shown = api_shown((int)tree_ino_row(dir));

	switch (tree_ino_kind(dir)) {
	case TREE_API:
		*ret_path = g_strdup("");
		return 0;
	case TREE_API_SHOWN:
		*ret_path = g_strdup(shown);
		return shown ? 0 : -ESTALE;
	default:
		return counted_key(ctx->tree->counted, tree_ino_row(dir), ret_path);
	}
}

/* What a name in a directory stands for: the path of its request, and the kind of its file. */
static char *parse_name(const char *above, const char *name, enum tree_kind *ret_kind)
{
	size_t len = strcspn(name, "?");
	bool is_json = len > strlen(JSON) &&
		       memcmp(name + len - strlen(JSON), JSON, strlen(JSON)) == 0;
	const char *query = name[len] && name[len + 1] ? name + len : "";
	char *path;

	if (is_json)
		len -= strlen(JSON);
	path = g_strdup_printf("%s%s%.*s%s", above, *above ? "/" : "", (int)len, name, query);
	*ret_kind = is_json		     ? TREE_API_JSON
		    : strchr(name, '?')	     ? TREE_API_BYTES
		    : api_is_leaf(path)	     ? TREE_API_BYTES
		    : api_shown_number(path) ? TREE_API_SHOWN
					     : TREE_API_DIR;
	return path;
}

char *api_shown_name(enum tree_kind kind, const char *path)
{
	int len = (int)strcspn(path, "?");

	if (kind == TREE_API_JSON)
		return g_strdup_printf("api/%.*s" JSON "%s", len, path, path + len);
	return g_strconcat("api/", path, NULL);
}

int api_make_path(struct tree_ctx *ctx, const char *typed, char **ret_path)
{
	const char *why;
	int r = request_path_make(typed, ret_path, &why);

	return r ? tree_refuse(ctx, r, "api/%.200s: %s", typed, why) : 0;
}

/* ---- names ---- */

static int make_entry(struct tree_ctx *ctx, enum tree_kind kind, const char *path, uint64_t dir,
		      const char *name, struct tree_entry *ret_entry)
{
	int64_t row = api_shown_number(path);
	int r = 0;

	if (kind != TREE_API_SHOWN)
		r = tree_hold(ctx, kind, path, dir, name, &row);
	return r ? r : tree_make_entry(ctx, tree_ino(kind, row), ret_entry);
}

/* Every name that can be a segment is there, but for those of temporary files. */
static int api_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
		      struct tree_entry *ret_entry)
{
	_cleanup_gfree_ char *above = NULL, *path = NULL, *made = NULL;
	enum tree_kind kind;
	int r;

	if (name[0] == '.' || (!strchr(name, '?') && name_is_scratch(name))) {
		tree_no_entry(ret_entry, TIMEOUT_LONG);
		return 0;
	}
	r = dir_path(ctx, dir, &above);
	if (r)
		return r;
	path = parse_name(above, name, &kind);
	r = api_make_path(ctx, path, &made);
	return r ? r : make_entry(ctx, kind, path, dir, name, ret_entry);
}

/* Only directories of known paths are listed: who walks through them asks for nothing. */
static int api_readdir(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
		       tree_emit emit, void *arg)
{
	_cleanup_gfree_ char *above = NULL;
	const char *path;
	int error = dir_path(ctx, dir->ino, &above);

	for (int i = 1; !error && (path = api_shown(i)); i++) {
		const char *slash = strrchr(path, '/');
		size_t len = slash ? (size_t)(slash - path) : 0;
		int64_t own = STORE_COOKIE_MIN + i;

		if (own <= cookie || strlen(above) != len || memcmp(path, above, len) != 0)
			continue;
		if (!tree_emit_ino(ctx, emit, arg, slash ? slash + 1 : path,
				   tree_ino(TREE_API_SHOWN, i), own, &error))
			break;
	}
	return error;
}

static int counted_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	_cleanup_gfree_ char *path = NULL;

	(void)attr;
	return counted_key(ctx->tree->counted, tree_ino_row(ino), &path);
}

static int shown_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	(void)ctx;
	(void)attr;
	return api_shown((int)tree_ino_row(ino)) ? 0 : -ESTALE;
}

#define TARGET ".sparkfs/api"

static int link_readlink(struct tree_ctx *ctx, uint64_t ino, char **ret_target)
{
	(void)ctx;
	(void)ino;
	*ret_target = g_strdup(TARGET);
	return 0;
}

static int link_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	(void)ctx;
	(void)ino;
	tree_set_size(attr, (int64_t)strlen(TARGET));
	return 0;
}

/* ---- files ---- */

bool tree_is_asked(uint64_t ino)
{
	switch (tree_ino_kind(ino)) {
	case TREE_API_JSON:
	case TREE_API_BYTES:
	case TREE_API_REQUEST:
		return true;
	default:
		return false;
	}
}

struct asked *api_asked(struct tree_ctx *ctx, enum http_method method, const char *name,
			const char *path, bool is_bytes, const char *body, size_t len)
{
	struct asked_spec spec = {
		.method = method,
		.path = path,
		.name = name,
		.is_bytes = is_bytes,
		.body = body,
		.body_len = len,
		.asker.session = (uint32_t)session_of(ctx->pid),
	};

	return asked_new(ctx->tree, &spec);
}

int tree_ask_read(struct tree_ctx *ctx, uint64_t ino, struct asked **ret_asked)
{
	_cleanup_gfree_ char *typed = NULL, *path = NULL, *name = NULL;
	enum tree_kind kind = tree_ino_kind(ino);
	int r;

	if (kind == TREE_API_REQUEST)
		return tree_refuse(
			ctx, -EINVAL,
			".sparkfs/request: write \"METHOD PATH\", a newline and the "
			"body to it, and read the answer through the same open file");
	r = server_known_error(pager_server(ctx->tree->config.pager));
	if (r)
		return tree_refuse_server(ctx, r);
	r = counted_key(ctx->tree->counted, tree_ino_row(ino), &typed);
	if (r == 0)
		r = api_make_path(ctx, typed, &path);
	if (r)
		return r;
	name = api_shown_name(kind, typed);
	*ret_asked = api_asked(ctx, HTTP_GET, name, path, kind == TREE_API_BYTES, NULL, 0);
	return 0;
}

#define API_DIR (S_IFDIR | 0700)
#define API_FILE (S_IFREG | 0600)

/* clang-format off */
const struct tree_row api_rows[] = {
	{ TREE_API_LINK, "api link", TREE_ROOT, "api", LINK, ROW_LISTED | ROW_QUIET, .attr = link_attr, .readlink = link_readlink },
	{ TREE_API, "api", TREE_CONTROL, "api", API_DIR, ROW_LISTED | ROW_QUIET | ROW_PRIVATE,
	  .lookup = api_lookup, .readdir = api_readdir },
	{ TREE_API_SHOWN, "path of the API", TREE_NONE, NULL, API_DIR, ROW_QUIET | ROW_PRIVATE,
	  .attr = shown_attr, .lookup = api_lookup, .readdir = api_readdir },
	{ TREE_API_DIR, "path of the API", TREE_NONE, NULL, API_DIR, ROW_QUIET | ROW_PRIVATE | ROW_COUNTED,
	  .attr = counted_attr, .lookup = api_lookup, .readdir = api_readdir },
	{ TREE_API_JSON, "request of the API", TREE_NONE, NULL, API_FILE,
	  ROW_QUIET | ROW_PRIVATE | ROW_COUNTED | ROW_WATCHED, LETTER_JSON, .attr = counted_attr },
	{ TREE_API_BYTES, "answer of the API", TREE_NONE, NULL, S_IFREG | 0400,
	  ROW_QUIET | ROW_PRIVATE | ROW_COUNTED, .attr = counted_attr },
	{ TREE_API_REQUEST, "request", TREE_CONTROL, "request", API_FILE, ROW_QUIET | ROW_PRIVATE, LETTER_JSON },
	ROWS_END,
};
/* clang-format on */
