/* SPDX-License-Identifier: MIT */
/* What a person wrote into a .json file, turned into the body of a request, or refused. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/cleanup.h"
#include "webex/fields.h"
#include "webex/id.h"
#include "webex/json.h"
#include "webex/model.h"
#include "webex/text.h"

#define NAME_SHOWN_MAX 80

/* A field that may be changed. */
struct editable {
	const char *name;
	bool is_string;
	bool is_sent_always; /* the API wants it in every PUT */
	bool is_kept;	     /* what is known of it is sent again, lest a server take it away */
	bool can_be_empty;   /* "" is sent as it is */
	bool is_fixed;	     /* since it was made; no PUT changes it */
};

static const struct editable room_editable[] = {
	{.name = "title", .is_string = true, .is_sent_always = true},
	{.name = "isLocked"},
	{.name = "isAnnouncementOnly"},
	{.name = "isPublic"},
	{.name = "description", .is_string = true},
	{.name = "classificationId", .is_string = true},
	{NULL},
};

static const struct editable membership_editable[] = {
	{.name = "isModerator"},
	{.name = "isRoomHidden"},
	{NULL},
};

/* webex-api.md 5.9: the service takes "inactive" without doing it, another may do it. */
static const struct editable webhook_editable[] = {
	{.name = "name", .is_string = true, .is_sent_always = true},
	{.name = "targetUrl", .is_string = true, .is_sent_always = true},
	{.name = "secret", .is_string = true, .is_kept = true, .can_be_empty = true},
	{.name = "ownedBy", .is_string = true, .is_kept = true},
	{.name = "status", .is_string = true},
	{.name = "resource", .is_string = true, .is_fixed = true},
	{.name = "event", .is_string = true, .is_fixed = true},
	{.name = "filter", .is_string = true, .is_fixed = true},
	{NULL},
};

static const struct editable team_editable[] = {
	{.name = "name", .is_string = true, .is_sent_always = true},
	{.name = "description", .is_string = true},
	{NULL},
};

static const struct editable team_membership_editable[] = {
	{.name = "isModerator"},
	{NULL},
};

/* These change by themselves while somebody edits. */
static const char *const ignored[] = {"lastActivity"};

G_GNUC_PRINTF(2, 3) static int refuse(char **ret_reason, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	_cleanup_gfree_ char *text = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	if (ret_reason)
		*ret_reason = webex_text_line(text, 300);
	return -EINVAL;
}

/* Refuses the field `key`, whose text may be anything. */
static int refuse_field(char **ret_reason, const char *key, const char *what)
{
	_cleanup_gfree_ char *shown = webex_text_line(key, NAME_SHOWN_MAX);

	return refuse(ret_reason, "field \"%s\": %s", shown, what);
}

static int refuse_place(const char *json, size_t len, char **ret_reason)
{
	size_t line, column;

	json_find_fault(json, len, &line, &column);
	return refuse(ret_reason, "not a JSON object: line %zu, column %zu cannot be read",
		      line, column);
}

/* The document that a person wrote: an object without repeated fields. */
static int parse_written(const char *json, size_t len, cJSON **ret_doc, char **ret_reason)
{
	int r = 0;

	if (!g_utf8_validate(json, (gssize)len, NULL))
		return refuse(ret_reason, "not UTF-8");
	cJSON *doc = json_parse(json, len);
	if (!doc)
		return refuse_place(json, len, ret_reason);
	if (!json_is_object(doc)) {
		cJSON_Delete(doc);
		return refuse(ret_reason, "not a JSON object");
	}
	GHashTable *seen = g_hash_table_new(g_str_hash, g_str_equal);
	for (const cJSON *item = doc->child; item && r == 0; item = item->next) {
		if (!g_hash_table_add(seen, item->string))
			r = refuse_field(ret_reason, item->string, "is there twice");
	}
	g_hash_table_destroy(seen);
	if (r < 0)
		cJSON_Delete(doc);
	else
		*ret_doc = doc;
	return r;
}

static const struct editable *find_editable(const struct editable *table, const char *name)
{
	for (; table->name; table++) {
		if (strcmp(table->name, name) == 0)
			return table;
	}
	return NULL;
}

