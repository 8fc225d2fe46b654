/* SPDX-License-Identifier: MIT */
/* The integration that this sparkfs was built with (meson_options.txt). Both are empty if there is none. */
#pragma once

extern const char login_built_in_id[], login_built_in_secret[];
