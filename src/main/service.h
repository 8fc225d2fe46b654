/* SPDX-License-Identifier: MIT */
/*
 * What a service manager is told: that we are ready, that we stop, and how we are in words, which
 * `systemctl status` shows. It is one datagram of lines NAME=value to the socket that NOTIFY_SOCKET
 * names, an absolute path or an @ and an abstract name. sd_notify(3) documents that as a stable
 * protocol, which programs may speak themselves; libsystemd would bring libcap, libgcrypt, lz4, lzma and
 * zstd into a process that has tokens.
 *
 * Nothing here fails: without the variable, or where its socket is none, nobody is told.
 * Thread rule: service_begin: the main thread, before there are others; the rest: any thread.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* Takes NOTIFY_SOCKET out of the environment, so that no child can speak for us, and connects to it
 * (now, since later its path might lead into the mount). */
void service_begin(void);
/* True if somebody is told. */
bool service_is_told(void);

/* The mount answers. `pid`: of the process that serves it, if that is another one; else 0. */
void service_ready(pid_t pid, const char *words);
/* Tells the words where they differ from those told last. Never waits. */
void service_status(const char *words);
/* We end, and may need so long for it. */
void service_stopping(int timeout_ms, const char *words);
