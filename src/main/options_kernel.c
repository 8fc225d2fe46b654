/* SPDX-License-Identifier: MIT */
#include "main/options.h"

static bool passes(const struct options *o, const char *name)
{
	return g_ptr_array_find_with_equal_func(o->passed, name, g_str_equal, NULL);
}

bool options_need_kernel(const struct options *o, uid_t mounter)
{
	return mounter == 0 || o->is_default_permissions || passes(o, "allow_other") ||
	       passes(o, "allow_root") || (o->uid >= 0 && (uid_t)o->uid != mounter) ||
	       o->umask & 0700;
}
