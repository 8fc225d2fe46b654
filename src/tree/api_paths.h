/* SPDX-License-Identifier: MIT */
/*
 * What is known of the paths of the API (webex-api.md 5): which of them a listing of api/ shows, which are
 * collections, how large a page of a list can be. What is not known can be asked for all the same.
 * Pure; any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* The i-th path that api/ shows as a directory, from 1: "people", "team/memberships". NULL past the last. The
 * number is for ever, since it is that of an inode. */
const char *api_shown(int i);
/* Its number; 0: it is not shown. */
int api_shown_number(const char *path);

/* True for a path without ".json" that is a file, and no directory: nothing stands below it. "contents/ID" */
bool api_is_leaf(const char *path);
/* True if what is written is to make something new (POST), false if it is to replace what is there (PUT).
 * `path`: "people", "people/ID", with or without a query. */
bool api_is_collection(const char *path);
/* The page size to ask for, of a path as request_path_make() gives; 0: the server's own. */
int api_page_size(const char *path);
