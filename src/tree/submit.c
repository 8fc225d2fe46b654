/* SPDX-License-Identifier: MIT */
/* Carries plans out: makes one request for each and keeps its answer in the store. Cache thread. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "tree/object.h"
#include "tree/submit.h"
#include "webex/id.h"

/* So long after a space was made or renamed here, or somebody was invited here, a list that
 * does not show it yet proves nothing (webex-api.md 7.4). */
#define PIN_MS 60000

static void finish(struct submission *s, int error, uint64_t ino)
{
	submission_finish(s, error, ino);
}

/* The bytes of the file are at the server now, so that a later close (as of gio) has nothing
 * left to send. */
static void became(struct submission *s, const char *name)
{
	struct pending *p = s->plan.pending;

	draft_set_sent(p->draft, s->plan.state);
	pending_sent(s->tree->pendings, p, name);
	if (!pending_is_unlinked(s->tree->pendings, p))
		tree_write_send_left(s->tree, p);
}

/* Ends the pending file that the change was about. */
static void end_pending(struct submission *s)
{
	struct pendings *pendings = s->tree->pendings;
	struct pending *p = s->plan.pending;

	switch (s->plan.action) {
	case TREE_DO_RENAME_PENDING:
	case TREE_DO_NAME:
		break;
	case TREE_DO_SEND:
		if (s->plan.text)
			pending_replaced(pendings, p->dir, s->plan.text, p);
		became(s, s->plan.text);
		break;
	case TREE_DO_NOTHING:
		became(s, NULL);
		break;
	default:
		if (tree_object_of(s->plan.action))
			became(s, NULL);
		else
			pending_remove(pendings, p);
	}
	tree_tell_passed(s->tree, p);
}

/* A file that was written beside another, which the program then removed, got the name or will
 * not get it: shows the hidden one again. */
static void show_replaced(struct submission *s)
{
	const struct pending *p = s->plan.pending;

	if (p && s->plan.action == TREE_DO_SEND && s->plan.text)
		replaced_show(s->tree->replaced, p->dir, s->plan.text);
}

void submission_finish(struct submission *s, int error, uint64_t ino)
{
	if (!error && s->plan.pending && !s->has_arrived)
		end_pending(s);
	show_replaced(s);
	if (error && s->plan.kept)
		outbox_keep(s->tree->config.outbox, steal_ptr(&s->plan.kept),
			    s->said ? s->said : strerror(-error));
	s->done(s->arg, error, error ? 0 : ino);
	file_change_leave(s);
	submission_free(s);
}

static void touch(struct tree *t, enum need_kind kind, int64_t row)
{
	struct need need = {.kind = kind, .row = row};

	pager_touch(t->config.pager, &need);
}

static void publish(struct tree *t, GPtrArray *changes)
{
	if (changes->len && t->config.on_changes)
		t->config.on_changes(t->config.arg, changes);
	g_ptr_array_unref(changes);
}

/* Lets it be fetched anew when somebody looks. */
static void expire(struct tree *t, enum need_kind kind, int64_t row)
{
	struct need need = {.kind = kind, .row = row};

	pager_touch(t->config.pager, &need);
	pager_expire(t->config.pager, &need);
}

/* Ends a creation whose answer has an object that was known before. */
static int is_another(struct submission *s, const char *what, const char *thing,
		      enum need_kind kind, int64_t row)
{
	log_last_error("%s: the server answered with another %s; look whether it was done",
		       what, thing);
	expire(s->tree, kind, row);
	return -EIO;
}

/* ---- messages ---- */

static void deleted(struct submission *s, int error)
{
	if (s->messages) {
		/* -ENOENT is a success here: the message is gone. */
		s->rm_error = s->rm_error ? s->rm_error : error == -ENOENT ? 0 : error;
		if (file_drop_next(s))
			return;
		error = s->rm_error;
	}
	finish(s, error, 0);
}

