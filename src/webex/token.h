/* SPDX-License-Identifier: MIT */
/*
 * Where the access token comes from (design 5; webex-api.md 5.18): token_command, token_file,
 * WEBEX_ACCESS_TOKEN, WEBEX_TEAMS_ACCESS_TOKEN, SPARK_ACCESS_TOKEN, CISCO_SPARK_ACCESS_TOKEN,
 * in this order; the first that is configured is used, and an error in it is an error (never a
 * silent fall-through to the next). An empty variable is not configured.
 * The token is opaque, 1..4096 bytes of visible ASCII; white space around it is dropped. It is
 * wiped on free. It never reaches a log.
 * Thread rule: load and ask may run a command for up to 30 s: never on a FUSE worker, the
 * I/O thread or the cache thread; has_moved is called by the thread that asks. All else: any thread.
 * Lock: the token's own mutex guards the current value.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEBEX_TOKEN_MAX 4096

struct webex_token;

/* True for what can be a token: 1..WEBEX_TOKEN_MAX bytes of visible ASCII. */
bool webex_token_is_clean(const char *text);

struct webex_token_source {
	/* Run by /bin/sh -c with stdin from /dev/null, in a process group of its own; its first
	 * line of output is the token; NULL: none. */
	const char *command;
	/* Refused (-EPERM) if it is no regular file of ours or root's, or others can read or
	 * write it; NULL: none. */
	const char *file;
	/* The name of the login that the tokens are of; NULL: none. With it `command` is NULL, and `file` is only
	 * looked at, to see that somebody logged in again: this program itself is run again as a child, with
	 * the arguments `give`, the name, "--life" and, if a token is not wanted any more, "--not" (it was refused)
	 * or "--old" and its webex_token_hash(). It is told the environment's integration (variables.h). Its first line of output is the token, its second how long that
	 * lives (login/give.h). What it says on standard error without failing is a warning, which becomes
	 * the last error. */
	const char *login;
	const char *give;
};

/* 16 hex digits, which tell a token from another one; owned. */
char *webex_token_hash(const char *token);
/* True if one of the environment's variables had an access token (variables.h). */
bool webex_token_is_in_environment(void);

/* On failure *ret_reason is one line for the person (owned, g_free), without any part of the
 * token. -ENOKEY: none is configured. */
int webex_token_load(const struct webex_token_source *source, struct webex_token **ret_token,
		     char **ret_reason);
/* A token whose source could not be read: it has no value until one is adopted. `error`, `reason`: what
 * webex_token_load said. */
struct webex_token *webex_token_new_empty(const struct webex_token_source *source, int error,
					  const char *reason);
bool webex_token_is_empty(struct webex_token *t);
enum webex_token_wish {
	WEBEX_TOKEN_REFUSED, /* the server does not take the one in use */
	WEBEX_TOKEN_OLD,     /* it is time for the next one (webex_token_renew_ms) */
};
/* Asks the source again. 0: *ret_value is another value (owned; wipe it by webex_token_wipe or adopt
 * it), which is not used yet, or NULL if the source has the same one; so always for the environment. Of a
 * login also the refused one, where the service has said just now that it is the one to use.
 * -errno (logged): -EAGAIN: it says nothing of the token, asking later may help; -EACCES: it failed, which of a
 * login means that only the person can log in again. */
int webex_token_ask(struct webex_token *t, enum webex_token_wish wish, char **ret_value);
/* By clock_mono(), not later than the source said when it was asked last: when to ask it again by WEBEX_TOKEN_OLD, and
 * from when on the token is dead. 0: nobody knows. */
int64_t webex_token_renew_ms(struct webex_token *t);
int64_t webex_token_end_ms(struct webex_token *t);
/* From now on `value` is the token. */
void webex_token_adopt(struct webex_token *t, char *value);
void webex_token_wipe(char *value);
/* True if asking could ever give another value (command or file). */
bool webex_token_can_reload(const struct webex_token *t);
/* True if asking costs next to nothing (file). */
bool webex_token_is_cheap(const struct webex_token *t);
/* True if there is a file that can be looked at. */
bool webex_token_is_watched(const struct webex_token *t);
/* True if it is so, and the file is not as it was when the source was asked last. */
bool webex_token_has_moved(const struct webex_token *t);
/* True if the source said last (-ENOKEY) that a keyring has to be unlocked first. Nothing tells when that is
 * so, and to ask again costs no request until then. */
bool webex_token_is_locked(struct webex_token *t);
/*
 * What a person does to give another token, one clause without a full stop ("write ..."). With what is
 * wrong with the source in front, if it could not be read last time. Owned.
 */
char *webex_token_advice(struct webex_token *t);
/* What is wrong with the source, if it could not be read last time. Owned, or NULL. */
char *webex_token_problem(struct webex_token *t);
/* For tearing down: while `on`, webex_token_ask ends soon, or at once if it begins later, with
 * -ECANCELED. */
void webex_token_interrupt(struct webex_token *t, bool on);
/* A copy for one request, NULL if it is empty; g_free after explicit_bzero (http_request_free does
 * it). */
char *webex_token_get(struct webex_token *t);
/* 64 hex digits of SHA-256("sparkfs-account\0" + base URL + "\0" + token): finds a known
 * account's store without network (design 3). Owned; NULL if it is empty. */
char *webex_token_fingerprint(struct webex_token *t, const char *base_url);
void webex_token_free(struct webex_token *t);
