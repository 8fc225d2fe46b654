/* SPDX-License-Identifier: MIT */
/*
 * What the environment says of tokens and of the integration (webex-api.md 5.18). It is taken out of the
 * environment when the program begins, so that no child has it (token_command, a browser), nor
 * /proc/PID/environ, whose bytes are overwritten. Only a child that is sparkfs itself is told the
 * integration, by its standard input.
 * Thread rule: the main thread, before there are others; webex_variable() and webex_variables_print() any
 * thread after that.
 */
#pragma once

enum webex_variable {
	/* In this order, the first that has something in it is the access token. */
	WEBEX_VARIABLE_ACCESS,
	WEBEX_VARIABLE_ACCESS_LAST = WEBEX_VARIABLE_ACCESS + 3,
	WEBEX_VARIABLE_REFRESH,
	WEBEX_VARIABLE_CLIENT_ID,
	WEBEX_VARIABLE_CLIENT_SECRET,
	WEBEX_N_VARIABLES,
};

const char *webex_variable_name(enum webex_variable v);
/* What was in it; NULL: nothing. Borrowed. */
const char *webex_variable(enum webex_variable v);

/* Takes what is in the environment; what it does not have stays as it was taken before. */
void webex_variables_take(void);
/* Wipes the tokens; the integration stays, for the children that renew them. */
void webex_variables_drop_tokens(void);

/* The integration, for webex_variables_read() of a child. Owned, a secret; NULL: there is none. */
char *webex_variables_print(void);
/* Takes it from the pipe that command_run_self() has filled; waits for nothing, and ignores other text. */
void webex_variables_read(int fd);
