/* SPDX-License-Identifier: MIT */
/*
 * How somebody logs in. Each way speaks to the person on `out` (what to do) and returns the tokens, or
 * -errno and one line that says what ended it and what to do instead.
 * Thread rule: the main thread; they wait for the person. Ctrl-C ends the program, and nothing is left.
 */
#pragma once

#include <stdio.h>

#include "login/grant.h"

/* An address and a code, to be opened anywhere (webex-api.md 5.19). */
int login_by_device(struct login_server *s, FILE *out, struct webex_grant *ret_grant,
		    char **ret_reason);
/* A browser on this machine, which is sent back to http://localhost:PORT/ (5.18), and which waits there
 * for a page that says how it went: *ret_browser is set in any case. */
struct login_browser;
int login_by_browser(struct login_server *s, FILE *out, struct webex_grant *ret_grant,
		     struct login_browser **ret_browser, char **ret_reason);
/* Shows the page with the words, ends the server and frees it. NULL is allowed. */
void login_browser_end(struct login_browser *b, bool is_good, const char *words);
/* A browser anywhere; the person pastes where it ended into `in`. */
int login_by_paste(struct login_server *s, FILE *in, FILE *out, struct webex_grant *ret_grant,
		   char **ret_reason);

/* What a fault that no way knows better means. Owned. */
char *login_say(const struct login_server *s, const struct login_fault *f);

/* ---- the person's browser (open.c) ---- */

/* True if the person is at another machine, and comes by ssh. */
bool login_is_remote(void);
/* Opens the address in the browser that BROWSER names, or that of the desktop, if there is one. Not NULL:
 * it has the terminal, which is ours again when login_opening_end() returns. */
struct login_opening;
struct login_opening *login_open_browser(const char *address);
void login_opening_end(struct login_opening *o);

/* ---- what the last two share (authorize.c) ---- */

/* One attempt to get an authorization code. */
struct login_attempt {
	char *redirect_uri, *state, *verifier;
	char *address; /* what the browser opens */
};
/* 0 or -errno: there is no randomness. */
int login_attempt_begin(struct login_server *s, struct login_attempt *ret_attempt);
void login_attempt_clear(struct login_attempt *a);

enum login_answer {
	LOGIN_ANSWER_OTHER, /* not this attempt's: a favicon, another state */
	LOGIN_ANSWER_CODE,
	LOGIN_ANSWER_ERROR,
};
/* Reads the query of the address at which the browser ended: `code`, or `error`, if `state` is that
 * of the attempt. *ret_text is owned. */
enum login_answer login_attempt_read(const struct login_attempt *a, const char *query,
				     char **ret_text);
/* Gets the tokens for the code, or says what the error means. */
int login_attempt_finish(struct login_server *s, const struct login_attempt *a,
			 enum login_answer answer, const char *text,
			 struct webex_grant *ret_grant, char **ret_reason);
