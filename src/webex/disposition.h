/* SPDX-License-Identifier: MIT */
/*
 * The file name in a Content-Disposition field (webex-api.md 5.5; RFC 6266):
 * filename*=UTF-8''... before filename="..." before filename=word, which senders also write with
 * blanks and semicolons in it. A plain name may be in RFC 2047's words; its percent escapes are decoded
 * only where a sender seems to escape all names; bytes that are no UTF-8 are read as ISO 8859-1. The
 * name is what was sent, with its blanks of any kind. The uploader chose it, so it is hostile: all that
 * is promised here is UTF-8 on one line without control characters, of at most 4096 bytes; of a longer
 * one the end stays. Internal to webex. Pure, fuzzed; any thread.
 */
#pragma once

/* Owned (g_free); NULL if there is none or it is empty. */
char *webex_disposition_name(const char *value);
