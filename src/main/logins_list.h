/* SPDX-License-Identifier: MIT */
/* What sparkfs accounts says, and what belongs to a login outside of its own folder. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "login/record.h"

/* Prints all logins. The exit status. */
int logins_list(FILE *out, bool is_json);
/* Removes what was fetched for the login's person. -EBUSY while it is mounted; one line in *ret_reason
 * (owned). */
int logins_purge(const struct login *l, char **ret_reason);
