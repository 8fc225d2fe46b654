/* SPDX-License-Identifier: MIT */
#include "server.h"

#include <stdlib.h>
#include <string.h>

int page_max(struct req *rq, int def, int cap, guint *ret_max)
{
	const char *text = req_param(rq, "max");
	char *end;
	long v = def;

	if (text) {
		v = strtol(text, &end, 10);
		if (*end || v < 1) {
			req_error(rq, 400, "Invalid value for parameter 'max': %s", text);
			return -1;
		}
	}
	if (rq->sim->opt.max_page && cap > rq->sim->opt.max_page)
		cap = rq->sim->opt.max_page;
	*ret_max = (guint)MIN(v, (long)cap);
	return 0;
}

/* The decoded cursor is `limit=N&startIndex=M`, M counted from 1 (webex-api.md 11). */
static int parse_cursor(struct req *rq, const char *cursor, guint *ret_start)
{
	char *text = base64_decode(cursor, NULL);
	char *p = text ? strstr(text, "startIndex=") : NULL;
	long start = p ? strtol(p + 11, NULL, 10) : 0;

	g_free(text);
	if (start < 1) {
		req_error(rq, 400, "Invalid cursor.");
		return -1;
	}
	*ret_start = (guint)start - 1;
	return 0;
}

int page_begin(struct req *rq, int def, int cap, struct page *ret_page)
{
	const char *cursor = req_param(rq, "cursor");
	struct page page = {0};

	if (page_max(rq, def, cap, &page.max))
		return -1;
	if (cursor && parse_cursor(rq, cursor, &page.start))
		return -1;
	if (rq->plan.page == FPAGE_DELETEDANCHOR && cursor) {
		req_error(rq, 404, "Could not find the page with provided cursor.");
		return -1;
	}
	if (rq->plan.page == FPAGE_DUPLICATE && page.start)
		page.start--;
	page.empty = rq->plan.page == FPAGE_EMPTYPAGE;
	*ret_page = page;
	return 0;
}

static bool is_continuation(const char *name)
{
	return !strcmp(name, "cursor") || !strcmp(name, "before") ||
	       !strcmp(name, "beforeMessage") || !strcmp(name, "max");
}

static bool is_filter(const char *name)
{
	return strcmp(name, "roomId") && strcmp(name, "teamId");
}

static void add_pair(GString *url, const char *name, const char *value)
{
	g_string_append_c(url, strchr(url->str, '?') ? '&' : '?');
	url_encode(url, name);
	if (!value)
		return;
	g_string_append_c(url, '=');
	url_encode(url, value);
}

void page_link(struct req *rq, guint max, const char *name, const char *value)
{
	enum fault_page oddity = rq->plan.page;
	GString *url = g_string_new("<");
	char number[16];

	if (oddity == FPAGE_FOREIGNHOST)
		g_string_append_printf(url, "http://%s%s", rq->plan.host, rq->path);
	else
		g_string_append_printf(url, "%s%s", rq->origin, rq->path);
	if (oddity == FPAGE_LOOP) {
		if (rq->query)
			g_string_append_printf(url, "?%s", rq->query);
		goto out;
	}
	for (guint i = 0; i < rq->params->len; i++) {
		const struct field *f = rq->params->pdata[i];

		if (is_continuation(f->name) || !*f->value ||
		    (oddity == FPAGE_DROPFILTERS && is_filter(f->name)))
			continue;
		add_pair(url, f->name, f->value);
	}
	/* The same place, but another URL: it is no circle. */
	if (oddity == FPAGE_EMPTYPAGE)
		max = max > 1 ? max - 1 : max + 1;
	g_snprintf(number, sizeof(number), "%u", max);
	if (oddity != FPAGE_DROPFILTERS)
		add_pair(url, "max", oddity == FPAGE_MAXNULL ? "null" : number);
	if (oddity == FPAGE_VALUELESS)
		add_pair(url, "before", NULL);
	add_pair(url, name, value);
out:
	g_string_append(url, ">; rel=\"next\"");
	req_header(rq, "Link", url->str);
	g_string_free(url, TRUE);
}

void page_emit(struct req *rq, const struct page *page, const GPtrArray *items,
	       page_emit_fn emit, const char *extra_json)
{
	GString *out = req_ok(rq);
	guint end = page->empty ? page->start : page->start + page->max;
	guint left = items->len > page->start ? items->len - page->start : 0;
	bool is_short = rq->plan.page == FPAGE_SHORT;

	if (is_short)
		end = page->start + MIN(left, page->max) / 2;

	jw_open(out, NULL, '{');
	jw_raw(out, "notFoundIds", extra_json);
	jw_open(out, "items", '[');
	for (guint i = page->start; i < end && i < items->len; i++) {
		jw_key(out, NULL);
		emit(rq, out, items->pdata[i]);
	}
	jw_close(out, ']');
	jw_close(out, '}');
	if (!is_short && (end < items->len || (rq->plan.page == FPAGE_LOOP && items->len))) {
		GString *cursor = g_string_new(NULL);
		char text[64];

		g_snprintf(text, sizeof(text), "limit=%u&startIndex=%u", page->max, end + 1);
		base64_append(cursor, text, strlen(text));
		page_link(rq, page->max, "cursor", cursor->str);
		g_string_free(cursor, TRUE);
	}
}
