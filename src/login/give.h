/* SPDX-License-Identifier: MIT */
/*
 * Gives the access token of a login to a mount, which asks by a child (LOGIN_GIVE_ARG), so that no
 * refresh token is ever in the daemon, and no secret of an integration but the environment's.
 *
 *     asked --the token is another than the asker's, and young--> given
 *     asked --it is refused (--not) or was had for 80 % of its life (--old)--> refreshed under the login's lock
 *     asked --its time is over by the wall clock--> the same
 *     refreshed --another process was faster--> given
 *     refreshed --tokens--> written, given --the disk does not take them--> kept in memory, written later
 *     refreshed --no answer, or not yet--> the old one is given unless it was refused, else: try later
 *     refreshed --400 or 401--> the login has ended: noted, and only `sparkfs login` helps; the old one is
 *                               given, with a warning, while it lives; then that of another login of the account
 *
 * How long a token was had is the asker's to say, who has a clock that nobody sets (--old). The times of
 * the login are the wall clock's: when it cannot have been right then and now, the token is refreshed, once,
 * since the login then has the times of now.
 *
 * Thread rule: the main thread of the child; waits for other processes and the network.
 */
#pragma once

#define LOGIN_GIVE_ARG "--give-token"

/* argv: LOGIN_GIVE_ARG NAME [--life] [--not HASH | --old HASH]. Prints the token; with --life, in a second line
 * two numbers, milliseconds: when to ask again by --old, and how long the token lives; 0: nobody knows. The
 * exit status: 0, 75: try again later, 77: the same once the keyring is unlocked, or there, 3: log in again. With 0, a line on standard error is a warning for the
 * person. HASH: webex_token_hash() of the token that was refused, or is old. */
int login_give_main(int argc, char **argv);
