/* SPDX-License-Identifier: MIT */
/*
 * members/ of a space or team, and people/.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/names.h"
#include "tree/internal.h"

struct listing {
	struct tree_ctx *ctx;
	tree_emit emit;
	void *arg;
	int error;
};

/* ---- members ---- */

/* What happened in the space since its members were listed may have been somebody's coming. */
static bool has_news_since_list(const struct store_room *room)
{
	return room->room.last_activity_ms > room->members_wall_ms;
}

static int need_member(struct tree_ctx *ctx, int64_t row)
{
	struct need need = {.kind = NEED_MEMBERS, .row = row};
	struct store_room room = {0};
	int r = tree_room(ctx, row, &room);

	if (r == 0 && has_news_since_list(&room))
		r = tree_need(ctx, &need, room.members_wall_ms >= 0);
	else if (r == 0)
		r = tree_need_for_name(ctx, &need, room.members_wall_ms >= 0);
	store_room_clear(&room);
	return r;
}

static int need_members(struct tree_ctx *ctx, int64_t row)
{
	struct need need = {.kind = NEED_MEMBERS, .row = row};
	struct store_room room = {0};
	int r = tree_room(ctx, row, &room);
	bool have = r == 0 && room.members_wall_ms >= 0;

	/* Before the short wait, which would be all that there is. */
	if (have)
		r = tree_need_verified(ctx, &need, room.members_wall_ms, VERIFY_HEAD_MS);
	if (r == 0)
		r = tree_need(ctx, &need, have);
	store_room_clear(&room);
	return r;
}

int members_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
		   struct tree_entry *ret_entry)
{
	struct store_member m = {0};
	int r;

	r = store_member_by_name(ctx->conn, tree_ino_row(dir), name, &m);
	if (r == -ENOENT && name[0] != '.') {
		int wait = need_member(ctx, tree_ino_row(dir));

		if (wait)
			return wait;
	}
	r = tree_entry_or_none(ctx, r, tree_ino(TREE_MEMBER, m.rowid), TIMEOUT_SHORT,
			       ret_entry);
	store_member_clear(&m);
	return r;
}

int members_opendir(struct tree_ctx *ctx, struct tree_dir *dir)
{
	return need_members(ctx, tree_ino_row(dir->ino));
}

static bool emit_member(void *arg, const struct store_member *m)
{
	struct listing *l = arg;

	return tree_emit_ino(l->ctx, l->emit, l->arg, m->name, tree_ino(TREE_MEMBER, m->rowid),
			     STORE_COOKIE_MIN + m->rowid, &l->error);
}

int members_readdir(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
		    tree_emit emit, void *arg)
{
	struct listing l = {.ctx = ctx, .emit = emit, .arg = arg};
	int r = store_member_list(ctx->conn, tree_ino_row(dir->ino), cookie - STORE_COOKIE_MIN,
				  emit_member, &l);

	return r ? r : l.error;
}

static int live_member(struct tree_ctx *ctx, uint64_t ino, struct store_member *ret_member)
{
	int r = store_member_get(ctx->conn, tree_ino_row(ino), ret_member);

	if (r == 0 && ret_member->gone) {
		store_member_clear(ret_member);
		return -ENOENT;
	}
	return r;
}

static int member_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	struct store_member m = {0};
	int r = live_member(ctx, ino, &m);

	if (r)
		return r;
	tree_set_times(attr, MAX(m.m.created_ms, m.changed_ms));
	store_member_clear(&m);
	return tree_attr_by_render(ctx, ino, attr);
}

static int member_render(struct tree_ctx *ctx, uint64_t ino, GString *out)
{
	struct store_member m = {0};
	int r = live_member(ctx, ino, &m);

	if (r == 0) {
		char *json = webex_membership_json(&m.m);

		g_string_append(out, json);
		g_free(json);
	}
	store_member_clear(&m);
	return r;
}

/* ---- people ---- */

/* "<address>.json" -> lower-case address, owned; NULL for any other name. */
static char *address_of(const char *name)
{
	size_t len = strlen(name);
	char *address, *lower;

	if (len <= 5 || len >= NEED_KEY_MAX || strcmp(name + len - 5, ".json") != 0)
		return NULL;
	address = g_strndup(name, len - 5);
	lower = name_is_address(address) ? g_utf8_strdown(address, -1) : NULL;
	g_free(address);
	return lower;
}

static int people_lookup(struct tree_ctx *ctx, uint64_t dir, const char *name,
			 struct tree_entry *ret_entry)
{
	_cleanup_(cleanup_free) char *address = address_of(name);
	struct store_person p = {0};
	bool have;
	int r;