static bool is_ignored(const char *name)
{
	for (size_t i = 0; i < G_N_ELEMENTS(ignored); i++) {
		if (strcmp(ignored[i], name) == 0)
			return true;
	}
	return false;
}

/* null, absent and "" mean the same to the API. */
static bool is_same(const cJSON *a, const cJSON *b)
{
	_cleanup_gfree_ char *left = a && !cJSON_IsNull(a) ? json_compact(a) : g_strdup("\"\"");
	_cleanup_gfree_ char *right =
		b && !cJSON_IsNull(b) ? json_compact(b) : g_strdup("\"\"");

	return strcmp(left, right) == 0;
}

/* What a server is known to refuse of a string, or to take for something else. */
static int check_words(const char *name, const char *text, char **ret_reason)
{
	if (strcmp(name, "targetUrl") == 0 && !webex_url_is_clean(text))
		return refuse_field(ret_reason, name, "is no URL");
	if (strcmp(name, "targetUrl") == 0 && g_ascii_strncasecmp(text, "https://", 8) != 0 &&
	    g_ascii_strncasecmp(text, "http://", 7) != 0)
		return refuse_field(ret_reason, name, "must be an http or https URL");
	if (strcmp(name, "status") == 0 && strcmp(text, "active") != 0 &&
	    strcmp(text, "inactive") != 0)
		return refuse_field(ret_reason, name, "must be \"active\" or \"inactive\"");
	if (strcmp(name, "ownedBy") == 0 && strcmp(text, "creator") != 0 &&
	    strcmp(text, "org") != 0)
		return refuse_field(ret_reason, name, "must be \"creator\" or \"org\"");
	return 0;
}

static int check_editable(const struct editable *e, const cJSON *value, char **ret_reason)
{
	if (!e->is_string)
		return cJSON_IsBool(value)
			       ? 0
			       : refuse_field(ret_reason, e->name, "must be true or false");
	if (!json_is_string(value))
		return refuse_field(ret_reason, e->name, "must be a string");
	if (strlen(value->valuestring) > WEBEX_TITLE_MAX)
		return refuse_field(ret_reason, e->name, "is too long");
	if (e->is_sent_always && !value->valuestring[0])
		return refuse_field(ret_reason, e->name, "must not be empty");
	return check_words(e->name, value->valuestring, ret_reason);
}

/* A single space deletes a description, "" does not (webex-api.md 5.2). */
static void append_change(GString *body, const struct editable *e, const cJSON *value)
{
	if (e->is_string) {
		json_append_member(body, e->name,
				   value->valuestring[0] || e->can_be_empty ? value->valuestring
									    : " ");
		return;
	}
	g_string_append_printf(body, "%s\"%s\":%s", body->len > 1 ? "," : "", e->name,
			       cJSON_IsTrue(value) ? "true" : "false");
}

/* Checks every written field against `now`; counts the changes. */
static int check_fields(const cJSON *now, const cJSON *written, const struct editable *table,
			int *ret_changes, char **ret_reason)
{
	int changes = 0;

	for (const cJSON *item = written->child; item; item = item->next) {
		const struct editable *e = find_editable(table, item->string);
		const cJSON *old = cJSON_GetObjectItemCaseSensitive(now, item->string);
		if (cJSON_IsNull(item) || is_ignored(item->string))
			continue;
		int r = e ? check_editable(e, item, ret_reason) : 0;
		if (r < 0)
			return r;
		if (is_same(item, old))
			continue;
		if (strcmp(item->string, "id") == 0)
			return refuse_field(ret_reason, item->string, "names another object");
		if (e && e->is_fixed)
			return refuse_field(
				ret_reason, item->string,
				"cannot be changed: rm the file, and write it anew");
		if (!e)
			return refuse_field(ret_reason, item->string,
					    old ? "cannot be changed" : "is unknown");
		changes++;
	}
	*ret_changes = changes;
	return 0;
}