static void message_deleted(void *arg, struct webex_reply *reply)
{
	struct submission *s = arg;
	struct tree *t = s->tree;
	GPtrArray *changes;
	int r;

	if (reply->error && reply->may_have_applied)
		store_unpin_message(t->config.store, s->plan.row);
	touch(t, NEED_HEAD, s->plan.room);
	if (submission_must_prove(s, "rm", reply, PROOF_MESSAGE, s->plan.row, deleted))
		return;
	r = submission_outcome_of_delete(s, "rm", reply);
	if (r == 0) {
		changes = store_changes_new();
		r = store_remove_message(t->config.store, s->plan.row, changes);
		publish(t, changes);
	}
	deleted(s, r == -ENOENT ? 0 : r);
}

void submission_delete_message(struct submission *s)
{
	webex_delete_message(s->tree->config.client, s->plan.id, message_deleted, s);
}

/* The message of an attachment that is to be removed was read: decides by its present form, not
 * by the listed one. */
static void attachment_checked(void *arg, struct webex_reply *reply)
{
	struct submission *s = arg;
	struct tree *t = s->tree;
	GPtrArray *changes;
	int r;

	s->plan.action = TREE_DO_DELETE_MESSAGE;
	/* For a bot a 404 does not mean that the message is gone. */
	if (reply->status == 404 && !t->config.is_bot) {
		message_deleted(s, reply);
		return;
	}
	if (reply->error || !reply->items->len) {
		finish(s, reply->error ? submission_outcome_of_delete(s, "rm", reply) : -EIO,
		       0);
		return;
	}
	r = tree_remove_check(t, &s->plan, reply->items->pdata[0]);
	if (r == 0) {
		submission_delete_message(s);
		return;
	}
	changes = store_changes_new();
	touch(t, NEED_HEAD, s->plan.room);
	store_apply_message(t->config.store, s->plan.room, reply->items->pdata[0], 0, NULL,
			    changes);
	publish(t, changes);
	finish(s, r, 0);
}

static void hide_replaced(struct submission *s)
{
	replaced_hide(s->tree->replaced, s->plan.row, s->plan.room, s->plan.home, s->plan.text);
	/* If it was sent a moment ago, its last close is still to come; submission_finish()
	 * sees to that. */
	finish(s, 0, 0);
}

/* ---- spaces and teams ---- */

/* The list that has it. */
static enum need_kind list_of(const struct submission *s)
{
	return submission_is_of_team(s) ? NEED_TEAMS : NEED_ROOMS;
}

static bool is_locked(struct tree *t, int64_t row)
{
	struct store_room room = {0};
	struct store_conn *conn;
	bool is;

	if (store_read_begin(t->config.store, &conn))
		return false;
	is = store_room_get(conn, row, &room) == 0 && room.room.is_locked;
	store_room_clear(&room);
	store_read_end(conn);
	return is;
}

static int apply_room(struct submission *s, struct webex_reply *reply, int64_t *ret_row)
{
	struct tree *t = s->tree;
	GPtrArray *changes = store_changes_new();
	struct webex_room *answer = reply->items->pdata[0];
	struct need room = {.kind = NEED_ROOM};
	int r;

	if (s->plan.action == TREE_DO_MAKE_ROOM && !answer->team_id)
		answer->team_id = g_strdup(s->plan.room_id);
	r = store_apply_room(t->config.store, answer, clock_wall(t->config.clock) + PIN_MS,
			     ret_row, changes);
	touch(t, list_of(s), 0);
	room.row = *ret_row;
	pager_touch(t->config.pager, &room);
	publish(t, changes);
	/* With a team comes its General space, which is called as the team is. */
	if (submission_is_of_team(s))
		expire(t, NEED_ROOMS, 0);
	return r;
}

