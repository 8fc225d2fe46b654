/* SPDX-License-Identifier: MIT */
/* The process that repeats on the mount what happened elsewhere (mirror.h). */
#pragma once

/* argv[1] with which the program is started for it; then come the mount point, the minor number
 * of its device, and the process that starts it. The socket is descriptor 3. */
#define MIRROR_HELPER_ARG "--inotify-helper"

/* Its main(). Returns an exit status. */
int mirror_helper_main(int argc, char **argv);
