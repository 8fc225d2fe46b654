/* SPDX-License-Identifier: MIT */
/* Writing files of api/, and removing them: changes that the API makes (api.h). */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "tree/api_internal.h"
#include "tree/api_paths.h"
#include "tree/internal.h"
#include "webex/json_text.h"

/* ---- opening ---- */

int api_open_write(struct tree_ctx *ctx, struct tree_write *w)
{
	int r = 0;

	if (w->kind == TREE_API_REQUEST)
		w->name = g_strdup("request");
	else
		r = counted_key(ctx->tree->counted, w->row, &w->api_path);
	if (r)
		return r;
	if (w->api_path)
		w->name = api_shown_name(w->kind, w->api_path);
	if (w->kind == TREE_API_BYTES)
		return tree_refuse(ctx, -EACCES,
				   "%s: it has the bytes of an answer and can only be read; a "
				   "request is written to PATH.json",
				   w->name);
	w->what = TREE_WRITE_OBJECT;
	return draft_new(w->form, ctx->tree->config.state_dir, &w->draft);
}

/* ---- what was written ---- */

/* What of a written text is the request. Borrowed from the text, but for the path. */
struct order {
	enum http_method method;
	char *typed; /* owned */
	const char *body;
	size_t body_len;
};

static int parse_method(const char *word, size_t len, enum http_method *ret_method)
{
	static const struct {
		const char *word;
		enum http_method method;
	} methods[] = {
		{"GET", HTTP_GET},     {"POST", HTTP_POST},	{"PUT", HTTP_PUT},
		{"PATCH", HTTP_PATCH}, {"DELETE", HTTP_DELETE},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(methods); i++) {
		if (strlen(methods[i].word) == len && memcmp(methods[i].word, word, len) == 0) {
			*ret_method = methods[i].method;
			return 0;
		}
	}
	return -EINVAL;
}

/* "METHOD PATH\nBODY", as .sparkfs/request takes it. */
static int parse_order(const char *text, size_t len, struct order *ret, char **ret_why)
{
	const char *end = memchr(text, '\n', len);
	size_t line = end ? (size_t)(end - text) : len;
	const char *blank = memchr(text, ' ', line);

	if (!blank || parse_method(text, (size_t)(blank - text), &ret->method)) {
		*ret_why = g_strdup("its first line is METHOD PATH, with GET, POST, PUT, PATCH "
				    "or DELETE");
		return -EINVAL;
	}
	ret->typed = g_strndup(blank + 1, line - (size_t)(blank + 1 - text));
	ret->body = text + line + (end != NULL);
	ret->body_len = len - line - (end != NULL);
	return 0;
}

static bool is_blank(const char *text, size_t len)
{
	while (len && g_ascii_isspace(text[len - 1]))
		len--;
	return !len;
}

static int check_body(const struct order *o, char **ret_why)
{
	bool takes_body = o->method != HTTP_GET && o->method != HTTP_DELETE;
	struct json_fault fault;

	if (is_blank(o->body, o->body_len))
		return 0;
	if (!takes_body) {
		*ret_why = g_strdup("GET and DELETE have no body");
		return -EINVAL;
	}
	if (json_text_check(o->body, o->body_len, &fault) == 0)
		return 0;
	*ret_why = g_strdup_printf("no JSON: line %d, column %d: %s; nothing was sent",
				   fault.line, fault.column, fault.why);
	return -EINVAL;
}

static bool is_bytes(const char *typed)
{
	const char *contents = "contents/";

	typed += *typed == '/';
	return strncmp(typed, contents, strlen(contents)) == 0;
}

static int plan_order(struct tree_ctx *ctx, const struct tree_write *w, const struct order *o,
		      struct tree_plan *plan)
{
	bool has_body = !is_blank(o->body, o->body_len);
	_cleanup_gfree_ char *path = NULL, *name = NULL;
	int r = check_body(o, &plan->why);

	if (r == 0)
		r = api_make_path(ctx, o->typed, &path);
	if (r)
		return r;
	name = w->kind == TREE_API_REQUEST ? g_strconcat("api", path, NULL) : g_strdup(w->name);
	plan->asked = api_asked(ctx, o->method, name, path,
				o->method == HTTP_GET && is_bytes(o->typed),
				has_body ? o->body : NULL, has_body ? o->body_len : 0);
	/* What is read begins with the first read of the answer. */
	plan->action = o->method == HTTP_GET ? TREE_DO_NOTHING : TREE_DO_ASK;
	return 0;
}

int api_plan_write(struct tree_ctx *ctx, const struct tree_write *w, const char *text,
		   size_t len, struct tree_plan *plan)
{
	struct order o = {.body = text, .body_len = len};
	int r = 0;

	if (is_blank(text, len))
		return 0;
	if (w->kind == TREE_API_REQUEST) {
		r = parse_order(text, len, &o, &plan->why);
	} else {
		o.method = api_is_collection(w->api_path) ? HTTP_POST : HTTP_PUT;
		o.typed = g_strdup(w->api_path);
	}
	if (r == 0)
		r = plan_order(ctx, w, &o, plan);
	g_free(o.typed);
	return r;
}

/* ---- rm ---- */

int api_plan_delete(struct tree_ctx *ctx, uint64_t ino, struct tree_plan *plan)
{
	_cleanup_gfree_ char *typed = NULL, *path = NULL, *name = NULL;
	int r = counted_key(ctx->tree->counted, tree_ino_row(ino), &typed);

	if (r == 0)
		r = api_make_path(ctx, typed, &path);
	if (r)
		return r;
	name = api_shown_name(TREE_API_JSON, typed);
	plan->asked = api_asked(ctx, HTTP_DELETE, name, path, false, NULL, 0);
	plan->action = TREE_DO_ASK;
	return 0;
}