static int edit(const char *now_json, const struct editable *table, const char *json,
		size_t len, char **ret_body, char **ret_reason)
{
	_cleanup_json_ cJSON *now = json_parse(now_json, strlen(now_json));
	_cleanup_json_ cJSON *written = NULL;
	int changes = 0;

	int r = parse_written(json, len, &written, ret_reason);
	if (r < 0)
		return r;
	if (!now)
		return refuse(ret_reason, "out of memory");
	r = check_fields(now, written, table, &changes, ret_reason);
	if (r < 0)
		return r;
	*ret_body = NULL;
	if (changes == 0)
		return 0;
	GString *body = g_string_new("{");
	for (const struct editable *e = table; e->name; e++) {
		const cJSON *old = cJSON_GetObjectItemCaseSensitive(now, e->name);
		const cJSON *value = json_get(written, e->name);
		if (value && !is_same(value, old))
			append_change(body, e, value);
		else if (e->is_sent_always || e->is_kept)
			json_append_member(body, e->name, json_string(now, e->name));
	}
	g_string_append_c(body, '}');
	*ret_body = g_string_free(body, FALSE);
	return 0;
}

int webex_room_edit(const struct webex_room *now, const char *json, size_t len, char **ret_body,
		    char **ret_reason)
{
	_cleanup_gfree_ char *now_json = webex_room_json(now);

	return edit(now_json, now->type == WEBEX_ROOM_TEAM ? team_editable : room_editable,
		    json, len, ret_body, ret_reason);
}

int webex_membership_edit(const struct webex_membership *now, const char *json, size_t len,
			  char **ret_body, char **ret_reason)
{
	_cleanup_gfree_ char *now_json = webex_membership_json(now);

	return edit(now_json,
		    now->room_type == WEBEX_ROOM_TEAM ? team_membership_editable
						      : membership_editable,
		    json, len, ret_body, ret_reason);
}

/* ---- webhooks ---- */

int webex_webhook_edit(const struct webex_webhook *now, const char *json, size_t len,
		       char **ret_body, char **ret_reason)
{
	return edit(now->json ? now->json : "{}", webhook_editable, json, len, ret_body,
		    ret_reason);
}

char *webex_webhook_name_body(const char *name)
{
	GString *body = g_string_new("{");

	json_append_member(body, "name", name);
	g_string_append_c(body, '}');
	return g_string_free(body, FALSE);
}

static const struct {
	const char *name;
	bool is_needed;
} webhook_fields[] = {
	{"name", false},   {"targetUrl", true}, {"resource", true}, {"event", true},
	{"filter", false}, {"secret", false},	{"ownedBy", false},
};

static int check_new_field(const cJSON *item, const char *name, char **ret_reason)
{
	bool is_known = false;

	for (size_t i = 0; i < G_N_ELEMENTS(webhook_fields); i++)
		is_known |= strcmp(webhook_fields[i].name, item->string) == 0;
	if (strcmp(item->string, "id") == 0)
		return refuse_field(ret_reason, item->string, "names another object");
	if (!is_known)
		return refuse_field(ret_reason, item->string,
				    "is not one of name, targetUrl, resource, event, filter, "
				    "secret, ownedBy");
	if (!json_is_string(item))
		return refuse_field(ret_reason, item->string, "must be a string");
	if (strlen(item->valuestring) > WEBEX_TITLE_MAX)
		return refuse_field(ret_reason, item->string, "is too long");
	if (strcmp(item->string, "name") == 0 && strcmp(item->valuestring, name) != 0)
		return refuse_field(ret_reason, item->string,
				    "is another name than that of the file: leave it out");
	return check_words(item->string, item->valuestring, ret_reason);
}

int webex_webhook_new(const char *name, const char *json, size_t len, char **ret_body,
		      char **ret_reason)
{
	_cleanup_json_secret_ cJSON *doc = NULL;
	int r = parse_written(json, len, &doc, ret_reason);

	if (r < 0)
		return r;
	for (const cJSON *item = doc->child; item; item = item->next) {
		if (cJSON_IsNull(item))
			continue;
		r = check_new_field(item, name, ret_reason);
		if (r < 0)
			return r;
	}
	GString *body = g_string_new("{");
	json_append_member(body, "name", name);
	for (size_t i = 1; i < G_N_ELEMENTS(webhook_fields); i++) {
		const char *key = webhook_fields[i].name;
		const char *value = json_string(doc, key);

		if (!value && webhook_fields[i].is_needed) {
			g_string_free(body, TRUE);
			return refuse_field(ret_reason, key, "is missing");
		}
		json_append_member(body, key, value);
	}
	g_string_append_c(body, '}');
	*ret_body = g_string_free(body, FALSE);
	return 0;
}