static void room_saved(void *arg, struct webex_reply *reply)
{
	struct submission *s = arg;
	bool is_new = s->plan.action == TREE_DO_MAKE_ROOM;
	const char *what = is_new		      ? "mkdir"
			   : submission_is_of_team(s) ? "change of a team"
						      : "change of a space";
	int64_t row = s->plan.row;
	bool was_locked;
	int r, stored = 0;

	if (submission_must_look(s, what, reply, room_saved))
		return;
	r = submission_outcome(s, what, reply);
	/* Perhaps it was made. */
	if (is_new && reply->error && reply->may_have_applied)
		expire(s->tree, list_of(s), 0);
	was_locked = row && is_locked(s->tree, row);
	if (!reply->error && reply->items->len)
		stored = apply_room(s, reply, &row);
	else if (s->has_read)
		expire(s->tree, list_of(s), 0);
	/* The store knows that the list of members is old by then (room_put.c). */
	if (!is_new && is_locked(s->tree, row) != was_locked)
		expire(s->tree, NEED_MEMBERS, row);
	if (r == 0 && is_new && row < s->began)
		r = is_another(s, "mkdir", submission_thing(s), list_of(s), 0);
	finish(s, r ? r : stored, tree_room_ino(submission_is_of_team(s), row));
}

static void room_left(struct submission *s, int64_t room)
{
	GPtrArray *changes = store_changes_new();

	touch(s->tree, list_of(s), 0);
	store_remove_room(s->tree->config.store, room, changes);
	publish(s->tree, changes);
	/* With a team go its spaces, as the server sees fit: the next list of them says. */
	if (submission_is_of_team(s))
		expire(s->tree, NEED_ROOMS, 0);
}

static void ignore(G_GNUC_UNUSED void *arg, G_GNUC_UNUSED enum proof_verdict verdict)
{
}

/* A General space went with its team. */
static void general_left(struct submission *s)
{
	struct store_room room = {0};
	struct store_conn *conn;
	int64_t row = 0;

	if (!s->plan.room_id || store_read_begin(s->tree->config.store, &conn))
		return;
	if (store_room_by_id(conn, s->plan.room_id, &room) == 0)
		row = room.rowid;
	store_room_clear(&room);
	store_read_end(conn);
	if (row)
		proof_ask(s->tree->config.pager, PROOF_ROOM, row, true, ignore, NULL);
}

static void room_deleted(void *arg, struct webex_reply *reply)
{
	struct submission *s = arg;
	int r;

	if (reply->error && reply->may_have_applied)
		store_unpin_room(s->tree->config.store, s->plan.room);
	if (submission_must_prove(s, "rmdir", reply,
				  submission_is_of_team(s) ? PROOF_TEAM : PROOF_ROOM,
				  s->plan.room, deleted))
		return;
	r = submission_outcome_of_delete(s, "rmdir", reply);
	if (r == 0) {
		room_left(s, s->plan.room);
		general_left(s);
	}
	finish(s, r, 0);
}

static void delete_now(struct submission *s)
{
	webex_place(s->plan.type)->remove(s->tree->config.client, s->plan.id, room_deleted, s);
}

/* The spaces of the team came, also those that the account is not in: none but its General space, where
 * nothing is (tree_plan_rmdir), may go with it. */
static void team_spaces_came(void *arg, struct webex_reply *reply)
{
	struct submission *s = arg;
	const struct webex_room *other = NULL;
	bool is_whole = !reply->next && !reply->is_cut && !reply->skipped;
	int r = reply->error;

	if (r) {
		finish(s, submission_outcome_of_delete(s, "rmdir", reply), 0);
		return;
	}
	/* A server that knows no teamId lists all spaces. */
	for (guint i = 0; i < reply->items->len && !other; i++) {
		const struct webex_room *room = reply->items->pdata[i];

		if (room->team_id && webex_id_is_same(room->team_id, s->plan.id) &&
		    !(s->plan.room_id && webex_id_is_same(room->id, s->plan.room_id)))
			other = room;
	}
	if (other || !is_whole) {
		log_last_error("rmdir: the team has spaces that you are not in%s%s: it stays",
			       other ? ", as " : "", other ? other->title : "");
		finish(s, -ENOTEMPTY, 0);
		return;
	}
	delete_now(s);
}

/* Refuses while something is being sent to the space, or to that of the team, since it would be lost with
 * it. */
