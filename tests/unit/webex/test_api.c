/* SPDX-License-Identifier: MIT */
/* The endpoints: what is asked, and what becomes of the answer. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "kit.h"

#define MESSAGE_JSON "{\"id\":\"MMM\",\"created\":\"2025-03-04T09:25:02.040Z\",\"text\":\"hi\"}"

/* What the server says to every request. */
struct answer {
	int status;
	const char *fields, *body;
};

static enum fake_then say(void *arg, const struct fake_request *req, GString *out)
{
	const struct answer *a = arg;

	(void)req;
	fake_answer(out, a->status, a->fields ? a->fields : "", a->body ? a->body : "");
	return FAKE_KEEP;
}

/* Runs EXPR with a ticket `t` and leaves its reply in `r`. */
#define RUN(expr)                                                                              \
	do {                                                                                   \
		t = ticket_new(&k);                                                            \
		assert_true((expr) > 0);                                                       \
		r = ticket_wait(t);                                                            \
	} while (0)

static void check_request(struct kit *k, int n, const char *line, const char *body)
{
	_cleanup_gfree_ char *got = kit_request_line(k, n);
	const struct fake_request *req = fake_request_nth(k->server, n);

	assert_string_equal(got, line);
	if (body)
		assert_string_equal(req->body, body);
}

static void test_people(void **state)
{
	struct answer a = {200, NULL, "{\"id\":\"PPP\",\"emails\":[\"a@b\"]}"};
	struct webex_reply *r;
	struct ticket *t;
	struct kit k;

	(void)state;
	kit_start(&k, say, &a, NULL);
	RUN(webex_get_me(k.client, kit_done, t));
	assert_int_equal(r->error, 0);
	assert_int_equal(r->status, 200);
	assert_string_equal(((struct webex_person *)r->items->pdata[0])->email, "a@b");
	ticket_free(t);
	a.body = "{\"items\":[]}";
	RUN(webex_find_person(k.client, "a+b&c@d", kit_done, t));
	assert_int_equal(r->error, 0);
	assert_int_equal(r->items->len, 0);
	ticket_free(t);

	check_request(&k, 1, "GET /v1/people/me", NULL);
	check_request(&k, 2, "GET /v1/people?email=a%2Bb%26c%40d", NULL);
	_cleanup_gfree_ char *bearer =
		fake_field(fake_request_nth(k.server, 1), "Authorization");
	assert_string_equal(bearer, "Bearer token-1");
	kit_stop(&k);
}

static enum fake_then two_pages(void *arg, const struct fake_request *req, GString *out)
{
	(void)arg;
	if (strstr(req->head, "beforeMessage"))
		fake_answer(out, 200, "Link: <https://x.example/first>; rel=\"first\"\r\n",
			    "{\"items\":[" MESSAGE_JSON ",{}]}");
	else
		fake_answer(
			out, 200,
			"Link: <https://evil.example/v1/messages?max=null&beforeMessage=MMM>; "
			"rel=\"next\"\r\n",
			"{\"items\":[]}");
	return FAKE_KEEP;
}

/* A bot's list over a foreign, forgetful next link. */
static void test_pages(void **state)
{
	struct webex_list l = {.room_id = "RRR", .mentioned_me = true, .max = 1000};
	struct webex_reply *r;
	struct ticket *t;
	struct kit k;

	(void)state;
	kit_start(&k, two_pages, NULL, NULL);
	RUN(webex_list_messages(k.client, &l, kit_done, t));
	assert_int_equal(r->error, 0);
	assert_int_equal(r->items->len, 0);
	assert_non_null(r->next);
	struct webex_list second = {.next = r->next, .background = true};
	struct ticket *first = t;
	RUN(webex_list_messages(k.client, &second, kit_done, t));
	assert_int_equal(r->error, 0);
	assert_int_equal(r->items->len, 1);
	assert_int_equal(r->skipped, 1);
	assert_null(r->next);
	ticket_free(t);
	ticket_free(first);
	check_request(&k, 1, "GET /v1/messages?roomId=RRR&mentionedPeople=me&max=100", NULL);
	check_request(
		&k, 2,
		"GET /v1/messages?beforeMessage=MMM&max=100&roomId=RRR&mentionedPeople=me",
		NULL);
	kit_stop(&k);
}

