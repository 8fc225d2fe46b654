/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/timefmt.h"
#include "webex/arena.h"
#include "webex/fields.h"
#include "webex/id.h"
#include "webex/json.h"
#include "webex/model.h"
#include "webex/text.h"

#define ERROR_TEXT_MAX 500

static char *dup_cut(const char *text, size_t max)
{
	return g_strndup(text, webex_text_cut(text, strlen(text), max));
}

static char *dup_json(const cJSON *value, size_t max)
{
	char *text = json_compact(value);

	if (strlen(text) <= max)
		return text;
	g_free(text);
	return NULL;
}

static char **dup_urls(const cJSON *array)
{
	GPtrArray *urls = g_ptr_array_new();

	for (const cJSON *item = array->child; item && urls->len < WEBEX_FILES_MAX;
	     item = item->next) {
		if (json_is_string(item) && webex_url_is_clean(item->valuestring))
			g_ptr_array_add(urls, g_strdup(item->valuestring));
	}
	if (urls->len == 0) {
		g_ptr_array_free(urls, TRUE);
		return NULL;
	}
	g_ptr_array_add(urls, NULL);
	return (char **)g_ptr_array_free(urls, FALSE);
}

static char *string_of(const struct webex_field *f, const char *text)
{
	if (f->type == WEBEX_FIELD_ID)
		return webex_id_is_sane(text) ? g_strdup(text) : NULL;
	if (f->type == WEBEX_FIELD_NAME && strlen(text) > f->max)
		return NULL;
	return *text || f->type == WEBEX_FIELD_TITLE ? dup_cut(text, f->max) : NULL;
}

/* Stores `value` in the member that `f` names; a value of another type is as absent. */
static void set_field(void *object, const struct webex_field *f, const cJSON *value)
{
	void *at = (char *)object + f->offset;
	const char *text = json_is_string(value) ? value->valuestring : NULL;

	switch (f->type) {
	case WEBEX_FIELD_STRING:
	case WEBEX_FIELD_TITLE:
	case WEBEX_FIELD_NAME:
	case WEBEX_FIELD_ID:
		*(char **)at = text ? string_of(f, text) : NULL;
		break;
	case WEBEX_FIELD_BOOL:
	case WEBEX_FIELD_FLAG:
		*(bool *)at = json_is_true(value, NULL);
		break;
	case WEBEX_FIELD_TIME:
		if (!text || time_parse_iso(text, at) < 0)
			*(int64_t *)at = -1;
		break;
	case WEBEX_FIELD_ROOM_TYPE:
		*(enum webex_room_type *)at = text && strcmp(text, "direct") == 0
						      ? WEBEX_ROOM_DIRECT
						      : WEBEX_ROOM_GROUP;
		break;
	case WEBEX_FIELD_URLS:
		*(char ***)at = json_is_array(value) ? dup_urls(value) : NULL;
		break;
	case WEBEX_FIELD_ARRAY:
		*(char **)at =
			json_is_array(value) && value->child ? dup_json(value, f->max) : NULL;
		break;
	case WEBEX_FIELD_OBJECT:
		*(char **)at = json_is_object(value) ? dup_json(value, f->max) : NULL;
		break;
	case WEBEX_FIELD_IGNORED:
		break;
	}
}

static bool is_nothing(const cJSON *value)
{
	return cJSON_IsNull(value) || (cJSON_IsNumber(value) && !isfinite(value->valuedouble));
}

/* Appends `"key":value` to the compact object `out`, unless the key was seen before. */
static void add_extra(GString *out, GHashTable *seen, const cJSON *value)
{
	if (is_nothing(value) || !g_hash_table_add(seen, value->string))
		return;
	_cleanup_gfree_ char *text = json_compact(value);
	g_string_append_c(out, out->len == 0 ? '{' : ',');
	json_append_string(out, value->string);
	g_string_append_c(out, ':');
	g_string_append(out, text);
}

static char *take_extra(GString *out)
{
	if (out->len == 0 || out->len >= WEBEX_VALUE_MAX) {
		g_string_free(out, TRUE);
		return NULL;
	}
	g_string_append_c(out, '}');
	return g_string_free(out, FALSE);
}

