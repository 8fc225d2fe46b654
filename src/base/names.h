/* SPDX-License-Identifier: MIT */
/*
 * File names out of what the server or a person typed, and back (design 2.1).
 * Pure; any thread. Every function yields valid UTF-8 without '/', NUL, control
 * characters, bidirectional overrides (U+202A..202E, U+2066..2069, U+200E, U+200F, U+061C),
 * not ".", "..", empty, not starting with '.' or '-', at most NAME_MAX_BYTES bytes, cut at
 * a character (whole combining sequences where that is cheap).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define NAME_MAX_BYTES 255
#define NAME_STEM_MAX_BYTES 240

/*
 * '/' becomes U+2215; control characters, overrides and invalid bytes become U+FFFD;
 * leading '.' gets '_' before it ("." "_.", "" "_"), a leading '-' becomes "_-"; leading and
 * trailing spaces are kept except that a name of only spaces becomes "_". At most `max_bytes`.
 * Never NULL; owned (g_free).
 */
char *name_from_title(const char *title, size_t max_bytes);

/*
 * The title a name typed by a person stands for: U+2215 back to '/'. NULL if
 * name_from_title(result) would not give `name` again, byte for byte (then: EINVAL).
 */
char *name_to_title(const char *name);

/*
 * Two names are the same to a person if their keys are equal: NFC, then case folding, then
 * NFC again. Owned.
 */
char *name_key(const char *name);

/*
 * `base` made different from others of the same key: "base ~hex" with `digits` (8..32) hex
 * digits, cut so that the whole fits NAME_MAX_BYTES. `hex` has at least `digits` digits.
 */
char *name_with_suffix(const char *base, const char *hex, size_t digits);

/*
 * The name of a file out of what the server calls it: as name_from_title(), but what is cut is cut
 * before the ending. A name that needs no change stays as it is. Owned.
 */
char *name_from_file(const char *name, size_t max_bytes);
/* `name` made different from others of the same key: "report ~hex.pdf", with 8..32 digits of `hex`,
 * cut so that it fits. Owned. */
char *name_file_with_suffix(const char *name, const char *hex, size_t digits);

/*
 * The name of an older attachment beside the newest one of that name: "report~<time>.pdf", cut so
 * that it fits (design 2.1). tie_hex not NULL: "report~<time>~<hex>.pdf". Owned.
 */
char *name_version(const char *name, int64_t created_ms, const char *tie_hex);
/* True if `name` has the form that name_version() gives; *ret_created_ms is its time. */
bool name_parse_version(const char *name, int64_t *ret_created_ms);

/*
 * Stem of a message's files: "<time>_<author>" (design 2.1). If `email` is NULL or no
 * name_is_address, the author is "unknown-<first 8 of person_hex>". The author part is cleaned
 * as a title is, with '~' and white space also replaced by '_', and cut so that the stem has
 * at most NAME_STEM_MAX_BYTES - 34. With `tie_hex` not NULL: "~<tie_hex>" is appended.
 */
char *name_message_stem(int64_t created_ms, const char *email, const char *person_hex,
			const char *tie_hex);

/* The author's part of a stem that name_message_stem() made: *ret_len bytes, borrowed. */
const char *name_stem_author(const char *stem, size_t *ret_len);

enum name_twin { NAME_TXT, NAME_MD, NAME_HTML, NAME_JSON, NAME_CARD_JSON, NAME_SUBMIT_JSON };

/*
 * Splits a message's file name into stem and twin. True only if `name` has the exact grammar:
 * time stamp, '_', author, optional ~hex, and one of .txt .md .html .json .card.json .submit.json.
 * *ret_stem_len counts bytes.
 */
bool name_parse_message(const char *name, size_t *ret_stem_len, enum name_twin *ret_twin);

/*
 * True if `name` looks like an e-mail address that can be invited: one '@' with something on
 * both sides (no dot is required), at most 254 bytes, and no white space, control character,
 * override, invalid UTF-8, '/', leading '-' or leading '.'.
 */
bool name_is_address(const char *name);

/*
 * True for names that editors, office programs, shells, rsync, sed and desktops give to
 * temporary files, which are never sent (design 2.3, platform.md 6). Every dot name is one,
 * except those of name_is_trash().
 */
bool name_is_scratch(const char *name);
/* True for scratch names of files that an editor keeps beside the file it edits and never
 * renames onto it: swap files, backups, auto-saves. */
bool name_is_kept_beside(const char *name);

/*
 * True for scratch names that a person may have given to a file: .bashrc, report~, data.tmp,
 * movie.part, Thumbs.db. They are told that such a file is not sent. Not for the names that only
 * programs make, of which nobody wants to hear: swap and lock files, probes, auto-saves, random
 * names. sparkfs(1), "Names that are not sent", lists both.
 */
bool name_is_meant(const char *name);
/* True if `temp` is what rsync writes before it renames it to `name`: .NAME.XXXXXX. */
bool name_is_made_for(const char *temp, const char *name);
/* True for locks of editors and office programs, which nobody misses: they have only who made
 * them. */
bool name_is_lock(const char *name);

/* How a file is created. It shows that a file is temporary where the name does not. */
struct name_birth {
	const char *comm;  /* name of the program that creates it */
	bool is_exclusive; /* by O_RDWR and O_EXCL, as mkstemp does; cp only writes */
	bool is_guarded;   /* opened with O_NOFOLLOW, exclusive or not */
	bool is_private;   /* mode 0600 */
	bool is_chosen;	   /* that mode was asked for; no umask made it */
	bool is_move;	   /* the program removes what it copies when it has the copy */
	pid_t pid;	   /* its process, of a rename; 0: unknown */
};
/*
 * True if the file is temporary: it has a name of name_is_scratch(), or it is created as
 * mkstemp does (mode 0600, for reading and writing, with random characters at the end of its
 * name), or the program is known to give such names to its temporary files. It becomes a real
 * file when it is renamed to a real name.
 */
bool name_is_passing(const char *name, const struct name_birth *birth);
/* True for what patch leaves beside a file (*.orig, *.rej), which nobody meant to send. */
bool name_is_left_by(const char *name, const char *comm);
/* True for ".Trash", ".Trash-0" and so on. Such a folder is refused, so that a file manager
 * asks before it deletes. */
bool name_is_trash(const char *name);
