/* SPDX-License-Identifier: MIT */
/* The first byte chooses kind and form; what was parsed is printed, parsed again, and the same. */
#include <glib.h>

#include "fuzz.h"
#include "webex/model.h"
#include "webex/render.h"

static char *print(enum webex_kind kind, const void *object)
{
	switch (kind) {
	case WEBEX_KIND_ROOM:
	case WEBEX_KIND_TEAM:
		return webex_room_json(object);
	case WEBEX_KIND_MESSAGE:
		return webex_message_json(object);
	case WEBEX_KIND_MEMBERSHIP:
	case WEBEX_KIND_TEAM_MEMBERSHIP:
		return webex_membership_json(object);
	case WEBEX_KIND_PERSON:
		return g_strdup(((const struct webex_person *)object)->json);
	case WEBEX_KIND_ACTION:
		return webex_action_json(object);
	case WEBEX_KIND_WEBHOOK:
		return g_strdup(((const struct webex_webhook *)object)->json);
	}
	abort();
}

/* Whatever its time is, and that of its root. */
static void render_lines(const struct webex_message *m, size_t size, GString *out)
{
	struct webex_root root = {"b@c", 3, m->updated_ms};
	size_t before = out->len;

	if (m->parent_id)
		size += webex_render_root_size(m->created_ms, &root);
	webex_render_transcript(m, "a", 1, &root, out);
	fuzz_check(out->len - before == size);
}

static void render_all(const struct webex_message *m)
{
	GString *out = g_string_new(NULL);

	struct webex_sizes sizes;

	webex_render_sizes(m, 1, &sizes);
	webex_render_txt(m, out);
	fuzz_check(sizes.txt == out->len);
	webex_render_md(m, out);
	webex_render_html(m, out);
	render_lines(m, sizes.transcript, out);
	fuzz_check(out->str[out->len - 1] == '\n');
	fuzz_check(strlen(out->str) == out->len && g_utf8_validate(out->str, -1, NULL));
	g_string_free(out, TRUE);
}

static void check_stable(enum webex_kind kind, const void *object)
{
	char *once = print(kind, object), *twice;
	GPtrArray *again;

	fuzz_check(g_utf8_validate(once, -1, NULL));
	fuzz_check(webex_parse(kind, once, strlen(once), false, &again, NULL) == 0);
	twice = print(kind, again->pdata[0]);
	fuzz_check(strcmp(once, twice) == 0);
	g_ptr_array_unref(again);
	g_free(once);
	g_free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	GPtrArray *items;
	int skipped;

	if (size == 0)
		return 0;
	enum webex_kind kind = data[0] & 16   ? WEBEX_KIND_TEAM_MEMBERSHIP
			       : data[0] & 32 ? WEBEX_KIND_TEAM
			       : data[0] & 8  ? WEBEX_KIND_ACTION
					      : (enum webex_kind)(data[0] & 3);
	bool is_list = data[0] & 4;
	g_free(webex_error_text((const char *)data + 1, size - 1));
	if (webex_parse(kind, (const char *)data + 1, size - 1, is_list, &items, &skipped) < 0)
		return 0;
	fuzz_check(is_list || (items->len == 1 && skipped == 0));
	for (guint i = 0; i < items->len; i++) {
		check_stable(kind, items->pdata[i]);
		if (kind == WEBEX_KIND_MESSAGE)
			render_all(items->pdata[i]);
	}
	g_ptr_array_unref(items);
	return 0;
}