/* `object` is all zero. */
static void fill(enum webex_kind kind, const cJSON *json, void *object)
{
	const struct webex_field *fields = webex_fields(kind);
	GHashTable *seen = NULL;
	GString *extra = NULL;
	uint64_t done = 0;

	for (const struct webex_field *f = fields; f->name; f++) {
		if (f->type == WEBEX_FIELD_TIME)
			*(int64_t *)(void *)((char *)object + f->offset) = -1;
	}
	for (const cJSON *item = json->child; item; item = item->next) {
		const struct webex_field *f = webex_field_find(fields, item->string);
		uint64_t bit = f ? UINT64_C(1) << (f - fields) : 0;
		/* `seen` is made only here, since few objects have unknown fields. */
		if (!f && !extra) {
			seen = g_hash_table_new(g_str_hash, g_str_equal);
			extra = g_string_new(NULL);
		}
		if (!f && extra->len < WEBEX_VALUE_MAX)
			add_extra(extra, seen, item);
		if (f && !(done & bit))
			set_field(object, f, item);
		done |= bit;
	}
	if (!extra)
		return;
	*(char **)((char *)object + webex_extra_offset(kind)) = take_extra(extra);
	g_hash_table_destroy(seen);
}

/* False for one of the ids that say who, where and what, if it names something of another kind. What
 * has such an id is no object of that kind, or belongs to nothing that is known. */
static bool may_be(const char *id, enum webex_type type)
{
	return !id || webex_id_may_be(id, type);
}

static struct webex_room *parse_room(enum webex_kind kind, const cJSON *json)
{
	bool is_team = kind == WEBEX_KIND_TEAM;
	struct webex_room *r = g_new0(struct webex_room, 1);

	if (is_team)
		r->type = WEBEX_ROOM_TEAM;
	r->last_activity_ms = -1;
	fill(kind, json, r);
	if (!r->id || !may_be(r->id, is_team ? WEBEX_TYPE_TEAM : WEBEX_TYPE_ROOM)) {
		webex_room_free(r);
		return NULL;
	}
	if (!r->title)
		r->title = g_strdup("");
	return r;
}

/* In a list its neighbours tell where it belongs (place_odd). */
static struct webex_message *parse_message(const cJSON *json, bool is_in_list)
{
	struct webex_message *m = g_new0(struct webex_message, 1);

	fill(WEBEX_KIND_MESSAGE, json, m);
	if (m->id && m->created_ms < 0)
		m->created_ms = webex_id_time_ms(m->id);
	if (m->id && m->created_ms < 0) {
		const char *created = json_string(json, "created");

		m->has_odd_time = true;
		if (created && time_parse_iso_any(created, &m->created_ms) == 0)
			m->created_ms = CLAMP(m->created_ms, TIME_MIN_MS, TIME_MAX_MS);
	}
	if (!m->id || (m->created_ms < 0 && !is_in_list) ||
	    !may_be(m->id, WEBEX_TYPE_MESSAGE) || !may_be(m->room_id, WEBEX_TYPE_ROOM) ||
	    !may_be(m->person_id, WEBEX_TYPE_PEOPLE)) {
		webex_message_free(m);
		return NULL;
	}
	return m;
}

/* The usable time of the first item from *i on that has one; -1: there is none. *i is moved to it. */
static int64_t next_usable(const GPtrArray *messages, guint *i)
{
	for (; *i < messages->len; ++*i) {
		const struct webex_message *m = g_ptr_array_index(messages, *i);

		if (!m->has_odd_time)
			return m->created_ms;
	}
	return -1;
}

/*
 * Places the messages without a usable time: lists have the newest first, so such a message is not
 * older than the next one with a time, nor newer than the one before.
 */
static void place_odd(const GPtrArray *messages)
{
	int64_t older = -1, newer = -1;
	guint next = 0; /* where `older` is from */

	for (guint i = 0; i < messages->len; i++) {
		struct webex_message *m = g_ptr_array_index(messages, i);

		if (!m->has_odd_time) {
			newer = m->created_ms;
			next = i + 1;
			continue;
		}
		if (next <= i)
			older = next_usable(messages, &next);
		if (m->created_ms < 0)
			m->created_ms = older >= 0 ? older : newer >= 0 ? newer : TIME_MIN_MS;
		if (newer >= 0)
			m->created_ms = MIN(m->created_ms, newer);
		m->created_ms = MAX(m->created_ms, older);
	}
}

