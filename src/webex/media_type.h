/* SPDX-License-Identifier: MIT */
/*
 * The Content-Type of an upload (webex-api.md 5.4), as the machine's database of file types has it
 * (shared-mime-info, by GIO): by the ending, and by the first bytes where that says nothing. Any thread.
 */
#pragma once

/* `name` may be NULL; fd -1: no bytes to look at. Owned (g_free); application/octet-stream if nothing
 * is known. */
char *webex_media_type(const char *name, int fd);
