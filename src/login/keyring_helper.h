/* SPDX-License-Identifier: MIT */
/* What keyring.c and its helper program have in common. */
#pragma once

/* A login as record.h prints it: two tokens, and what else it has. */
#define KEYRING_SECRET_MAX 65536

/* The exit statuses of the helper. Others: it could not be run (127: it, or libsecret, is not there), or a
 * signal ended it. */
enum keyring_status {
	KEYRING_DONE,
	KEYRING_FAILED, /* what it printed says why */
	KEYRING_USAGE,
	KEYRING_ABSENT,
	KEYRING_LOCKED,
	KEYRING_NONE,	    /* no session bus, or no Secret Service on it */
	KEYRING_NO_DEFAULT, /* no collection in which new items are made */
};
