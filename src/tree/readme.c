/* SPDX-License-Identifier: MIT */
/*
 * README: the tree in one screen, for people and programs that meet a mount without its manual
 * (design 2). The text is the same for every account. tests/e2e/test_readme.py tries what it says.
 */
#include "tree/internal.h"

static const char TEXT[] =
	"A Webex account as files (man sparkfs). Ordinary tools read, search and send.\n"
	"\n"
	"spaces/TITLE/         newest messages: cat TIME_AUTHOR.txt (.md .html .json)\n"
	"  post                write to it to send: echo hi > spaces/TITLE/post\n"
	"  post.md post.json   the same as Markdown, as a request of the API\n"
	"  last                a link to the message that you sent last\n"
	"  files/              attachments; to upload: cp FILE spaces/TITLE/\n"
	"  history/YYYY-MM/    every message, by month\n"
	"  threads/            who answered what: a directory each, ls -t threads/\n"
	"  archive/            all of it, to save: rsync -a archive/ ~/saved/\n"
	"  transcript.log      the messages as one text: tail -f transcript.log\n"
	"  space.json members/ details; touch members/E-MAIL invites, and rm removes\n"
	"direct/NAME/          the same with one person; direct/E-MAIL/post for anybody\n"
	"teams/TEAM/           team.json, its members/, its spaces/: links to them\n"
	"people/               people/me.json is you, people/E-MAIL.json anybody\n"
	"mentions/             where you are mentioned; of one: spaces/TITLE/mentions/\n"
	"api/PATH.json         the REST API: reading is GET, writing POST, rm DELETE\n"
	"webhooks/             write NAME.json to make or change one, rm deletes it\n"
	"events                a line for everything that happens; cat does not end\n"
	".sparkfs/             not listed: status.json, log, transfers\n"
	"  last-error unsent/  why something failed; what was not sent: mv or rm it\n"
	"\n"
	"Write to a message of yours to edit it. rm deletes a message for everybody;\n"
	"rm -r is refused. What cannot be sent fails at close: see .sparkfs/last-error.\n";

static int readme_render(struct tree_ctx *ctx, uint64_t ino, GString *out)
{
	(void)ctx;
	(void)ino;
	g_string_append(out, TEXT);
	return 0;
}

/* clang-format off */
const struct tree_row readme_rows[] = {
	{ TREE_README, "README", TREE_ROOT, "README", FILE_RO, ROW_LISTED | ROW_QUIET,
	  .attr = tree_attr_by_render, .render = readme_render },
	ROWS_END,
};
/* clang-format on */
