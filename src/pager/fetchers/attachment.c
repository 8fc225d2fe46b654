/* SPDX-License-Identifier: MIT */
/* NEED_CONTENT: the bytes of an attachment. How they come is the business of attach/. */
#include <errno.h>

#include "attach/attach.h"
#include "pager/fetchers/fetchers.h"
#include "pager/proof/proof.h"

/* A content exists as long as its message has it, so the message may be gone. */
static void doubt_message_of(struct fetch *f)
{
	struct store_content content = {0};
	struct store_conn *conn;

	if (store_read_begin(pager_get_config(f->pager)->store, &conn))
		return;
	(void)store_content_get(conn, f->need.row, &content);
	store_read_end(conn);
	if (content.message)
		proof_doubt_message(pager_proof(f->pager), content.room, content.message);
	store_content_clear(&content);
}

static void ended(void *arg, int error, const struct webex_reply *reply)
{
	struct fetch *f = arg;

	f->content = NULL;
	if (reply && !reply->error)
		server_heard(pager_server(f->pager), reply);
	if (reply && reply->status == 404) {
		doubt_message_of(f);
		error = -ENOENT;
	}
	fetch_finished(f, error, reply);
}

static int begin(struct fetch *f)
{
	const struct pager_config *c = pager_get_config(f->pager);
	struct store_content content = {0};
	struct store_conn *conn;
	int r;

	r = store_read_begin(c->store, &conn);
	if (r)
		return r;
	r = store_content_get(conn, f->need.row, &content);
	store_read_end(conn);
	if (r == 0 && (content.gone || !content.url))
		r = -ENOENT;
	if (r == 0) {
		struct content_source source = {
			.row = content.rowid,
			.url = content.url,
			/* A size from a header is not reliable. */
			.size = content.is_proven ? content.size : -1,
		};

		r = contents_want(c->contents, &source, f->need.from_byte, f->need.to_byte,
				  ended, f, &f->content);
	}
	store_content_clear(&content);
	return r == 0 ? FETCH_MORE : r < 0 ? r : FETCH_DONE;
}

static void cancel(struct fetch *f)
{
	contents_unwant(pager_get_config(f->pager)->contents, f->content);
}

const struct fetcher fetcher_content = {
	.kind = NEED_CONTENT,
	.words = "the attachment with number",
	.is_silent = true,
	.begin = begin,
	.cancel = cancel,
};