/* ---- post.json ---- */

static bool is_blank(const cJSON *value)
{
	return cJSON_IsNull(value) || (json_is_string(value) && !value->valuestring[0]);
}

/* A destination field of the body must be blank or name what it would be filled with. */
static int check_destination(const cJSON *item, const char *ours, bool is_address,
			     char **ret_reason)
{
	const char *text = json_is_string(item) ? item->valuestring : NULL;

	if (is_blank(item))
		return 0;
	if (text && ours &&
	    (is_address ? g_ascii_strcasecmp(text, ours) == 0 : webex_id_is_same(text, ours)))
		return 0;
	return refuse_field(ret_reason, item->string, "names another destination");
}

static int check_files(const cJSON *files, char **ret_reason)
{
	if (cJSON_IsNull(files))
		return 0;
	if (!json_is_array(files))
		return refuse_field(ret_reason, "files", "must be an array");
	for (const cJSON *file = files->child; file; file = file->next) {
		const char *url = json_is_string(file) ? file->valuestring : "";
		if (g_ascii_strncasecmp(url, "https://", 8) != 0 &&
		    g_ascii_strncasecmp(url, "http://", 7) != 0)
			return refuse_field(
				ret_reason, "files",
				"only public URLs, and absolute paths of files here");
	}
	return 0;
}

static int check_post_field(const cJSON *item, const char *room_id, const char *email,
			    const char *parent_id, char **ret_reason)
{
	if (strcmp(item->string, "roomId") == 0)
		return check_destination(item, room_id, false, ret_reason);
	if (strcmp(item->string, "toPersonEmail") == 0)
		return check_destination(item, email, true, ret_reason);
	if (strcmp(item->string, "toPersonId") == 0)
		return check_destination(item, NULL, false, ret_reason);
	if (strcmp(item->string, "parentId") == 0 && parent_id)
		return check_destination(item, parent_id, false, ret_reason);
	if (strcmp(item->string, "files") == 0)
		return check_files(item, ret_reason);
	return 0;
}

static bool is_filled_in(const char *key, const char *parent_id)
{
	return strcmp(key, "roomId") == 0 || strcmp(key, "toPersonEmail") == 0 ||
	       strcmp(key, "toPersonId") == 0 || (parent_id && strcmp(key, "parentId") == 0);
}

/* True if all fields other than the destination are missing or empty. */
static bool says_nothing(const cJSON *doc)
{
	for (const cJSON *item = doc->child; item; item = item->next) {
		if (!is_filled_in(item->string, "") && !is_blank(item) &&
		    !(json_is_array(item) && !item->child))
			return false;
	}
	return true;
}

int webex_post_body(const char *json, size_t len, const char *room_id, const char *email,
		    const char *parent_id, char **ret_body, char **ret_reason)
{
	_cleanup_json_ cJSON *doc = NULL;

	int r = parse_written(json, len, &doc, ret_reason);
	if (r < 0 || !doc)
		return r;
	for (const cJSON *item = doc->child; item; item = item->next) {
		r = check_post_field(item, room_id, email, parent_id, ret_reason);
		if (r < 0)
			return r;
	}
	if (says_nothing(doc)) {
		*ret_reason = g_strdup("it is empty: it has neither text, markdown, files nor "
				       "attachments");
		return -EINVAL;
	}
	GString *body = g_string_new("{");
	json_append_member(body, "roomId", room_id);
	json_append_member(body, "toPersonEmail", room_id ? NULL : email);
	json_append_member(body, "parentId", parent_id);
	for (const cJSON *item = doc->child; item; item = item->next) {
		if (is_filled_in(item->string, parent_id) || cJSON_IsNull(item))
			continue;
		_cleanup_gfree_ char *value = json_compact(item);
		if (body->len > 1)
			g_string_append_c(body, ',');
		json_append_string(body, item->string);
		g_string_append_printf(body, ":%s", value);
	}
	g_string_append_c(body, '}');
	*ret_body = g_string_free(body, FALSE);
	return 0;
}