static void delete_room(struct submission *s)
{
	const char *id = submission_is_of_team(s) ? s->plan.room_id : s->plan.id;
	const struct webex_list of_team = {.team_id = s->plan.id, .max = 1000};

	if (id && outbox_sends_to(s->tree->config.outbox, id)) {
		log_last_error("rmdir: something is being sent there");
		finish(s, -EBUSY, 0);
		return;
	}
	if (submission_is_of_team(s) && !s->tree->config.recursive_delete)
		webex_list_rooms(s->tree->config.client, &of_team, team_spaces_came, s);
	else
		delete_now(s);
}

/* ---- members ---- */

static bool is_other_person(const struct submission *s, const struct webex_reply *reply)
{
	const struct webex_membership *m = reply->items->pdata[0];

	return m->person_email && g_ascii_strcasecmp(m->person_email, s->plan.text) != 0;
}

/* Who makes the first moderator of a space becomes one, too, and the space is locked (webex-api.md 5.3). The
 * answer says nothing of either. */
static void expire_roles(struct submission *s, const struct webex_membership *m)
{
	if (!m->is_moderator || submission_is_of_team(s) || is_locked(s->tree, s->plan.room))
		return;
	store_age_members(s->tree->config.store, s->plan.room);
	expire(s->tree, NEED_MEMBERS, s->plan.room);
	expire(s->tree, NEED_ROOM, s->plan.room);
}

static void member_saved(void *arg, struct webex_reply *reply)
{
	struct submission *s = arg;
	struct tree *t = s->tree;
	GPtrArray *changes;
	int64_t row = s->plan.row;
	bool is_other;
	int r, stored;

	if (submission_must_look(s, "members", reply, member_saved))
		return;
	r = submission_outcome(s, "members", reply);
	if (reply->error || !reply->items->len) {
		if (s->has_read)
			expire(t, NEED_MEMBERS, s->plan.room);
		finish(s, r, tree_ino(TREE_MEMBER, row));
		return;
	}
	changes = store_changes_new();
	touch(t, NEED_MEMBERS, s->plan.room);
	stored = store_apply_members(t->config.store, s->plan.room, reply->items, NULL,
				     clock_wall(t->config.clock), changes);
	expire_roles(s, reply->items->pdata[0]);
	for (guint i = 0; i < changes->len && !row; i++) {
		const struct store_change *c = changes->pdata[i];

		if (c->type == STORE_MEMBER_ADDED || c->type == STORE_MEMBER_CHANGED)
			row = c->rowid;
	}
	is_other =
		s->plan.action == TREE_DO_INVITE && is_other_person(s, reply) && row < s->began;
	if (stored == 0 && row && !is_other && s->plan.action == TREE_DO_INVITE)
		store_pin_member(t->config.store, row, clock_wall(t->config.clock) + PIN_MS);
	publish(t, changes);
	if (is_other)
		r = is_another(s, "members", "member", NEED_MEMBERS, s->plan.room);
	else if (r == 0)
		r = stored ? stored : row ? 0 : -EEXIST;
	finish(s, r, tree_ino(TREE_MEMBER, row));
}

static bool is_own_membership(struct tree *t, int64_t row)
{
	struct store_member m = {0};
	struct store_conn *conn;
	bool own = false;

	if (store_read_begin(t->config.store, &conn))
		return false;
	if (store_member_get(conn, row, &m) == 0 && m.m.person_id)
		own = strcmp(m.m.person_id, t->config.me_id) == 0;
	store_member_clear(&m);
	store_read_end(conn);
	return own;
}

static void member_removed(void *arg, struct webex_reply *reply)
{
	struct submission *s = arg;
	struct tree *t = s->tree;
	GPtrArray *changes;
	int r;

	touch(t, NEED_MEMBERS, s->plan.room);
	if (submission_must_prove(s, "members", reply, PROOF_MEMBER, s->plan.row, deleted))
		return;
	r = submission_outcome_of_delete(s, "members", reply);
	if (r == 0) {
		bool own = is_own_membership(t, s->plan.row);

		changes = store_changes_new();
		store_remove_member(t->config.store, s->plan.row, changes);
		publish(t, changes);
		/* Removing one's own membership is leaving the space (design 2.4). */
		if (own)
			room_left(s, s->plan.room);
	}
	finish(s, r, 0);
}