static void test_lists(void **state)
{
	struct answer a = {200, NULL, "{\"items\":[]}"};
	struct webex_reply *r;
	struct ticket *t;
	struct kit k;

	(void)state;
	kit_start(&k, say, &a, NULL);
	struct webex_list rooms = {.sort_by = "lastactivity", .type = "group", .max = 1000};
	RUN(webex_list_rooms(k.client, &rooms, kit_done, t));
	assert_int_equal(r->error, 0);
	ticket_free(t);
	struct webex_list members = {.room_id = "RRR"};
	RUN(webex_list_memberships(k.client, &members, kit_done, t));
	ticket_free(t);
	struct webex_list before = {
		.room_id = "RRR", .parent_id = "PPP", .before_ms = 1741080302040};
	RUN(webex_list_messages(k.client, &before, kit_done, t));
	ticket_free(t);
	before.before_message = "MMM";
	RUN(webex_list_messages(k.client, &before, kit_done, t));
	ticket_free(t);
	RUN(webex_list_direct(k.client, "a@b", kit_done, t));
	ticket_free(t);
	struct webex_list of_team = {.room_id = "TTT", .team_id = "TTT", .max = 50};
	RUN(webex_list_teams(k.client, &of_team, kit_done, t));
	ticket_free(t);
	RUN(webex_list_team_memberships(k.client, &of_team, kit_done, t));
	ticket_free(t);
	RUN(webex_list_rooms(k.client, &of_team, kit_done, t));
	ticket_free(t);
	check_request(&k, 6, "GET /v1/teams?max=50", NULL);
	check_request(&k, 7, "GET /v1/team/memberships?teamId=TTT&max=50", NULL);
	check_request(&k, 8, "GET /v1/rooms?teamId=TTT&max=50", NULL);
	check_request(&k, 1, "GET /v1/rooms?type=group&sortBy=lastactivity&max=1000", NULL);
	check_request(&k, 2, "GET /v1/memberships?roomId=RRR", NULL);
	check_request(&k, 3,
		      "GET /v1/messages?roomId=RRR&parentId=PPP&before=2025-03-04T09%3A25%3A02"
		      ".040Z",
		      NULL);
	check_request(&k, 4, "GET /v1/messages?roomId=RRR&parentId=PPP&beforeMessage=MMM",
		      NULL);
	check_request(&k, 5, "GET /v1/messages/direct?personEmail=a%40b", NULL);
	kit_stop(&k);
}

static void test_bad_next_links(void **state)
{
	static const char *const links[] = {
		"Link: <https://h/v1/rooms?max=5>; rel=\"next\"\r\n",
		"Link: <https://h/v1/ro oms?cursor=a>; rel=\"next\"\r\n",
		"Link: garbage; rel=next\r\n",
	};
	struct answer a = {200, NULL, "{\"items\":[{\"id\":\"R\"}]}"};
	struct webex_list l = {.max = 5};
	struct webex_reply *r;
	struct ticket *t;
	struct kit k;

	(void)state;
	kit_start(&k, say, &a, NULL);
	for (size_t i = 0; i < G_N_ELEMENTS(links); i++) {
		a.fields = links[i];
		RUN(webex_list_rooms(k.client, &l, kit_done, t));
		/* What the page has is good, and it is not the end of the list. */
		assert_int_equal(r->error, 0);
		assert_true(r->is_cut);
		assert_non_null(strstr(r->message, "next link"));
		assert_int_equal(r->items->len, 1);
		assert_null(r->next);
		ticket_free(t);
	}
	/* A page that is not of this list is not asked for. */
	static const char *const pages[] = {"https://evil.example/v1/rooms?x", "%s/rooms",
					    "%s/messages?x", "%s/roomsx?y", "%s.evil/rooms?x"};
	int before = fake_requests(k.server);
	for (size_t i = 0; i < G_N_ELEMENTS(pages); i++) {
		_cleanup_gfree_ char *next =
			i == 0 ? g_strdup(pages[i])
			       : g_strconcat(k.base_url, pages[i] + 2, NULL);
		struct webex_list page = {.next = next};
		RUN(webex_list_rooms(k.client, &page, kit_done, t));
		assert_int_equal(r->error, -EINVAL);
		ticket_free(t);
	}
	assert_int_equal(fake_requests(k.server), before);
	kit_stop(&k);
}

