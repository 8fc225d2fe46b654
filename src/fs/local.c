/* SPDX-License-Identifier: MIT */
#include "fs/local.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "fs/caller.h"

/* A daemon that does not run as root has only its own rights, so the groups of the caller do
 * not matter. */
struct local_caller *local_caller_of(const struct op *op)
{
	struct local_caller *c = g_new0(struct local_caller, 1);

	c->uid = op->uid;
	c->gid = fuse_req_ctx(op->req)->gid;
	c->root = caller_root(op->pid);
	c->has_root = c->root >= 0;
	if (geteuid() != 0 || c->uid == 0)
		return c;
	c->n_groups = caller_groups(op->pid, &c->groups);
	return c;
}

/* ---- for a request that waits ---- */

static void keep(struct op *op, struct outbox_letter *letter, const char *why)
{
	if (letter->replaces || op->plan.pending) {
		log_last_error("%s", why);
		outbox_letter_free(letter);
	} else {
		outbox_keep(op->fs->config.outbox, letter, why);
	}
}

static void was_read(void *arg, int error, const char *why)
{
	struct op *op = arg;
	struct outbox_letter *letter = steal_ptr(&op->unread);

	op->reading = 0;
	if (error) {
		keep(op, letter, why);
		op_finish(op, error);
		return;
	}
	op->plan.letter = letter;
	op->submit = op->submit_then;
	op->submit(op);
}

/* The letter belongs to the read now: if the op ends meanwhile, it must not find the letter in
 * the plan. */
static void read_first(struct op *op)
{
	op->unread = steal_ptr(&op->plan.letter);
	op->reading = local_files_read(op->fs->local, op->unread, was_read, op);
}

void local_first(struct op *op)
{
	struct outbox_letter *l = op->plan.letter;

	if (!l || !l->local)
		return;
	if (!l->local->caller)
		l->local->caller = local_caller_of(op);
	if (op->newdir)
		l->local->idle_ms = op->fs->config.lookup_timeout_ms;
	op->submit_then = op->submit;
	op->submit = read_first;
}

/* ---- without a waiting request ---- */

struct late {
	struct fs *fs;
	struct outbox_letter *letter;
};

static void nobody_waits(void *arg, int error, int64_t room, int64_t message)
{
	/* An error needs no handling here: unsent/ has the letter and last-error the reason. */
	(void)arg;
	(void)error;
	(void)room;
	(void)message;
}

static void late_was_read(void *arg, int error, const char *why)
{
	struct late *late = arg;
	struct outbox *outbox = late->fs->config.outbox;

	if (error)
		outbox_keep(outbox, late->letter, why);
	else
		outbox_send(outbox, late->letter, nobody_waits, NULL);
	g_free(late);
}

void local_send_late(struct fs *fs, struct outbox_letter *letter)
{
	struct late *late = g_new(struct late, 1);

	*late = (struct late){.fs = fs, .letter = letter};
	local_files_read(fs->local, letter, late_was_read, late);
}
