/* SPDX-License-Identifier: MIT */
/*
 * The tables, and the migrations of older files (PRAGMA user_version).
 * Thread rule: the thread that opens the store, before anybody else has it.
 * Errors: as sql.h; -EUCLEAN for a file that is not ours, of a newer version, or broken: the
 * caller sets it aside.
 */
#pragma once

#include <stdint.h>

#include "store/sql.h"

#define SCHEMA_VERSION 13

/* Settings that every connection needs. */
int schema_tune(struct sql *q, bool in_memory, int cache_kib);

/* True if the database is a store of this version or an older one. */
bool schema_is_ours(struct sql *q);
/* Brings an empty or older database to SCHEMA_VERSION, in one transaction. */
int schema_migrate(struct sql *q, bool in_memory);

/* The highest rowid of any table and of the mark in meta; touches every table. */
int schema_max_rowid(struct sql *q, int64_t *ret_rowid);
