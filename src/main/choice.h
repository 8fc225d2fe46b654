/* SPDX-License-Identifier: MIT */
/*
 * Which login gives a mount its token. The first of these that is there counts: -o token_command= or
 * token_file= (no login), the login that -o account= means by its name, address or folder, the environment
 * (no login, or that of its refresh token), the only login.
 * Thread rule: the main thread, before there are others.
 */
#pragma once

#include "main/options.h"

struct choice {
	char *name; /* NULL: no login; then all of these are */
	char *base_url;
	char *person_id;
	char *file; /* the folder of the logins, which changes when somebody logs in again, by whatever name */
};
void choice_clear(struct choice *c);

/* The child that gives the token asks the server by the mount's proxy and authorities. It has them by the
 * environment, since everybody can read a command line. */
void choice_tell_children(const struct options *o);

/* The login that gives a mount with these options its token (owned); NULL: none does. */
char *choice_login_name(const struct options *o);
/* 0, or -errno and one line in *ret_reason (owned): -ENOKEY: -o account= names none; there are several logins, the login cannot be read, or
 * it is for another server than -o url=. */
int choice_make(const struct options *o, struct choice *ret_choice, char **ret_reason);