static void test_rooms_and_memberships(void **state)
{
	struct answer a = {200, NULL, "{\"id\":\"XXX\"}"};
	struct webex_reply *r;
	struct ticket *t;
	struct kit k;

	(void)state;
	kit_start(&k, say, &a, NULL);
	RUN(webex_get_room(k.client, "RRR", kit_done, t));
	assert_string_equal(((struct webex_room *)r->items->pdata[0])->id, "XXX");
	ticket_free(t);
	RUN(webex_create_room(k.client, "a \"b\"", NULL, kit_done, t));
	ticket_free(t);
	RUN(webex_create_room(k.client, "a", "TTT", kit_done, t));
	ticket_free(t);
	_cleanup_gfree_ char *title = webex_room_title_body("new\n");
	RUN(webex_update_room(k.client, "RRR", title, kit_done, t));
	ticket_free(t);
	RUN(webex_create_membership(k.client, "RRR", "a@b", kit_done, t));
	ticket_free(t);
	RUN(webex_update_membership(k.client, "MEM", "{\"isModerator\":true}", kit_done, t));
	ticket_free(t);
	a = (struct answer){204, NULL, NULL};
	RUN(webex_delete_membership(k.client, "MEM", kit_done, t));
	assert_int_equal(r->error, 0);
	assert_int_equal(r->items->len, 0);
	ticket_free(t);
	RUN(webex_delete_room(k.client, "RRR", kit_done, t));
	ticket_free(t);
	check_request(&k, 1, "GET /v1/rooms/RRR", "");
	check_request(&k, 2, "POST /v1/rooms", "{\"title\":\"a \\\"b\\\"\"}");
	check_request(&k, 3, "POST /v1/rooms", "{\"title\":\"a\",\"teamId\":\"TTT\"}");
	check_request(&k, 4, "PUT /v1/rooms/RRR", "{\"title\":\"new\\n\"}");
	check_request(&k, 5, "POST /v1/memberships",
		      "{\"roomId\":\"RRR\",\"personEmail\":\"a@b\"}");
	check_request(&k, 6, "PUT /v1/memberships/MEM", "{\"isModerator\":true}");
	check_request(&k, 7, "DELETE /v1/memberships/MEM", "");
	check_request(&k, 8, "DELETE /v1/rooms/RRR", "");
	_cleanup_gfree_ char *type = fake_field(fake_request_nth(k.server, 2), "Content-Type");
	assert_string_equal(type, "application/json");
	kit_stop(&k);
}

/* The same of a team and its memberships (webex-api.md 5.7, 5.8). */
static void test_teams(void **state)
{
	const struct webex_place *team = webex_place(WEBEX_ROOM_TEAM);
	struct answer a = {200, NULL, "{\"id\":\"XXX\"}"};
	struct webex_reply *r;
	struct ticket *t;
	struct kit k;

	(void)state;
	assert_ptr_equal(webex_place(WEBEX_ROOM_DIRECT), webex_place(WEBEX_ROOM_GROUP));
	kit_start(&k, say, &a, NULL);
	RUN(team->get(k.client, "TTT", kit_done, t));
	assert_int_equal(((struct webex_room *)r->items->pdata[0])->type, WEBEX_ROOM_TEAM);
	ticket_free(t);
	RUN(team->create(k.client, "a \"b\"", NULL, kit_done, t));
	ticket_free(t);
	_cleanup_gfree_ char *name = team->title_body("new\n");
	RUN(team->update(k.client, "TTT", name, kit_done, t));
	ticket_free(t);
	RUN(team->invite(k.client, "TTT", "a@b", kit_done, t));
	assert_int_equal(((struct webex_membership *)r->items->pdata[0])->room_type,
			 WEBEX_ROOM_TEAM);
	ticket_free(t);
	RUN(team->update_member(k.client, "MEM", "{\"isModerator\":true}", kit_done, t));
	ticket_free(t);
	RUN(team->get_member(k.client, "MEM", kit_done, t));
	ticket_free(t);
	a = (struct answer){204, NULL, NULL};
	RUN(team->remove_member(k.client, "MEM", kit_done, t));
	ticket_free(t);
	RUN(team->remove(k.client, "TTT", kit_done, t));
	assert_int_equal(r->error, 0);
	ticket_free(t);
	check_request(&k, 1, "GET /v1/teams/TTT", "");
	check_request(&k, 2, "POST /v1/teams", "{\"name\":\"a \\\"b\\\"\"}");
	check_request(&k, 3, "PUT /v1/teams/TTT", "{\"name\":\"new\\n\"}");
	check_request(&k, 4, "POST /v1/team/memberships",
		      "{\"teamId\":\"TTT\",\"personEmail\":\"a@b\"}");
	check_request(&k, 5, "PUT /v1/team/memberships/MEM", "{\"isModerator\":true}");
	check_request(&k, 6, "GET /v1/team/memberships/MEM", "");
	check_request(&k, 7, "DELETE /v1/team/memberships/MEM", "");
	check_request(&k, 8, "DELETE /v1/teams/TTT", "");
	kit_stop(&k);
}

