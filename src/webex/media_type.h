/* SPDX-License-Identifier: MIT */
/*
 * The Content-Type of an upload (webex-api.md 5.4), from the machine's database of file types
 * (shared-mime-info, by GIO): by the ending of the name, or by the first bytes where the ending
 * is unknown. Any thread.
 */
#pragma once

/* `name` may be NULL; fd -1: no bytes to look at. Owned (g_free); application/octet-stream if nothing
 * is known. */
char *webex_media_type(const char *name, int fd);
