/* SPDX-License-Identifier: MIT */
/*
 * What kind of file a name promises, for the Content-Type of an upload (webex-api.md 5.4): by
 * the ending, among the kinds that people send. Pure functions, any thread.
 */
#pragma once

/* A static string; application/octet-stream if the ending says nothing. `name` may be NULL. */
const char *webex_media_type(const char *name);
