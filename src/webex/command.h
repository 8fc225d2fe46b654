/* SPDX-License-Identifier: MIT */
/*
 * Runs a shell command, or this program once more, for its first line of output, with a time limit. Internal to webex.
 * Thread rule: any thread; blocks for up to the limit.
 */
#pragma once

#include <glib.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Bytes kept of the output; what comes after is read and dropped. */
#define COMMAND_OUTPUT_MAX 8192

/*
 * Runs `command` by /bin/sh -c in a new process group: stdin /dev/null, no other open files
 * than the standard three, all signals at their defaults and none blocked. Returns when the
 * shell has exited (something it left behind may hold the pipe open; that is not waited for),
 * after `timeout_ms` (-ETIMEDOUT) or when *stop becomes true (-ECANCELED); then the group is
 * killed. 0 if the exit status was 0, -EAGAIN if it was EX_TEMPFAIL (75, sysexits.h: asking again may
 * help), -EACCES for another status or a death by signal, -errno if it could not be started. `out` has
 * what it printed, `err` what it said on stderr, in every case; both are given empty.
 */
int command_run(const char *command, int timeout_ms, const atomic_bool *stop, GString *out,
		GString *err);
/*
 * The same of the very program that this process runs, with `input` (at most 4 KiB; NULL: none) on its standard input, also when an upgrade has put another one in its place or
 * removed it: both sides are of one version. -ENOKEY: the status was EX_NOPERM (77: a keyring is to be
 * unlocked first). `argv`: with the name it gets, ends with NULL. Its limit of open files is the raised
 * one (base/fd.h).
 */
int command_run_self(char *const argv[], const char *input, int timeout_ms,
		     const atomic_bool *stop, GString *out, GString *err);