static struct webex_membership *parse_membership(enum webex_kind kind, const cJSON *json)
{
	bool is_team = kind == WEBEX_KIND_TEAM_MEMBERSHIP;
	struct webex_membership *m = g_new0(struct webex_membership, 1);

	if (is_team)
		m->room_type = WEBEX_ROOM_TEAM;
	fill(kind, json, m);
	if (!m->id ||
	    !may_be(m->id, is_team ? WEBEX_TYPE_TEAM_MEMBERSHIP : WEBEX_TYPE_MEMBERSHIP) ||
	    !may_be(m->room_id, is_team ? WEBEX_TYPE_TEAM : WEBEX_TYPE_ROOM) ||
	    !may_be(m->person_id, WEBEX_TYPE_PEOPLE)) {
		webex_membership_free(m);
		return NULL;
	}
	return m;
}

static struct webex_action *parse_action(const cJSON *json)
{
	struct webex_action *a = g_new0(struct webex_action, 1);

	fill(WEBEX_KIND_ACTION, json, a);
	return a;
}

static enum webex_person_type person_type(const cJSON *json)
{
	const char *text = json_string(json, "type");

	if (text && strcmp(text, "bot") == 0)
		return WEBEX_PERSON_BOT;
	if (text && strcmp(text, "appuser") == 0)
		return WEBEX_PERSON_APPUSER;
	return WEBEX_PERSON_PERSON;
}

/* The whole object without nulls and repeated keys; what is too large is cut down to its id and the member
 * `key`. */
static char *whole_json(const cJSON *json, const char *id, const char *key, const char *value)
{
	GHashTable *seen = g_hash_table_new(g_str_hash, g_str_equal);
	GString *object = g_string_new(NULL);

	for (const cJSON *item = json->child; item && object->len < WEBEX_VALUE_MAX;
	     item = item->next)
		add_extra(object, seen, item);
	g_hash_table_destroy(seen);
	_cleanup_gfree_ char *compact = take_extra(object);
	_cleanup_json_ cJSON *whole = compact ? json_parse(compact, strlen(compact)) : NULL;
	GString *out = g_string_new(NULL);
	if (whole) {
		json_append_pretty(out, whole, 0);
	} else {
		g_string_append(out, "{\n  \"id\": ");
		json_append_string(out, id);
		if (value) {
			g_string_append_printf(out, ",\n  \"%s\": ", key);
			json_append_string(out, value);
		}
		g_string_append(out, "\n}");
	}
	g_string_append_c(out, '\n');
	return g_string_free(out, FALSE);
}

static struct webex_person *parse_person(const cJSON *json)
{
	const char *id = json_string(json, "id");
	const char *name = json_string(json, "displayName");
	const cJSON *emails = json_get(json, "emails");

	if (!webex_id_is_sane(id) || !may_be(id, WEBEX_TYPE_PEOPLE))
		return NULL;
	struct webex_person *p = g_new0(struct webex_person, 1);
	p->id = g_strdup(id);
	p->display_name = name ? dup_cut(name, WEBEX_TITLE_MAX) : NULL;
	p->type = person_type(json);
	for (const cJSON *e = json_is_array(emails) ? emails->child : NULL; e && !p->email;
	     e = e->next) {
		if (json_is_string(e) && e->valuestring[0] &&
		    strlen(e->valuestring) <= WEBEX_ADDRESS_MAX)
			p->email = g_strdup(e->valuestring);
	}
	p->json = whole_json(json, p->id, "displayName", p->display_name);
	return p;
}

bool webex_person_has_roles(const struct webex_person *p)
{
	_cleanup_json_ cJSON *doc = p->json ? json_parse(p->json, strlen(p->json)) : NULL;
	const cJSON *roles = json_get(doc, "roles");

	return json_is_array(roles) && roles->child;
}

static struct webex_webhook *parse_webhook(const cJSON *json)
{
	const char *id = json_string(json, "id");
	const char *name = json_string(json, "name");
	const char *created = json_string(json, "created");

	if (!webex_id_is_sane(id) || !may_be(id, WEBEX_TYPE_WEBHOOK))
		return NULL;
	struct webex_webhook *w = g_new0(struct webex_webhook, 1);
	w->id = g_strdup(id);
	w->name = name ? dup_cut(name, WEBEX_TITLE_MAX) : NULL;
	if (!created || time_parse_iso(created, &w->created_ms) != 0)
		w->created_ms = -1;
	w->json = whole_json(json, w->id, "name", w->name);
	return w;
}

