/* SPDX-License-Identifier: MIT */
#include "faults.h"

#include "ids.h"
#include "json_util.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

struct fault {
	int id;
	char *method, *route, *query, *person; /* NULL = any */
	int64_t skip, nth, times;	       /* 0 = not set */
	double probability;		       /* < 0 = not set */
	uint64_t seed;
	int64_t seen, hits;
	struct fault_plan plan;
	char *json; /* as ordered, for the list */
};

struct faults {
	GPtrArray *list;
	int next_id;
};

static const char *const page_names[] = {
	NULL,	     "valueless", "maxnull", "dropfilters", "foreignhost", "deletedanchor",
	"emptypage", "duplicate", "loop",    "short",
};

struct faults *faults_new(void)
{
	struct faults *fs = g_new0(struct faults, 1);

	fs->list = g_ptr_array_new();
	fs->next_id = 1;
	return fs;
}

static void fault_free(struct fault *f)
{
	g_free(f->method);
	g_free(f->route);
	g_free(f->query);
	g_free(f->person);
	g_free(f->json);
	g_free(f);
}

static int parse_when(const cJSON *spec, const char *key, enum fault_when *ret_when)
{
	const cJSON *v = jr_get(spec, key);

	if (!v || cJSON_IsFalse(v))
		return 0;
	if (cJSON_IsTrue(v) || (cJSON_IsString(v) && !strcmp(v->valuestring, "before")))
		*ret_when = WHEN_BEFORE;
	else if (cJSON_IsString(v) && !strcmp(v->valuestring, "after"))
		*ret_when = WHEN_AFTER;
	else if (cJSON_IsString(v) && !strcmp(v->valuestring, "body") && !strcmp(key, "hang"))
		*ret_when = WHEN_BODY;
	else
		return -EINVAL;
	return 0;
}