/* ---- what a raw body says ---- */

/* Takes a member that says something; false if it cannot be compared with a message. */
static bool take_said(const cJSON *item, struct webex_local *said)
{
	char **at = strcmp(item->string, "text") == 0	    ? &said->text
		    : strcmp(item->string, "markdown") == 0 ? &said->markdown
		    : strcmp(item->string, "parentId") == 0 ? &said->parent_id
							    : NULL;

	if (is_blank(item) || (json_is_array(item) && !item->child))
		return true;
	if (!at)
		return is_filled_in(item->string, NULL);
	if (!json_is_string(item))
		return false;
	g_free(*at);
	*at = g_strdup(item->valuestring);
	return true;
}

bool webex_post_says(const char *json, size_t len, struct webex_local *ret_said)
{
	_cleanup_json_ cJSON *doc = json_parse(json, len);
	bool is_known = json_is_object(doc);

	memset(ret_said, 0, sizeof(*ret_said));
	for (const cJSON *item = doc ? doc->child : NULL; item && is_known; item = item->next)
		is_known = take_said(item, ret_said);
	is_known = is_known && (ret_said->text || ret_said->markdown);
	if (!is_known)
		webex_local_clear(ret_said);
	return is_known;
}

/* ---- post.json with a file of this machine ---- */

void webex_local_clear(struct webex_local *l)
{
	g_clear_pointer(&l->path, g_free);
	g_clear_pointer(&l->text, g_free);
	g_clear_pointer(&l->markdown, g_free);
	g_clear_pointer(&l->parent_id, g_free);
}

/* *ret_path: the one local path that "files" has; NULL: it has none. */
static int find_local(const cJSON *files, const char **ret_path, char **ret_reason)
{
	int all = 0;

	*ret_path = NULL;
	if (!json_is_array(files))
		return 0;
	for (const cJSON *file = files->child; file; file = file->next, all++) {
		if (!json_is_string(file) || file->valuestring[0] != '/')
			continue;
		*ret_path = file->valuestring;
	}
	if (*ret_path && all > 1)
		return refuse_field(ret_reason, "files", "one file a message");
	return 0;
}

static int take_local_field(const cJSON *item, struct webex_local *l, const char *room_id,
			    const char *email, const char *parent_id, char **ret_reason)
{
	char **to = strcmp(item->string, "text") == 0	    ? &l->text
		    : strcmp(item->string, "markdown") == 0 ? &l->markdown
		    : strcmp(item->string, "parentId") == 0 ? &l->parent_id
							    : NULL;

	if (cJSON_IsNull(item) || strcmp(item->string, "files") == 0)
		return 0;
	if (to && !json_is_string(item))
		return refuse_field(ret_reason, item->string, "must be a text");
	if (to && item->valuestring[0])
		*to = g_strdup(item->valuestring);
	if (to && !(to == &l->parent_id && parent_id))
		return 0;
	if (!is_filled_in(item->string, parent_id))
		return refuse_field(ret_reason, item->string, "cannot go with a local file");
	return check_post_field(item, room_id, email, parent_id, ret_reason);
}

int webex_post_local(const char *json, size_t len, const char *room_id, const char *email,
		     const char *parent_id, struct webex_local *ret_local, char **ret_reason)
{
	_cleanup_json_ cJSON *doc = NULL;
	struct webex_local l = {0};
	const char *path = NULL;
	int r = parse_written(json, len, &doc, ret_reason);

	*ret_local = l;
	if (r < 0 || !doc)
		return r;
	r = find_local(json_get(doc, "files"), &path, ret_reason);
	if (r < 0 || !path)
		return r;
	l.path = g_strdup(path);
	for (const cJSON *item = doc->child; item && r == 0; item = item->next)
		r = take_local_field(item, &l, room_id, email, parent_id, ret_reason);
	if (r == 0 && l.text && l.markdown)
		r = refuse(ret_reason, "text and markdown: a file goes with one of them");
	if (r < 0) {
		webex_local_clear(&l);
		return r;
	}
	*ret_local = l;
	return 0;
}
