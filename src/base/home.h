/* SPDX-License-Identifier: MIT */
/* The home in a path that a person wrote where no shell reads it. No state; any thread. */
#pragma once

/* The path whose beginning "~" or "$HOME" is the home (owned); NULL: it has none of these. */
char *home_path(const char *value);