	(void)dir;
	if (!address) {
		tree_no_entry(ret_entry, TIMEOUT_LONG);
		return 0;
	}
	r = store_person_by_email(ctx->conn, address, &p);
	have = r == 0 && p.fetched_wall_ms >= 0;
	if (!have) {
		r = tree_need_key(ctx, NEED_PERSON, address, false);
		if (r == 0)
			r = -ENOENT;
	}
	r = tree_entry_or_none(ctx, r, tree_ino(TREE_PERSON, p.rowid), TIMEOUT_SHORT,
			       ret_entry);
	store_person_clear(&p);
	return r;
}

static bool emit_person(void *arg, const struct store_person *p)
{
	_cleanup_(cleanup_free) char *name = NULL;
	struct listing *l = arg;
	const char *email = p->first_email ? p->first_email : p->p.email;

	/* An address that people_lookup() would refuse is not listed. */
	if (!email || !name_is_address(email))
		return true;
	name = g_strconcat(email, ".json", NULL);
	return tree_emit_ino(l->ctx, l->emit, l->arg, name, tree_ino(TREE_PERSON, p->rowid),
			     STORE_COOKIE_MIN + p->rowid, &l->error);
}

static int people_readdir(struct tree_ctx *ctx, const struct tree_dir *dir, int64_t cookie,
			  tree_emit emit, void *arg)
{
	struct listing l = {.ctx = ctx, .emit = emit, .arg = arg};
	int r = store_person_list(ctx->conn, cookie - STORE_COOKIE_MIN, emit_person, &l);

	(void)dir;
	return r ? r : l.error;
}

static int get_person(struct tree_ctx *ctx, uint64_t ino, struct store_person *ret_person)
{
	int64_t row = tree_ino_kind(ino) == TREE_ME_JSON ? ctx->tree->config.me_person
							 : tree_ino_row(ino);

	return store_person_get(ctx->conn, row, ret_person);
}

static int person_attr(struct tree_ctx *ctx, uint64_t ino, struct tree_attr *attr)
{
	struct store_person p = {0};
	int r = get_person(ctx, ino, &p);

	if (r)
		return r;
	tree_set_times(attr, p.fetched_wall_ms);
	store_person_clear(&p);
	return tree_attr_by_render(ctx, ino, attr);
}

static int person_open(struct tree_ctx *ctx, uint64_t ino)
{
	_cleanup_(cleanup_free) char *key = NULL;
	struct store_person p = {0};
	int r;

	if (tree_ino_kind(ino) == TREE_ME_JSON)
		return tree_need_key(ctx, NEED_PERSON, "me", true);
	r = get_person(ctx, ino, &p);
	if (r == 0 && (p.p.email || p.first_email))
		key = g_utf8_strdown(p.p.email ? p.p.email : p.first_email, -1);
	store_person_clear(&p);
	return r || !key ? r : tree_need_key(ctx, NEED_PERSON, key, true);
}

static int person_render(struct tree_ctx *ctx, uint64_t ino, GString *out)
{
	struct store_person p = {0};
	int r = get_person(ctx, ino, &p);

	if (r == 0)
		g_string_append(out, p.p.json ? p.p.json : "{}\n");
	store_person_clear(&p);
	return r;
}

/* clang-format off */
const struct tree_row people_rows[] = {
	{ TREE_PEOPLE, "people", TREE_ROOT, "people", DIR_RO, ROW_LISTED | ROW_LIST,
	  .lookup = people_lookup, .readdir = people_readdir },
	{ TREE_ME_JSON, "me.json", TREE_PEOPLE, "me.json", FILE_RO, ROW_LISTED,
	  .attr = person_attr, .open = person_open, .render = person_render },
	{ TREE_PERSON, "person", TREE_NONE, NULL, FILE_RO, 0,
	  .attr = person_attr, .open = person_open, .render = person_render },
	{ TREE_MEMBERS, "members", TREE_SPACE, "members", DIR_RW, ROW_LISTED | ROW_OF_SPACE | ROW_TOLD | ROW_INVITES, .attr = space_attr,
	  .lookup = members_lookup, .opendir = members_opendir, .readdir = members_readdir },
	{ TREE_MEMBER, "member", TREE_NONE, NULL, FILE_RW, ROW_WATCHED, LETTER_JSON, .attr = member_attr, .render = member_render },
	ROWS_END,
};
/* clang-format on */