static void *parse_object(enum webex_kind kind, const cJSON *json, bool is_in_list)
{
	if (!json_is_object(json))
		return NULL;
	switch (kind) {
	case WEBEX_KIND_ROOM:
	case WEBEX_KIND_TEAM:
		return parse_room(kind, json);
	case WEBEX_KIND_MESSAGE:
		return parse_message(json, is_in_list);
	case WEBEX_KIND_MEMBERSHIP:
	case WEBEX_KIND_TEAM_MEMBERSHIP:
		return parse_membership(kind, json);
	case WEBEX_KIND_PERSON:
		return parse_person(json);
	case WEBEX_KIND_ACTION:
		return parse_action(json);
	case WEBEX_KIND_WEBHOOK:
		return parse_webhook(json);
	}
	return NULL;
}

GDestroyNotify webex_free_function(enum webex_kind kind)
{
	switch (kind) {
	case WEBEX_KIND_ROOM:
	case WEBEX_KIND_TEAM:
		return webex_room_free;
	case WEBEX_KIND_MESSAGE:
		return webex_message_free;
	case WEBEX_KIND_MEMBERSHIP:
	case WEBEX_KIND_TEAM_MEMBERSHIP:
		return webex_membership_free;
	case WEBEX_KIND_PERSON:
		return webex_person_free;
	case WEBEX_KIND_ACTION:
		return webex_action_free;
	case WEBEX_KIND_WEBHOOK:
		return webex_webhook_free;
	}
	return NULL;
}

static int parse(enum webex_kind kind, const char *json, size_t len, bool is_list,
		 GPtrArray **ret_items, int *ret_skipped)
{
	_cleanup_json_ cJSON *doc = json_parse(json, len);
	const cJSON *list = is_list ? json_get(doc, "items") : NULL;
	int skipped = 0, seen = 0;

	if (!doc || (is_list && !json_is_array(list)))
		return -EBADMSG;
	GPtrArray *items = g_ptr_array_new_with_free_func(webex_free_function(kind));
	for (const cJSON *item = is_list ? list->child : doc; item; item = item->next) {
		void *object =
			++seen <= WEBEX_ITEMS_MAX ? parse_object(kind, item, is_list) : NULL;
		if (object)
			g_ptr_array_add(items, object);
		else
			skipped++;
	}
	if (seen > WEBEX_ITEMS_MAX || (!is_list && skipped > 0)) {
		g_ptr_array_unref(items);
		return -EBADMSG;
	}
	if (kind == WEBEX_KIND_MESSAGE && is_list)
		place_odd(items);
	*ret_items = items;
	if (ret_skipped)
		*ret_skipped = skipped;
	return 0;
}

int webex_parse(enum webex_kind kind, const char *json, size_t len, bool is_list,
		GPtrArray **ret_items, int *ret_skipped)
{
	int r;

	json_arena_begin();
	r = parse(kind, json, len, is_list, ret_items, ret_skipped);
	json_arena_end();
	return r;
}

/* The first error's description, in either form that was seen (webex-api.md 1.5). */
static const char *first_description(const cJSON *doc)
{
	const cJSON *errors = json_get(doc, "errors");
	const cJSON *first = json_is_array(errors) ? errors->child : NULL;

	if (json_is_string(first))
		return first->valuestring;
	return json_string(first, "description");
}

char *webex_error_text(const char *json, size_t len)
{
	_cleanup_json_ cJSON *doc = json_parse(json, len);
	const char *message = json_string(doc, "message");
	const char *more = first_description(doc);
	_cleanup_gfree_ char *both = NULL;

	if (!message)
		message = json_string(doc, "error_description");
	if (!message)
		message = json_string(doc, "error");
	if (message && more && !strstr(message, more))
		both = strstr(more, message) ? g_strdup(more)
					     : g_strconcat(message, ": ", more, NULL);
	const char *text = both ? both : message ? message : more;
	if (!text)
		return NULL;
	char *line = webex_text_line(text, ERROR_TEXT_MAX);
	if (*line)
		return line;
	g_free(line);
	return NULL;
}
