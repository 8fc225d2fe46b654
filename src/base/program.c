/* SPDX-License-Identifier: MIT */
#include "base/program.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>

void spawn_attributes(posix_spawnattr_t *attr, int flags)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(attr);
	posix_spawnattr_setsigmask(attr, &none);
	posix_spawnattr_setsigdefault(attr, &all);
	posix_spawnattr_setflags(
		attr, (short)(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | flags));
}

void spawn_close_each_from(posix_spawn_file_actions_t *actions, int first)
{
	DIR *fds = opendir("/proc/self/fd");
	const struct dirent *e;

	if (!fds)
		return;
	while ((e = readdir(fds))) {
		int fd = (int)strtol(e->d_name, NULL, 10);

		/* The descriptor of `fds` itself is among them; posix_spawn does not fail on
		 * one that is closed by then. */
		if (e->d_name[0] != '.' && fd >= first)
			posix_spawn_file_actions_addclose(actions, fd);
	}
	closedir(fds);
}

void spawn_close_from(posix_spawn_file_actions_t *actions, int first)
{
#ifdef HAVE_SPAWN_CLOSEFROM
	posix_spawn_file_actions_addclosefrom_np(actions, first);
#else
	spawn_close_each_from(actions, first);
#endif
}
