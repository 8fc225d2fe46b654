/* SPDX-License-Identifier: MIT */
/*
 * Gives the access token of a login to a mount, which asks by a child (LOGIN_GIVE_ARG), so that neither the
 * secret of the integration nor a refresh token is ever in the daemon.
 *
 *     asked --the token is another than the refused one, and young--> given
 *     asked --it was refused, or has lived 80 % of its life--> refreshed under the login's lock
 *     refreshed --another process was faster--> given
 *     refreshed --tokens--> written, given
 *     refreshed --no answer--> the old one is given while it lives, else an error that asking again may mend
 *     refreshed --400 or 401--> the login has ended: noted, and only `sparkfs login` helps
 *
 * Thread rule: the main thread of the child; waits for other processes and the network.
 */
#pragma once

#define LOGIN_GIVE_ARG "--give-token"

/* argv: LOGIN_GIVE_ARG NAME [--not HASH]. Prints the token. The exit status: 0, 75: try again later,
 * 3: log in again. HASH: webex_token_hash() of the token that was refused. */
int login_give_main(int argc, char **argv);
