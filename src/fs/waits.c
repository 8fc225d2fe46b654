/* SPDX-License-Identifier: MIT */
#include "fs/waits.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "http/loop.h"

/* A look-up may take so much longer, as a part of its time-out; a change may wait for so many
 * time-outs. */
#define SHORT_PART 10
#define CHANGE_TIMES 6
/* It is said again after so long, or when the wait has become twice as long. */
#define SAY_EVERY_MS 60000

static int64_t held_ms(const struct fs *fs)
{
	return fs->config.loop ? http_loop_held_ms(fs->config.loop) : 0;
}

void waits_begin(struct op *op)
{
	struct fs *fs = op->fs;

	if (!op->held_seen_ms)
		op->held_seen_ms = held_ms(fs) + 1;
	if (op->deadline_ms)
		return;
	op->is_looked_at = true;
	op->deadline_ms = clock_mono(fs->config.clock) + fs->config.lookup_timeout_ms;
}

void waits_progress(struct op *op)
{
	op->has_progress = true;
}

/* How long the gate has kept requests waiting since the last call. */
static int64_t take_held_ms(struct op *op)
{
	int64_t now = held_ms(op->fs) + 1, ms = now - op->held_seen_ms;

	op->held_seen_ms = now;
	return ms;
}

/* How many of the names that the op waits for are still to be asked for, one by one. */
static int names_left(const struct op *op)
{
	int left = 0;

	if (op->ctx.missing.kind == NEED_NAMES) {
		g_autoptr(GArray) all = pager_names(op->fs->config.pager);

		for (guint i = 0; i < all->len; i++) {
			const struct pager_names *n =
				&g_array_index(all, struct pager_names, i);

			if (n->room == op->ctx.missing.row)
				left = n->total - n->done;
		}
	}
	return left;
}

static int seconds(int64_t ms)
{
	return (int)((ms + 999) / 1000);
}

/* Why the op waits, and *ret_ms, how long. Owned; NULL: nothing waits. */
static char *words(const struct op *op, int64_t *ret_ms)
{
	int left = names_left(op);
	struct http_stats s;

	http_loop_stats(op->fs->config.loop, &s);
	*ret_ms = s.turn_ms;
	if (!s.waiting || !s.turn_ms)
		return NULL;
	if (s.shut_ms)
		return g_strdup_printf("the server said (429) that it takes no requests for %d "
				       "s; of those that wait, %d, the last has its turn in "
				       "about %d s",
				       seconds(s.shut_ms), s.waiting, seconds(s.turn_ms));
	if (left > s.waiting && s.rate_now_per_minute) {
		*ret_ms = left * INT64_C(60000) / s.rate_now_per_minute;
		return g_strdup_printf(
			"%d names of attachments are still to be asked for, one by one "
			"(.sparkfs/transfers), which takes about %d s at %d a minute (-o rate)",
			left, seconds(*ret_ms), s.rate_now_per_minute);
	}
	return g_strdup_printf(
		"requests that wait for their turn: %d, the last for about %d s, "
		"at %d a minute (-o rate)",
		s.waiting, seconds(s.turn_ms), s.rate_now_per_minute);
}

/* Says it to everybody. It is nobody's error: an op that fails later says why. */
static void say(const struct op *op)
{
	struct fs *fs = op->fs;
	int64_t now = clock_mono(fs->config.clock), turn_ms;
	unsigned before = log_last_error_count();
	_cleanup_gfree_ char *why = words(op, &turn_ms);

	if (!why || (fs->waits_said && now < fs->waits_said_ms + SAY_EVERY_MS &&
		     turn_ms < 2 * fs->waits_turn_ms))
		return;
	g_free(fs->waits_said);
	fs->waits_said = g_strdup_printf("waiting, Ctrl-C ends it, no time-out does: %s", why);
	fs->waits_said_ms = now;
	fs->waits_turn_ms = turn_ms;
	log_last_error("%s", fs->waits_said);
	for (GList *l = fs->parked.head; l; l = l->next) {
		struct op *other = l->data;

		if (other->has_waited && other->said_before == before)
			other->said_before = log_last_error_count();
	}
}

/* A change needs its answer: it may wait for some turns. */
static bool is_locked_too_long(const struct op *op, bool is_held, int64_t now)
{
	int64_t most_ms = (int64_t)op->fs->config.lookup_timeout_ms * CHANGE_TIMES;

	if (op->later)
		return is_held || op->has_progress;
	return is_held && now - op->started_ms >= most_ms;
}

enum waits_verdict waits_judge(struct op *op)
{
	int64_t now = clock_mono(op->fs->config.clock), held = take_held_ms(op);
	int lookup_ms = op->fs->config.lookup_timeout_ms;
	/* An op that has `late` waits for another op, whose own wait is told of. */
	bool is_held = held > lookup_ms / SHORT_PART && !op->late;

	if (is_held)
		say(op);
	if (op->state == OP_PARKED && op->name && is_locked_too_long(op, is_held, now))
		return WAITS_LOCKED;
	if (!is_held && !op->is_looked_at)
		return WAITS_OVER;
	op->deadline_ms = now + (op->is_looked_at ? lookup_ms : held);
	return WAITS_ON;
}

int waits_end(struct op *op, bool is_locked)
{
	int64_t turn_ms;
	_cleanup_gfree_ char *why =
		is_locked && op->fs->config.loop ? words(op, &turn_ms) : NULL;
	const char *name = op->name ? op->name : tree_what(op->ino);

	if (why)
		tree_refuse(&op->ctx, -EBUSY, "%s %s: %s; try again", op->what, name, why);
	else if (op->ctx.missing.kind == NEED_NAMES ||
		 op->ctx.missing.kind == NEED_THREAD_NAMES)
		tree_refuse(&op->ctx, -ETIMEDOUT,
			    "%s %s: the server is still being asked for the names of the "
			    "attachments, one by one: .sparkfs/transfers shows how far it is; "
			    "ls waits until all are known; what is sent to the space itself, "
			    "and not to its files/, waits for none",
			    op->what, name);
	return is_locked ? -EBUSY : -ETIMEDOUT;
}

static bool is_any_waiting(const struct fs *fs)
{
	for (GList *l = fs->parked.head; l; l = l->next)
		if (((const struct op *)l->data)->state != OP_LISTENING)
			return true;
	return false;
}

void waits_ended(struct fs *fs)
{
	if (!fs->waits_said || is_any_waiting(fs))
		return;
	log_last_error_withdraw(fs->waits_said);
	g_clear_pointer(&fs->waits_said, g_free);
}