static void test_messages(void **state)
{
	struct answer a = {200, NULL, MESSAGE_JSON};
	struct webex_reply *r;
	struct ticket *t;
	struct kit k;

	(void)state;
	kit_start(&k, say, &a, NULL);
	RUN(webex_get_message(k.client, "MMM", kit_done, t));
	assert_string_equal(((struct webex_message *)r->items->pdata[0])->text, "hi");
	ticket_free(t);
	struct webex_post text = {.room_id = "RRR", .text = "a\n\"", .fd = -1};
	RUN(webex_post_message(k.client, &text, kit_done, t));
	assert_int_equal(r->error, 0);
	ticket_free(t);
	struct webex_post markdown = {
		.to_email = "a@b", .parent_id = "PPP", .markdown = "*x*", .fd = -1};
	RUN(webex_post_message(k.client, &markdown, kit_done, t));
	ticket_free(t);
	struct webex_post raw = {.json_body = "{\"any\":1}", .fd = -1};
	RUN(webex_post_message(k.client, &raw, kit_done, t));
	ticket_free(t);
	RUN(webex_edit_message(k.client, "MMM", "RRR", "new", NULL, kit_done, t));
	ticket_free(t);
	RUN(webex_edit_message(k.client, "MMM", "RRR", NULL, "*new*", kit_done, t));
	ticket_free(t);
	RUN(webex_delete_message(k.client, "MMM", kit_done, t));
	ticket_free(t);
	check_request(&k, 1, "GET /v1/messages/MMM", "");
	check_request(&k, 2, "POST /v1/messages", "{\"roomId\":\"RRR\",\"text\":\"a\\n\\\"\"}");
	check_request(&k, 3, "POST /v1/messages",
		      "{\"toPersonEmail\":\"a@b\",\"parentId\":\"PPP\",\"markdown\":\"*x*\"}");
	check_request(&k, 4, "POST /v1/messages", "{\"any\":1}");
	check_request(&k, 5, "PUT /v1/messages/MMM", "{\"roomId\":\"RRR\",\"text\":\"new\"}");
	check_request(&k, 6, "PUT /v1/messages/MMM",
		      "{\"roomId\":\"RRR\",\"markdown\":\"*new*\"}");
	check_request(&k, 7, "DELETE /v1/messages/MMM", "");
	kit_stop(&k);
}

static int temp_file(const char *bytes)
{
	char path[] = "/tmp/sparkfs-webex-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(write(fd, bytes, strlen(bytes)), strlen(bytes));
	return fd;
}

static void test_upload(void **state)
{
	struct answer a = {200, NULL, MESSAGE_JSON};
	_cleanup_close_ int fd = temp_file("the bytes");
	struct webex_post p = {.room_id = "RRR",
			       .parent_id = "PPP",
			       .fd = fd,
			       .size = 9,
			       .filename = "dr\xc3\xa4"
					   "ft.pdf",
			       .content_type = "application/pdf"};
	struct webex_reply *r;
	struct ticket *t;
	struct kit k;

	(void)state;
	kit_start(&k, say, &a, NULL);
	RUN(webex_post_message(k.client, &p, kit_done, t));
	assert_int_equal(r->error, 0);
	ticket_free(t);
	const struct fake_request *req = fake_request_nth(k.server, 1);
	_cleanup_gfree_ char *type = fake_field(req, "Content-Type");
	assert_true(g_str_has_prefix(type, "multipart/form-data; boundary="));
	assert_non_null(strstr(req->body, "name=\"roomId\"\r\n\r\nRRR\r\n"));
	assert_non_null(strstr(req->body, "name=\"parentId\"\r\n\r\nPPP\r\n"));
	assert_non_null(strstr(req->body,
			       "name=\"files\"; filename=\"dr\xc3\xa4"
			       "ft.pdf\"\r\n"
			       "Content-Type: application/pdf\r\n\r\nthe bytes\r\n"));
	kit_stop(&k);
}

