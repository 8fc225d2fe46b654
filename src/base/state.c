/* SPDX-License-Identifier: MIT */
#include "base/state.h"

#include <glib.h>
#include <string.h>

static const char characters[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789@._+-";

char *state_root(void)
{
	const char *state = g_get_user_state_dir();

	return g_path_is_absolute(state)
		       ? g_build_filename(state, "sparkfs", NULL)
		       : g_build_filename(g_get_home_dir(), ".local/state/sparkfs", NULL);
}

bool state_name_is_good(const char *name)
{
	/* The first one is beside the accounts in the cache. */
	static const char *const ours[] = {"tokens", "logins", "sent", "sent.old", NULL};
	size_t len = strlen(name);

	return len > 0 && len <= STATE_NAME_BYTES && name[0] != '.' && name[0] != '-' &&
	       strspn(name, characters) == len && !g_strv_contains(ours, name);
}

char *state_name_of(const char *address)
{
	char *name = g_strndup(address, STATE_NAME_BYTES);

	g_strcanon(name, characters, '_');
	if (name[0] == '.' || name[0] == '-')
		name[0] = '_';
	return name;
}