static int parse_page(const cJSON *spec, struct fault_plan *plan)
{
	const char *name = jr_str(spec, "pagination");

	if (!name)
		return jr_get(spec, "pagination") ? -EINVAL : 0;
	for (size_t i = 1; i < G_N_ELEMENTS(page_names); i++) {
		if (!strcmp(name, page_names[i])) {
			plan->page = (enum fault_page)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_length(const cJSON *spec, struct fault_plan *plan)
{
	const cJSON *v = jr_get(spec, "contentLength");

	if (!v)
		return 0;
	if (cJSON_IsNumber(v) && v->valuedouble >= 0) {
		plan->length = FLEN_EXACT;
		plan->length_value = (int64_t)v->valuedouble;
	} else if (cJSON_IsString(v) && !strcmp(v->valuestring, "missing")) {
		plan->length = FLEN_MISSING;
	} else if (cJSON_IsString(v) && !strcmp(v->valuestring, "chunked")) {
		plan->length = FLEN_CHUNKED;
	} else if (cJSON_IsString(v) && !strcmp(v->valuestring, "wrong")) {
		plan->length = FLEN_WRONG;
	} else {
		return -EINVAL;
	}
	return 0;
}

static void parse_retry(const cJSON *spec, struct fault_plan *plan)
{
	const cJSON *v = jr_get(spec, "retryAfter");

	if (cJSON_IsNumber(v))
		g_snprintf(plan->retry_after, sizeof(plan->retry_after), "%d", v->valueint);
	else if (cJSON_IsString(v))
		g_strlcpy(plan->retry_after, v->valuestring, sizeof(plan->retry_after));
}

static const char *parse_plan(const cJSON *spec, struct fault_plan *plan)
{
	const char *text;

	plan->status = (unsigned)jr_num(spec, "status", 0);
	if (plan->status && (plan->status < 200 || plan->status > 599))
		return "status must be 200..599";
	parse_retry(spec, plan);
	plan->html = jr_bool(spec, "html") == 1;
	if (plan->html && !plan->status)
		plan->status = 503;
	plan->malformed = jr_bool(spec, "malformed") == 1;
	plan->applied = jr_bool(spec, "applied") == 1;
	plan->ignored = jr_bool(spec, "ignored") == 1;
	plan->delay_ms = (int64_t)jr_num(spec, "delayMs", 0);
	plan->cut_at = (int64_t)jr_num(spec, "cutAt", -1);
	plan->bytes_per_s = (int64_t)jr_num(spec, "slowBytesPerSec", 0);
	if (plan->delay_ms < 0 || plan->bytes_per_s < 0)
		return "delayMs and slowBytesPerSec must not be negative";
	if (parse_when(spec, "hang", &plan->hang) || parse_when(spec, "reset", &plan->reset))
		return "hang and reset are true, \"before\" or \"after\"; hang also "
		       "\"body\"";
	if (parse_length(spec, plan))
		return "contentLength is \"missing\", \"chunked\", \"wrong\" or a number";
	if (parse_page(spec, plan))
		return "pagination has an unknown value";
	text = jr_str(spec, "message");
	if (text)
		g_strlcpy(plan->message, text, sizeof(plan->message));
	text = jr_str(spec, "host");
	g_strlcpy(plan->host, text ? text : "pages.internal.invalid", sizeof(plan->host));
	return NULL;
}

int faults_add(struct faults *fs, const cJSON *spec, const char **ret_why)
{
	struct fault *f;
	const char *why;
	char *json;

	if (!cJSON_IsObject(spec)) {
		*ret_why = "a fault is a JSON object";
		return -EINVAL;
	}
	f = g_new0(struct fault, 1);
	why = parse_plan(spec, &f->plan);
	if (why) {
		*ret_why = why;
		fault_free(f);
		return -EINVAL;
	}
	f->method = g_strdup(jr_str(spec, "method"));
	f->route = g_strdup(jr_str(spec, "route"));
	f->query = g_strdup(jr_str(spec, "query"));
	f->person = g_strdup(jr_str(spec, "person"));
	f->nth = (int64_t)jr_num(spec, "nth", 0);
	f->times = (int64_t)jr_num(spec, "times", 0);
	f->skip = (int64_t)jr_num(spec, "skip", 0);
	f->probability = jr_num(spec, "probability", -1);
	f->seed = (uint64_t)jr_num(spec, "seed", 1);
	json = cJSON_PrintUnformatted(spec);
	f->json = g_strdup(json);
	cJSON_free(json);
	f->id = fs->next_id++;
	f->plan.id = f->id;
	g_ptr_array_add(fs->list, f);
	return f->id;
}

int faults_remove(struct faults *fs, int id)
{
	int n = 0;

	for (guint i = fs->list->len; i-- > 0;) {
		struct fault *f = fs->list->pdata[i];

		if (id && f->id != id)
			continue;
		g_ptr_array_remove_index(fs->list, i);
		fault_free(f);
		n++;
	}
	return n;
}

void faults_append(const struct faults *fs, GString *out)
{
	for (guint i = 0; i < fs->list->len; i++) {
		const struct fault *f = fs->list->pdata[i];

		jw_open(out, NULL, '{');
		jw_int(out, "id", f->id);
		jw_int(out, "seen", f->seen);
		jw_int(out, "hits", f->hits);
		jw_raw(out, "fault", f->json);
		jw_close(out, '}');
	}
}

static bool route_matches(const char *route, const char *path)
{
	size_t len = strlen(route);

	if (strpbrk(route, "*?["))
		return fnmatch(route, path, 0) == 0;
	if (len && route[len - 1] == '$')
		return strlen(path) == len - 1 && !strncmp(route, path, len - 1);
	return !strncmp(route, path, len) &&
	       (!path[len] || path[len] == '/' || !len || route[len - 1] == '/');
}

static bool matches(const struct fault *f, const char *method, const char *path,
		    const char *query, const char *person)
{
	if (f->method && g_ascii_strcasecmp(f->method, method))
		return false;
	if (f->route && !route_matches(f->route, path))
		return false;
	if (f->query && (!query || !strstr(query, f->query)))
		return false;
	return !f->person || (person && !strcmp(f->person, person));
}

/* Counts the call and tells whether it is this fault's turn. */
static bool due(struct fault *f)
{
	f->seen++;
	if (f->nth && f->seen != f->nth)
		return false;
	if (f->seen <= f->skip)
		return false;
	if (f->times && f->hits >= f->times)
		return false;
	if (f->probability >= 0) {
		double x = (double)(splitmix64(&f->seed) >> 11) / 9007199254740992.0;

		if (x >= f->probability)
			return false;
	}
	f->hits++;
	return true;
}

static void merge(struct fault_plan *to, const struct fault_plan *from)
{
	if (!to->id)
		to->id = from->id;
	if (from->status && !to->status) {
		to->status = from->status;
		to->html = from->html;
		memcpy(to->message, from->message, sizeof(to->message));
	}
	if (from->retry_after[0])
		memcpy(to->retry_after, from->retry_after, sizeof(to->retry_after));
	to->malformed |= from->malformed;
	to->applied |= from->applied;
	to->ignored |= from->ignored;
	to->delay_ms += from->delay_ms;
	if (from->hang && !to->hang) {
		to->hang = from->hang;
		to->hang_id = from->id;
	}
	if (from->reset && !to->reset)
		to->reset = from->reset;
	if (from->cut_at >= 0)
		to->cut_at = from->cut_at;
	if (from->bytes_per_s)
		to->bytes_per_s = from->bytes_per_s;
	if (from->length != FLEN_RIGHT) {
		to->length = from->length;
		to->length_value = from->length_value;
	}
	if (from->page != FPAGE_NONE) {
		to->page = from->page;
		memcpy(to->host, from->host, sizeof(to->host));
	}
}

void faults_plan(struct faults *fs, const char *method, const char *path, const char *query,
		 const char *person, struct fault_plan *ret_plan)
{
	struct fault_plan plan = {.cut_at = -1};

	for (guint i = 0; i < fs->list->len; i++) {
		struct fault *f = fs->list->pdata[i];

		if (matches(f, method, path, query, person) && due(f))
			merge(&plan, &f->plan);
	}
	*ret_plan = plan;
}
