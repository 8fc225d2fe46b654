/* SPDX-License-Identifier: MIT */
#include "webex/mention.h"

#include <string.h>

#include "base/cleanup.h"
#include "webex/html_scan.h"
#include "webex/id.h"
#include "webex/json.h"
#include "webex/model.h"

static const char mention_open[] = "<spark-mention";
static const char mention_close[] = "</spark-mention>";

static bool is_of_group(const char *tag, const char *end)
{
	size_t len = 0;
	const char *type = html_attribute_raw(tag, end, "data-object-type", &len);

	return type && len == strlen("groupMention") && memcmp(type, "groupMention", len) == 0;
}

bool mention_head(GString *out, const char *tag, const char *end)
{
	bool is_group = is_of_group(tag, end);
	size_t len = 0;
	const char *id = html_attribute_raw(
		tag, end, is_group ? "data-group-type" : "data-object-id", &len);
	_cleanup_gfree_ char *whom = id ? g_strndup(id, len) : g_strdup(is_group ? "all" : "");

	if (!webex_id_is_sane(whom))
		return false;
	g_string_append_printf(out, is_group ? "<@%s>" : "<@personId:%s|", whom);
	return true;
}

/* True if the mention of [tag, end) with `name` could be written. */
static bool append_mention(GString *out, const char *tag, const char *end, const char *name,
			   size_t name_len)
{
	if (!mention_head(out, tag, end))
		return false;
	if (out->str[out->len - 1] == '>')
		return true;
	for (size_t i = 0; i < name_len; i++) {
		if (name[i] != '|' && name[i] != '>' && name[i] != '\n')
			g_string_append_c(out, name[i]);
	}
	g_string_append_c(out, '>');
	return true;
}

void mention_rewrite(GString *out, const char *text, enum mention_form form)
{
	const char *at;

	while ((at = strstr(text, mention_open))) {
		/* Neither search goes past the next '<', so that each byte is looked at only a
		 * few times. */
		const char *gt = strpbrk(at + 1, "<>");
		const char *name = gt && *gt == '>' ? gt + 1 : NULL;
		const char *close = name ? strchr(name, '<') : NULL;
		if (!gt || (name && !close))
			break;
		g_string_append_len(out, text, at - text);
		bool is_whole = close && g_str_has_prefix(close, mention_close);
		if (is_whole && form == MENTION_NAME) {
			g_string_append_len(out, name, close - name);
			text = close + strlen(mention_close);
		} else if (is_whole &&
			   append_mention(out, at, gt, name, (size_t)(close - name))) {
			text = close + strlen(mention_close);
		} else {
			g_string_append_len(out, at, (gssize)strlen(mention_open));
			text = at + strlen(mention_open);
		}
	}
	g_string_append(out, text);
}

bool webex_message_mentions(const struct webex_message *m, const char *person_id)
{
	const char *text = m->mentioned_people;
	_cleanup_json_ cJSON *people =
		text && person_id ? json_parse(text, strlen(text)) : NULL;
	const cJSON *one;

	if (!json_is_array(people))
		return false;
	cJSON_ArrayForEach(one, people)
	{
		if (json_is_string(one) && webex_id_is_same(one->valuestring, person_id))
			return true;
	}
	return false;
}

bool webex_message_mentions_group(const struct webex_message *m)
{
	const char *text = m->mentioned_groups;
	_cleanup_json_ cJSON *groups = text ? json_parse(text, strlen(text)) : NULL;

	return json_is_array(groups) && cJSON_GetArraySize(groups) > 0;
}
