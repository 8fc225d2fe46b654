/* SPDX-License-Identifier: MIT */
/*
 * <state>, the folder for what must not be lost, and the names in it: of the folders of accounts, and
 * of logins. Any thread.
 */
#pragma once

#include <stdbool.h>

/* A name can be an address. */
#define STATE_NAME_BYTES 64

/* $XDG_STATE_HOME/sparkfs; owned. */
char *state_root(void);
/* True if an account or a login may have that name. False, too, for the names that sparkfs gives there
 * to something else. */
bool state_name_is_good(const char *name);
/* The name that an address makes: what no name can have becomes "_". Empty if the address is. Owned. */
char *state_name_of(const char *address);
