/* SPDX-License-Identifier: MIT */
/*
 * Where the files of an account are kept, and to whom a token belongs when the server cannot be
 * asked (design 3).
 *
 *     <cache>/tokens/<fingerprint>   the owner of that token
 *     <cache>/<key>/store.db         what is known of the account
 *     <state>/<key>/                 the outbox, spools
 *     <state>/<key>/account          the owner of that outbox
 *     <state>/<key>.lock             held by flock while mounted
 *
 * <cache> is -o cache=DIR or $XDG_CACHE_HOME/sparkfs, <state> is $XDG_STATE_HOME/sparkfs.
 *
 *  1. The key is "<e-mail>-<12 hex digits of (base URL, person id)>", or -o account=NAME. If
 *     the address of the person changes, the old folder is still used. NAME may also be the
 *     address of an account that is known here: then its key stays what it is.
 *  2. An outbox belongs to one daemon: a second mount of the account (with another cache) gets
 *     <key>~2 and so on. <state>/sent notes which of them sent which messages (outbox/peers.c).
 *     What a mount leaves in its outbox comes to the next mount of the same person, by whatever name.
 *  3. Our folders are 0700 and our files 0600, and must belong to us. A letter of one account
 *     is never sent with the token of another, so a name that somebody else's account uses is
 *     refused.
 * Thread rule: the main thread.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct account_roots {
	char *cache; /* NULL: -o cache=memory */
	char *state;
};
/* Finds the roots from the environment. `cache_dir` (-o cache=DIR) may be NULL. */
void account_roots_init(struct account_roots *r, const char *cache_dir, bool is_memory);
void account_roots_clear(struct account_roots *r);

/* The person to whom the token belongs. */
struct account_owner {
	char *id;
	char *email; /* NULL: the server knows none */
	bool is_bot;
	bool has_token; /* the server has said that the token is theirs */
};
void account_owner_clear(struct account_owner *o);
/* What a person knows the account by: the address, or "the account without an address". */
const char *account_owner_name(const struct account_owner *o);

struct account_config {
	const struct account_roots *roots;
	const char *name; /* -o account=, or NULL */
	/* True if a login or the configuration gives that name: then it is that of a folder only if there is
	 * such a folder, and else the person says which folder it is. */
	bool is_alias;
	const char *
		person_id; /* of the login whose token it is; NULL: it is no login's, or not known */
	const char *base_url;
	const char *fingerprint; /* webex_token_fingerprint; NULL: there is no token */
	const char *mountpoint;	 /* noted in the lock, for who comes next; or NULL */
};

/* Gives the owner that was remembered for this token, or else for the named account (then nothing is
 * known of the token). 0 or -ENOENT. */
int account_recall(const struct account_config *config, struct account_owner *ret_owner);
/* Remembers that the token of config->fingerprint belongs to the owner, too. 0 or -errno. */
int account_remember_token(const struct account_config *config,
			   const struct account_owner *owner);

/* Gives the owner that is noted in the folder `key` of the state. 0 or -ENOENT: none of that server is. */
int account_owner_of(const struct account_roots *roots, const char *base_url, const char *key,
		     struct account_owner *ret_owner);

struct account {
	char *key;
	char *store_path; /* NULL: memory */
	char *state_dir;
	char *reserve_path; /* NULL: memory */
	int number;	    /* 1; 2 and so on for further mounts of the account */
	int lock_fd;
};

/* Makes the folders, locks the outbox and remembers the owner. If the mount that has the lock is
 * not there any more, it is putting everything away: waits for its end, as long as that may take.
 * On failure *ret_reason is one line (owned). */
int account_open(const struct account_config *config, const struct account_owner *owner,
		 struct account *ret_account, char **ret_reason);
void account_close(struct account *a);

/* The end of the names of the account's folders: "-<12 hex digits>". Owned. */
char *account_suffix(const char *base_url, const char *id);
/* The path that the mount with that lock noted in it (owned); NULL: none, as on a full disk. */
char *account_holder(int lock_fd);

/* ---- account_files.c: beside a mount ---- */

/* The account's state folders that no daemon uses: of further mounts that have ended, and of a name that was
 * chosen once. Their locks are held until it is cleared. */
struct account_left {
	GPtrArray *folders; /* of char *, ends with NULL; owned */
	GArray *locks;	    /* of int; owned */
};
void account_left_find(const struct account_roots *roots, const char *base_url, const char *id,
		       struct account_left *ret_left);
void account_left_clear(struct account_left *left);

/* Where the account is mounted (owned; empty: somewhere); NULL: nowhere. */
char *account_mounted_at(const struct account_roots *roots, const char *base_url,
			 const char *id);
/* Removes what was fetched for it, and nothing that is unsent. 0 or -errno. */
int account_purge(const struct account_roots *roots, const char *base_url, const char *id);
