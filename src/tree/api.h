/* SPDX-License-Identifier: MIT */
/*
 * api/: the whole REST API as files (design 2.9). A name is a segment of a path, the path of a file is that of
 * a request:
 *
 *     people/             a directory: nothing is listed in it but directories of known paths
 *     people/ID           the same
 *     people/ID.json      GET when it is read, PUT what is written, DELETE by rm
 *     people.json         GET, POST
 *     people.json?max=5   a query is a part of the name
 *     contents/ID         the bytes of the answer; so is each name with '?' and without .json: people/ID?
 *
 * .sparkfs/request takes a request as it is written: "METHOD PATH", a newline, the body; for paths that no name
 * can hold.
 * Nothing of it is kept, and a look-up asks for nothing.
 */
#pragma once

#include "tree/asked.h"
#include "tree/write.h"

/* True for files that make a request when they are read or written. */
bool tree_is_asked(uint64_t ino);
/* The GET that reading the file makes; a reference. -EACCES or the errno of the network, in words, if it is
 * known to fail; -EINVAL for the file that takes requests. */
int tree_ask_read(struct tree_ctx *ctx, uint64_t ino, struct asked **ret_asked);
