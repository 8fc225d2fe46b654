/* SPDX-License-Identifier: MIT */
/*
 * The program under test: a store on disk, a pager and a tree over it, and operations that run
 * as fs/op.c runs them: as a function of a snapshot that is parked on its need and run again,
 * with short waits for news, deadlines and interrupts.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "pager/pager.h"
#include "store/store.h"
#include "tree/tree.h"
#include "tree/write.h"

struct mount {
	char *folder; /* of the whole run */
	struct work_queue *queue;
	struct store *store;
	struct pager *pager;
	struct tree *tree;
	int recent;	    /* 0: all */
	int poll_ms;	    /* 0: off */
	int64_t max_bodies; /* 0: all */
	int64_t me_person;
	GQueue parked;	    /* of struct op.link */
	int64_t opens;	    /* how often it was mounted */
	int64_t operations; /* that ended */
	int64_t errors;	    /* of them, with an error */
};

extern struct mount mount;

/* `folder` is empty. */
void mount_start(const char *folder, int recent, int poll_ms);
void mount_stop(void);
/* Mounts again. What is under way ends with -ESHUTDOWN or -ECANCELED. */
void mount_again(void);
/* Mounts again as after a SIGKILL at this moment. */
void mount_kill(void);
/* The changes of the store by a change that was made here. */
void mount_on_changes(GPtrArray *changes);
/* Drops some texts, whatever the bound. */
void mount_evict(void);
/* Loses the cache folder, but not what lies beside it. */
void mount_lose(void);

enum op_kind { OP_LOOKUP, OP_GETATTR, OP_LIST, OP_READ, OP_HOLD };

/* One name of a listing. */
struct listed {
	uint64_t ino;
	char *name;
	struct stat st;
};

struct op {
	enum op_kind kind;
	uint64_t ino;
	char *name;
	bool is_patient; /* waits for news as long as it takes */
	/* Called once; the op is freed behind it. */
	void (*done)(struct op *op, int error, void *arg);
	void *arg;
	/* the answer */
	struct tree_entry entry;
	struct tree_attr attr;
	struct tree_dir dir;
	GPtrArray *list; /* of struct listed */
	GString *bytes;
	/* op.c's */
	struct tree_ctx ctx;
	struct pager_waiter waiter;
	GList link;
	uint64_t soft_timer, deadline_timer;
};

/* Starts it; `done` may be called inside. `name` may be NULL. */
void op_start(enum op_kind kind, uint64_t ino, const char *name, bool is_patient,
	      void (*done)(struct op *op, int error, void *arg), void *arg);
/* Runs it to its end, with time passing. 0 or -errno; the answer is in *ret_op: op_free. */
int op_wait(enum op_kind kind, uint64_t ino, const char *name, struct op **ret_op);
void op_free(struct op *op);
/* Interrupts one of the waiting operations, as Ctrl-C does. */
void op_interrupt_any(void);
void op_fail_all(int error);