static int take_to_file(void *arg, const struct http_piece *piece)
{
	ssize_t n = pwrite(*(int *)arg, piece->data, piece->len, piece->offset);

	return n == (ssize_t)piece->len ? HTTP_TAKEN : -EIO;
}

static void test_content(void **state)
{
	struct answer a = {200,
			   "Content-Disposition: attachment; filename=\"a/b.pdf\"\r\n"
			   "Content-Type: application/pdf\r\n",
			   "file body"};
	_cleanup_close_ int fd = temp_file("");
	struct webex_download d = {.take = take_to_file, .take_arg = &fd};
	char buf[32] = "";
	struct webex_reply *r;
	struct ticket *t;
	struct kit k;

	(void)state;
	kit_start(&k, say, &a, NULL);
	d.url = "https://webexapis.com/v1/contents/CCC";
	RUN(webex_get_content(k.client, &d, kit_done, t));
	assert_int_equal(r->error, 0);
	assert_int_equal(r->content_bytes, 9);
	assert_string_equal(r->content_name, "a/b.pdf");
	assert_string_equal(r->content_type, "application/pdf");
	assert_int_equal(pread(fd, buf, sizeof(buf), 0), 9);
	assert_string_equal(buf, "file body");
	ticket_free(t);
	check_request(&k, 1, "GET /v1/contents/CCC", "");
	_cleanup_gfree_ char *encoding =
		fake_field(fake_request_nth(k.server, 1), "Accept-Encoding");
	assert_string_equal(encoding, "identity");

	a = (struct answer){410, NULL, "{\"message\":\"infected\"}"};
	_cleanup_gfree_ char *url = g_strconcat(k.base_url, "/contents/CCC", NULL);
	d.url = url;
	RUN(webex_get_content(k.client, &d, kit_done, t));
	assert_int_equal(r->error, -EACCES);
	assert_string_equal(r->message, "infected");
	ticket_free(t);
	d.url = "https://evil.example/v1/contents/C";
	RUN(webex_get_content(k.client, &d, kit_done, t));
	assert_int_equal(r->error, -EPERM);
	ticket_free(t);
	assert_int_equal(fake_requests(k.server), 2);
	kit_stop(&k);
}

static void test_errors(void **state)
{
	struct answer a = {404, "TrackingID: ROUTER_1\r\n",
			   "{\"message\":\"Unable to get\\nmessage.\"}"};
	struct webex_post p = {.room_id = "RRR", .text = "x", .fd = -1};
	struct webex_reply *r;
	struct ticket *t;
	struct kit k;

	(void)state;
	kit_start(&k, say, &a, NULL);
	RUN(webex_get_message(k.client, "MMM", kit_done, t));
	assert_int_equal(r->error, -ENOENT);
	assert_int_equal(r->status, 404);
	assert_string_equal(r->message, "Unable to get message.");
	assert_string_equal(r->tracking_id, "ROUTER_1");
	assert_false(r->is_network);
	assert_false(r->may_have_applied);
	assert_null(r->items);
	ticket_free(t);

	/* A 404 to the first try of a deletion is one. */
	RUN(webex_delete_message(k.client, "MMM", kit_done, t));
	assert_int_equal(r->error, -ENOENT);
	ticket_free(t);

	a = (struct answer){400, NULL,
			    "{\"message\":\"Message length limited to 7439 characters\"}"};
	RUN(webex_post_message(k.client, &p, kit_done, t));
	assert_int_equal(r->error, -EFBIG);
	assert_false(r->may_have_applied);
	ticket_free(t);

	a = (struct answer){502, NULL, "<html>\x1b[31mBad gateway</html>"};
	RUN(webex_post_message(k.client, &p, kit_done, t));
	assert_int_equal(r->error, -EIO);
	assert_true(r->may_have_applied);
	assert_string_equal(r->message, "HTTP status 502");
	ticket_free(t);

	a = (struct answer){200, NULL, "<html>"};
	RUN(webex_post_message(k.client, &p, kit_done, t));
	assert_int_equal(r->error, -EIO);
	assert_true(r->may_have_applied);
	assert_null(r->items);
	ticket_free(t);
	kit_stop(&k);
}

