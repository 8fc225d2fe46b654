/* SPDX-License-Identifier: MIT */
/*
 * The integration that asks for the tokens (webex-api.md 5.18). The first of these that is there counts:
 * CISCO_SPARK_CLIENT_ID and CISCO_SPARK_CLIENT_SECRET; [integration] of the configuration
 * (config_file.h); what was built in (built_in.h).
 *
 *     [integration]
 *     client_id=C123
 *     client_secret_command=pass show webex    or client_secret_file=PATH
 *     scopes=spark:all spark:kms
 *     port=53682
 *
 * The secret is that of the file that has the id. Scopes and port can stand in another file, unless
 * it has another id, and beside any of the three.
 * A file with a secret is refused if others can read it; one that a system-wide config names must be
 * root's and unwritable for others, and may be readable.
 * Thread rule: one thread; the command may run for 30 s.
 */
#pragma once

#define LOGIN_DEFAULT_SCOPES "spark:all spark:kms"
#define LOGIN_DEFAULT_PORT 53682

struct login_integration {
	char *id, *secret, *scopes;
	int port;
	char *source; /* for words: "the environment", or the path of the file */
};
void login_integration_clear(struct login_integration *i);

/* -ENOKEY: there is none. Every failure gives one line in *ret_reason (owned). */
int login_integration_find(struct login_integration *ret_integration, char **ret_reason);
