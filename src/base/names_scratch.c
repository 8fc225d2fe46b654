/* SPDX-License-Identifier: MIT */
/* The names that programs pass files by: peers.md 3.6 says which program makes which. */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"

/* vim probes 4913, 5036, 5159 ... until it finds a free name. */
#define VIM_PROBE_FIRST 4913
#define VIM_PROBE_STEP 123
#define VIM_PROBES 20

static bool is_vim_probe(const char *name)
{
	long n;

	if (strlen(name) != 4 || strspn(name, "0123456789") != 4)
		return false;
	n = strtol(name, NULL, 10) - VIM_PROBE_FIRST;
	return n >= 0 && n % VIM_PROBE_STEP == 0 && n / VIM_PROBE_STEP < VIM_PROBES;
}

/* "sed" and six characters of mkstemp; an upper-case letter or digit tells it from "sedation".
 */
static bool is_sed_temp(const char *name)
{
	bool random = false;

	if (strlen(name) != 9 || !g_str_has_prefix(name, "sed"))
		return false;
	for (const char *p = name + 3; *p; p++) {
		if (!g_ascii_isalnum(*p))
			return false;
		random |= !g_ascii_islower(*p);
	}
	return random;
}

/* A prefix and the six characters of mkstemp, which may look like a word. */
bool name_is_scratch_of(const char *name, const char *comm)
{
	static const struct {
		const char *comm, *prefix;
	} makers[] = {{"sed", "sed"}, {"zip", "zi"}};

	for (size_t i = 0; i < G_N_ELEMENTS(makers); i++) {
		size_t len = strlen(makers[i].prefix);

		if (strcmp(comm, makers[i].comm) == 0 &&
		    g_str_has_prefix(name, makers[i].prefix) && strlen(name) == len + 6)
			return strspn(name + len, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS) == 6;
	}
	return false;
}

bool name_is_trash(const char *name)
{
	return g_str_has_prefix(name, ".Trash");
}

bool name_is_scratch(const char *name)
{
	size_t len = strlen(name);

	/*
	 * Every dot name: swap files, rsync's and GTK's temporaries, locks, .DS_Store, ._x.
	 * None could be listed under its own name anyway, since names never start with a dot.
	 */
	if (*name == '.')
		return !name_is_trash(name);
	if (len > 1 && name[len - 1] == '~')
		return true;
	if (len > 2 && name[0] == '#' && name[len - 1] == '#')
		return true;
	/* .tmp: LibreOffice's, Word's, of all who write beside a file and rename then. */
	if ((len > 5 && g_str_has_suffix(name, ".part")) ||
	    (len > 4 && g_str_has_suffix(name, ".tmp")) ||
	    (len > 11 && g_str_has_suffix(name, ".crdownload")))
		return true;
	if (strcmp(name, "Thumbs.db") == 0 || strcmp(name, "desktop.ini") == 0)
		return true;
	return is_vim_probe(name) || is_sed_temp(name);
}