static void test_refused_unsent(void **state)
{
	struct answer a = {200, NULL, MESSAGE_JSON};
	struct webex_post none = {.text = "x", .fd = -1};
	struct webex_post both = {.room_id = "R", .to_email = "a@b", .text = "x", .fd = -1};
	struct webex_post empty = {.room_id = "R", .fd = -1};
	struct webex_list bad_room = {.room_id = "a/../b"};
	struct webex_reply *r;
	struct ticket *t;
	struct kit k;

	(void)state;
	kit_start(&k, say, &a, NULL);
	RUN(webex_post_message(k.client, &none, kit_done, t));
	assert_int_equal(r->error, -EINVAL);
	ticket_free(t);
	RUN(webex_post_message(k.client, &both, kit_done, t));
	assert_int_equal(r->error, -EINVAL);
	ticket_free(t);
	RUN(webex_post_message(k.client, &empty, kit_done, t));
	assert_int_equal(r->error, -EINVAL);
	ticket_free(t);
	RUN(webex_edit_message(k.client, "M", "R", "a", "b", kit_done, t));
	assert_int_equal(r->error, -EINVAL);
	ticket_free(t);
	RUN(webex_get_message(k.client, "../people/me", kit_done, t));
	assert_int_equal(r->error, -EINVAL);
	ticket_free(t);
	RUN(webex_delete_room(k.client, "", kit_done, t));
	assert_int_equal(r->error, -EINVAL);
	ticket_free(t);
	RUN(webex_list_messages(k.client, &bad_room, kit_done, t));
	assert_int_equal(r->error, -EINVAL);
	ticket_free(t);
	kit_configure(&k, 0, true);
	RUN(webex_delete_room(k.client, "RRR", kit_done, t));
	assert_int_equal(r->error, -EROFS);
	ticket_free(t);
	assert_int_equal(fake_requests(k.server), 0);
	RUN(webex_get_message(k.client, "MMM", kit_done, t));
	assert_int_equal(r->error, 0);
	ticket_free(t);
	kit_stop(&k);
}

static enum fake_then reset_then_404(void *arg, const struct fake_request *req, GString *out)
{
	(void)arg;
	if (req->serial == 1)
		return FAKE_RESET;
	fake_answer(out, 404, "", "{\"message\":\"gone\"}");
	return FAKE_KEEP;
}

static void test_deleted_by_the_lost_try(void **state)
{
	struct webex_reply *r;
	struct ticket *t;
	struct kit k;

	(void)state;
	kit_start(&k, reset_then_404, NULL, NULL);
	RUN(webex_delete_message(k.client, "MMM", kit_done, t));
	assert_int_equal(fake_requests(k.server), 2);
	assert_int_equal(r->error, 0);
	assert_int_equal(r->items->len, 0);
	ticket_free(t);
	kit_stop(&k);
}

static void test_no_server(void **state)
{
	struct answer a = {200, NULL, MESSAGE_JSON};
	struct webex_reply *r;
	struct ticket *t;
	struct kit k;

	(void)state;
	kit_start(&k, say, &a, NULL);
	fake_refuse(k.server);
	RUN(webex_get_message(k.client, "MMM", kit_done, t));
	assert_int_equal(r->error, -ECONNREFUSED);
	assert_int_equal(r->status, 0);
	assert_true(r->is_network);
	assert_false(r->may_have_applied);
	assert_non_null(r->message);
	ticket_free(t);
	kit_stop(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_people),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_bad_next_links),
		cmocka_unit_test(test_rooms_and_memberships),
		cmocka_unit_test(test_teams),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_upload),
		cmocka_unit_test(test_content),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_refused_unsent),
		cmocka_unit_test(test_deleted_by_the_lost_try),
		cmocka_unit_test(test_no_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