/* ---- letters ---- */

/* From now on the store shows the file under its new name. Whoever sees it may make another of the
 * old name, before the letter is off the disk. */
static void letter_arrived(void *arg)
{
	struct submission *s = arg;

	s->has_arrived = true;
	if (s->plan.pending)
		end_pending(s);
}

static void letter_sent(void *arg, int error, int64_t room, int64_t message)
{
	struct submission *s = arg;

	(void)room;
	(void)message;
	if (s->plan.waiting)
		s->plan.waiting->letter = 0;
	finish(s, error, s->plan.ino);
}

static void send_letter(struct submission *s)
{
	struct outbox_letter *letter = steal_ptr(&s->plan.letter);
	uint64_t id;

	letter->arrived = letter_arrived;
	id = outbox_send(s->tree->config.outbox, letter, letter_sent, s);
	/* The answer comes as another item of this queue, so the id is set before it. */
	if (s->plan.waiting)
		s->plan.waiting->letter = id;
}

static void drop_letter(struct submission *s)
{
	int r = outbox_remove(s->tree->config.outbox, s->plan.n);

	if (r == -EBUSY)
		log_last_error(
			"rm: that letter is being sent: it goes when it has arrived, and "
			"stays when it has not");
	finish(s, r, 0);
}

void submission_begin(struct submission *s)
{
	const struct webex_place *place = webex_place(s->plan.type);
	struct webex_client *client = s->tree->config.client;

	submission_note(s);
	if (object_begin(s))
		return;
	switch (s->plan.action) {
	case TREE_DO_NOTHING:
		finish(s, 0, s->plan.ino);
		break;
	case TREE_DO_DELETE_MESSAGE:
		submission_delete_message(s);
		break;
	case TREE_DO_DELETE_ATTACHMENT:
		webex_get_message(client, s->plan.id, attachment_checked, s);
		break;
	case TREE_DO_HIDE:
		hide_replaced(s);
		break;
	case TREE_DO_MAKE_ROOM:
		place->create(client, s->plan.text, s->plan.room_id, room_saved, s);
		break;
	case TREE_DO_RENAME_ROOM:
	case TREE_DO_UPDATE_ROOM:
		place->update(client, s->plan.id, s->asked, room_saved, s);
		break;
	case TREE_DO_DELETE_ROOM:
		delete_room(s);
		break;
	case TREE_DO_INVITE:
		place->invite(client, s->plan.room_id, s->plan.text, member_saved, s);
		break;
	case TREE_DO_UPDATE_MEMBER:
		place->update_member(client, s->plan.id, s->plan.text, member_saved, s);
		break;
	case TREE_DO_REMOVE_MEMBER:
		place->remove_member(client, s->plan.id, member_removed, s);
		break;
	case TREE_DO_DROP_LETTER:
		drop_letter(s);
		break;
	case TREE_DO_SEND:
		send_letter(s);
		break;
	case TREE_DO_RENAME_PENDING:
	case TREE_DO_NAME:
		file_rename(s);
		break;
	case TREE_DO_DROP_PENDING:
		file_drop(s);
		break;
	case TREE_DO_ASK:
		ask_begin(s);
		break;
	default: /* object_begin() */
		g_assert_not_reached();
	}
}

void tree_submit(struct tree *t, struct tree_plan *plan, tree_done done, void *arg)
{
	struct submission *s = g_new0(struct submission, 1);

	assert(work_on_thread(t->config.queue));
	s->tree = t;
	s->plan = *plan;
	s->done = done;
	s->arg = arg;
	memset(plan, 0, sizeof(*plan));
	if (s->plan.pending && s->plan.action != TREE_DO_DROP_PENDING)
		file_change_submit(s);
	else
		submission_begin(s);
}
