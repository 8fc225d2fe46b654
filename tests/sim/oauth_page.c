/* SPDX-License-Identifier: MIT */
/* What a person's browser shows: plain forms, no JavaScript. */
#include "oauth.h"

#include <string.h>

static GString *html_begin(struct req *rq, unsigned status, const char *title)
{
	GString *out = req_ok(rq);
	char *text = g_markup_escape_text(title, -1);

	rq->resp.status = status;
	rq->resp.type = "text/html;charset=UTF-8";
	req_header(rq, "Cache-Control", "no-store");
	g_string_append_printf(
		out,
		"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
		"<title>%s</title></head>\n<body>\n<h1>%s</h1>\n",
		text, text);
	g_free(text);
	return out;
}

static void html_end(GString *out)
{
	g_string_append(out, "</body></html>\n");
}

void oauth_words_page(struct req *rq, unsigned status, const char *title, const char *words)
{
	GString *out = html_begin(rq, status, title);
	char *text = g_markup_escape_text(words, -1);

	g_string_append_printf(out, "<p id=\"words\">%s</p>\n", text);
	html_end(out);
	g_free(text);
}

static void hidden(GString *out, const char *name, const char *value)
{
	char *text = g_markup_escape_text(value, -1);

	g_string_append_printf(out, "<input type=\"hidden\" name=\"%s\" value=\"%s\">\n", name,
			       text);
	g_free(text);
}

/* Everybody who could log in, by short name; the first one is chosen. */
static void persons(GString *out, const struct sim *sim)
{
	bool first = true;

	for (guint i = 0; i < sim->people->len; i++) {
		const struct person *p = sim->people->pdata[i];
		char *key, *name, *email;

		if (p->kind == PERSON_BOT || p->no_login)
			continue;
		key = g_markup_escape_text(p->key, -1);
		name = g_markup_escape_text(p->display, -1);
		email = g_markup_escape_text(p->email, -1);
		g_string_append_printf(out,
				       "<p><label><input type=\"radio\" name=\"person\" "
				       "id=\"person-%s\" value=\"%s\"%s> %s (%s)</label></p>\n",
				       key, email, first ? " checked" : "", name, email);
		first = false;
		g_free(key);
		g_free(name);
		g_free(email);
	}
}

void oauth_ask_page(struct req *rq, const char *action, const struct integration *app,
		    const char *scope, const struct page_field *fields, size_t n_fields)
{
	GString *out = html_begin(rq, 200, "Log in");
	char *name = g_markup_escape_text(app->name, -1);
	char *wanted = g_markup_escape_text(scope, -1);

	g_string_append_printf(out,
			       "<p><b>%s</b> asks for: <code>%s</code></p>\n"
			       "<form method=\"post\" action=\"%s\">\n",
			       name, wanted, action);
	for (size_t i = 0; i < n_fields; i++)
		if (fields[i].value)
			hidden(out, fields[i].name, fields[i].value);
	persons(out, rq->sim);
	g_string_append(
		out,
		"<p><button id=\"allow\" name=\"decision\" value=\"allow\">Allow</button>\n"
		"<button id=\"deny\" name=\"decision\" value=\"deny\">Deny</button></p>\n"
		"</form>\n");
	html_end(out);
	g_free(name);
	g_free(wanted);
}

void oauth_code_page(struct req *rq, const char *words)
{
	GString *out = html_begin(rq, 200, "Connect a device");
	char *text = g_markup_escape_text(words, -1);

	g_string_append_printf(
		out,
		"<p id=\"words\">%s</p>\n<form method=\"get\" action=\"/verify\">\n"
		"<p><label>Code <input id=\"code\" name=\"code\" autocomplete=\"off\">"
		"</label> <button id=\"next\">Next</button></p>\n</form>\n",
		text);
	html_end(out);
	g_free(text);
}

struct person *oauth_page_person(struct req *rq)
{
	const char *who = req_form(rq, "person");
	struct person *p = NULL;

	if (who && strchr(who, '@'))
		p = data_person_by_email(rq->sim, who);
	for (guint i = 0; who && !p && i < rq->sim->people->len; i++) {
		struct person *q = rq->sim->people->pdata[i];

		if (!strcmp(q->key, who))
			p = q;
	}
	if (!p || p->deleted || p->kind == PERSON_BOT || p->no_login) {
		oauth_words_page(rq, 400, "Log in", "Nobody of that name can log in here.");
		return NULL;
	}
	return p;
}
