/* SPDX-License-Identifier: MIT */
/* The process that does to the mount what happened elsewhere (mirror.h). */
#pragma once

/* How the program is called for it: argv[1]; then the mount point, the minor number of its
 * device, and the process that calls it. The socket is descriptor 3. */
#define MIRROR_HELPER_ARG "--inotify-helper"

/* Its main(). Returns an exit status. */
int mirror_helper_main(int argc, char **argv);
