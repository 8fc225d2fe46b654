/* SPDX-License-Identifier: MIT */
#include "login/place.h"

#include <errno.h>

#include "base/cleanup.h"
#include "login/folder.h"
#include "login/keyring.h"

/* Each may be NULL: nothing is to be done, since login_save() does it. */
static const struct {
	int (*check)(char **ret_reason);
	int (*get)(struct login *l, char **ret_reason);
	int (*set)(const struct login *l, char **ret_reason);
} rows[] = {
	[LOGIN_IN_FILE] = {NULL},
	[LOGIN_IN_KEYRING] = {keyring_check, keyring_get, keyring_set},
};

int login_place_check(enum login_place place, char **ret_reason)
{
	return rows[place].check ? rows[place].check(ret_reason) : 0;
}

static int give_words(int error, char **ret_reason)
{
	*ret_reason = g_strdup(g_strerror(-error));
	return error;
}

int login_fetch(const char *name, struct login *ret_login, char **ret_reason)
{
	struct login l = {0};
	int r = login_load(name, &l);

	if (r < 0)
		return give_words(r, ret_reason);
	if (!l.access)
		r = rows[l.place].get(&l, ret_reason);
	if (r < 0)
		login_clear(&l);
	else
		*ret_login = l;
	return r;
}

static int set(struct login *l, char **ret_reason)
{
	int r = rows[l->place].set ? rows[l->place].set(l, ret_reason) : 0;

	if (r == 0)
		l->is_renewed = l->is_rotated = l->waits = false;
	return r;
}

int login_put(struct login *l, char **ret_reason)
{
	if (l->place == LOGIN_IN_KEYRING) {
		g_free(l->item);
		l->item = g_uuid_string_random();
	}
	return set(l, ret_reason);
}

int login_keep(struct login *l, int fd, char **ret_reason)
{
	_cleanup_gfree_ char *why = NULL;
	int r = l->is_renewed ? set(l, &why) : 0;

	*ret_reason = NULL;
	if (r < 0 && !l->is_rotated) {
		login_release(l->name);
		*ret_reason = steal_ptr(&why);
		return 0;
	}
	l->waits |= r < 0;
	r = login_save(l, fd);
	if (r < 0)
		return give_words(r, ret_reason);
	l->is_renewed = l->is_rotated = false;
	*ret_reason = steal_ptr(&why);
	return 0;
}

int login_settle(struct login *l, char **ret_reason)
{
	_cleanup_close_ int fd = -1;
	int r;

	if (!l->waits)
		return 0;
	r = set(l, ret_reason);
	if (r < 0)
		return r;
	r = login_reserve(l->name, &fd);
	if (r == 0)
		r = login_save(l, fd);
	/* Then the file still has them, too. */
	l->waits = r < 0;
	return r < 0 ? give_words(r, ret_reason) : 0;
}

int login_drop(const char *name, const char *kept, const char *gone, char **ret_reason)
{
	return keyring_drop(name, kept, gone, ret_reason);
}
