/* SPDX-License-Identifier: MIT */
/*
 * The file name in a Content-Disposition field (webex-api.md 5.5; RFC 6266):
 * filename*=UTF-8''... before filename="..." before filename=word. Percent escapes are decoded
 * if that gives UTF-8; bytes that are no UTF-8 are read as ISO 8859-1. The uploader chose the
 * name, so it is hostile: all that is promised here is UTF-8 on one line. Internal to webex.
 * Pure, fuzzed; any thread.
 */
#pragma once

/* Owned (g_free); NULL if there is none or it is empty. */
char *webex_disposition_name(const char *value);
