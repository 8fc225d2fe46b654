/* SPDX-License-Identifier: MIT */
/* Programs that move files here, of names that are not sent. */
#include "base/cleanup.h"
#include "fs/caller.h"
#include "fs/op.h"

bool fs_takes_source(const struct op *op)
{
	char program[WRITER_COMM_SIZE];

	caller_program(caller_tgid(op->pid), program);
	return rm_guard_takes_source(program);
}

int fs_check_moved_onto(struct op *op, uint64_t ino)
{
	_cleanup_gfree_ char *name = tree_meant_name(op->fs->config.tree, ino);

	return name && fs_takes_source(op) ? tree_refuse_to_keep(&op->ctx, name) : 0;
}
