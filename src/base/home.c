/* SPDX-License-Identifier: MIT */
#include "base/home.h"

#include <glib.h>
#include <string.h>

char *home_path(const char *value)
{
	static const char *const homes[] = {"~", "$HOME", "${HOME}"};

	for (size_t i = 0; i < G_N_ELEMENTS(homes); i++) {
		const char *rest = value + strlen(homes[i]);

		if (g_str_has_prefix(value, homes[i]) && (!*rest || *rest == '/'))
			return g_build_filename(g_get_home_dir(), rest, NULL);
	}
	return NULL;
}
