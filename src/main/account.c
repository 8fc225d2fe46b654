/* SPDX-License-Identifier: MIT */
#include "main/account.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/private.h"
#include "base/state.h"
#include "main/mountpoint.h"

#define HASH_DIGITS 12
#define FINGERPRINT_DIGITS 64
#define MOUNTS_MAX 9
/* The end of a mount waits ten seconds for what is on its way, and puts the rest away. */
#define END_MS 30000
#define PAUSE_MS 20
#define OWNER_FILE_MAX 8192
#define TOKEN_MEMORY_S (90L * 24 * 3600)
#define GROUP "account"

void account_roots_init(struct account_roots *r, const char *cache_dir, bool is_memory)
{
	const char *cache = g_get_user_cache_dir();

	r->state = state_root();
	if (is_memory)
		r->cache = NULL;
	else if (cache_dir)
		r->cache = g_strdup(cache_dir);
	else if (g_path_is_absolute(cache))
		r->cache = g_build_filename(cache, "sparkfs", NULL);
	else
		r->cache = g_build_filename(g_get_home_dir(), ".cache/sparkfs", NULL);
}

void account_roots_clear(struct account_roots *r)
{
	g_clear_pointer(&r->cache, g_free);
	g_clear_pointer(&r->state, g_free);
}

void account_owner_clear(struct account_owner *o)
{
	g_clear_pointer(&o->id, g_free);
	g_clear_pointer(&o->email, g_free);
}

const char *account_owner_name(const struct account_owner *o)
{
	return o->email ? o->email : "the account without an address";
}

/* ---- the remembered account ---- */

static int read_owner(const char *path, const char *base_url, struct account_owner *ret_owner)
{
	GKeyFile *file = g_key_file_new();
	_cleanup_gfree_ char *url = NULL, *text = NULL;
	struct account_owner o = {0};
	size_t len;

	if (private_read(path, OWNER_FILE_MAX, &text, &len) == 0 &&
	    g_key_file_load_from_data(file, text, len, G_KEY_FILE_NONE, NULL)) {
		url = g_key_file_get_string(file, GROUP, "url", NULL);
		o.id = g_key_file_get_string(file, GROUP, "id", NULL);
		o.email = g_key_file_get_string(file, GROUP, "email", NULL);
		o.is_bot = g_key_file_get_boolean(file, GROUP, "bot", NULL);
	}
	g_key_file_unref(file);
	if (!url || strcmp(url, base_url) != 0 || !o.id || !*o.id) {
		account_owner_clear(&o);
		return -ENOENT;
	}
	*ret_owner = o;
	return 0;
}

/* True if the file has this text already; then only its time is set, which tells that the token
 * is in use. */
static bool is_present(const char *path, const char *text)
{
	_cleanup_gfree_ char *present = NULL;
	_cleanup_close_ int fd = -1;

	return private_read(path, OWNER_FILE_MAX, &present, NULL) == 0 &&
	       strcmp(present, text) == 0 && private_file(path, O_RDONLY, &fd) == 0 &&
	       futimens(fd, NULL) == 0;
}

static int write_owner(const char *path, const char *base_url,
		       const struct account_owner *owner)
{
	GKeyFile *file = g_key_file_new();
	_cleanup_gfree_ char *text = NULL;
	GError *error = NULL;
	int r = 0;

	g_key_file_set_string(file, GROUP, "url", base_url);
	g_key_file_set_string(file, GROUP, "id", owner->id);
	if (owner->email)
		g_key_file_set_string(file, GROUP, "email", owner->email);
	g_key_file_set_boolean(file, GROUP, "bot", owner->is_bot);
	text = g_key_file_to_data(file, NULL, NULL);
	g_key_file_unref(file);
	/* A full disk is no reason to refuse the mount. */
	if (is_present(path, text))
		return 0;
	if (!g_file_set_contents_full(path, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600,
				      &error)) {
		r = g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_NOSPC)   ? -ENOSPC
		    : g_error_matches(error, G_FILE_ERROR, G_FILE_ERROR_ACCES) ? -EACCES
									       : -EIO;
		g_error_free(error);
	}
	return r;
}

int account_owner_of(const struct account_roots *roots, const char *base_url, const char *key,
		     struct account_owner *ret_owner)
{
	_cleanup_gfree_ char *path = g_build_filename(roots->state, key, "account", NULL);

	return read_owner(path, base_url, ret_owner);
}

static int read_folder(const struct account_config *config, const char *key,
		       struct account_owner *ret_owner)
{
	return account_owner_of(config->roots, config->base_url, key, ret_owner);
}

/* The folder of the account on this server whose owner has that address; NULL if there is none, or
 * more than one. Owned. */
static char *find_address(const struct account_config *config, const char *address)
{
	GDir *dir = strchr(address, '@') ? g_dir_open(config->roots->state, 0, NULL) : NULL;
	char *found = NULL;
	const char *name;
	int n = 0;

	while (dir && (name = g_dir_read_name(dir))) {
		struct account_owner o;

		if (read_folder(config, name, &o) < 0)
			continue;
		if (o.email && g_ascii_strcasecmp(o.email, address) == 0 && n++ == 0)
			found = g_strdup(name);
		account_owner_clear(&o);
	}
	if (dir)
		g_dir_close(dir);
	if (n > 1)
		g_clear_pointer(&found, g_free);
	return found;
}

/* The key of the account that -o account= names: a folder's name, else a known address. Owned. */
static char *key_of_name(const struct account_config *config)
{
	struct account_owner o;
	char *key = NULL;

	if (read_folder(config, config->name, &o) == 0)
		account_owner_clear(&o);
	else
		key = find_address(config, config->name);
	return key ? key : g_strdup(config->name);
}

static char *find_suffix(const char *root, const char *suffix)
{
	GDir *dir = root ? g_dir_open(root, 0, NULL) : NULL;
	const char *name;
	char *found = NULL;

	while (dir && !found && (name = g_dir_read_name(dir))) {
		_cleanup_gfree_ char *path = g_build_filename(root, name, NULL);

		if (g_str_has_suffix(name, suffix) && g_file_test(path, G_FILE_TEST_IS_DIR))
			found = g_strdup(name);
	}
	if (dir)
		g_dir_close(dir);
	return found;
}

char *account_suffix(const char *base_url, const char *id)
{
	_cleanup_gfree_ char *text = g_strdup_printf("%s\n%s", base_url, id);
	_cleanup_gfree_ char *hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, text, -1);

	return g_strdup_printf("-%.*s", HASH_DIGITS, hash);
}

/* True if the person says which account it is: the name is an alias, unless there is a folder of that name. */
static bool is_by_person(const struct account_config *config)
{
	struct account_owner o;

	if (!config->is_alias)
		return false;
	if (!config->name || read_folder(config, config->name, &o) < 0)
		return true;
	account_owner_clear(&o);
	return false;
}

/* The server said at the login whose its tokens are, and refreshed ones are the same person's. */
static int recall_person(const struct account_config *config, struct account_owner *ret_owner)
{
	_cleanup_gfree_ char *suffix = account_suffix(config->base_url, config->person_id);
	_cleanup_gfree_ char *key = find_suffix(config->roots->state, suffix);
	int r = key ? read_folder(config, key, ret_owner) : -ENOENT;

	if (r == 0)
		ret_owner->has_token = true;
	return r;
}

int account_recall(const struct account_config *config, struct account_owner *ret_owner)
{
	_cleanup_gfree_ char *path = NULL;
	_cleanup_gfree_ char *key = NULL;

	if (!config->roots->cache)
		return -ENOENT;
	if (config->fingerprint)
		path = g_build_filename(config->roots->cache, "tokens", config->fingerprint,
					NULL);
	if (path && read_owner(path, config->base_url, ret_owner) == 0) {
		ret_owner->has_token = true;
		return 0;
	}
	if (config->person_id && is_by_person(config))
		return recall_person(config, ret_owner);
	if (!config->name)
		return -ENOENT;
	key = key_of_name(config);
	return read_folder(config, key, ret_owner);
}

static bool is_token_name(const char *name)
{
	return private_is_hash_name(name, FINGERPRINT_DIGITS, "");
}

/* Removes files of old tokens, since a token that is renewed each day would leave one each day.
 * Other files there are not ours. */
static void forget_old_tokens(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	time_t limit = time(NULL) - TOKEN_MEMORY_S;
	const struct dirent *entry;
	struct stat st;

	if (!dir && fd >= 0)
		close(fd);
	while (dir && (entry = readdir(dir)))
		if (is_token_name(entry->d_name) &&
		    fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_mtime < limit)
			unlinkat(fd, entry->d_name, 0);
	if (dir)
		closedir(dir);
}

/* ---- folders ---- */

/* True for the names that the folder of an account in the cache has. */
static bool is_cache_name(const char *name)
{
	return g_str_has_prefix(name, "store.db") || strcmp(name, "contents") == 0;
}

static const char *say(int error)
{
	switch (error) {
	case -EPERM:
		return "it belongs to somebody else";
	case -EACCES:
		return "everybody may change what is in it";
	case -ELOOP:
		return "it is a symbolic link";
	default:
		return g_strerror(-error);
	}
}

static int say_folder(const char *path, int error, char **ret_reason)
{
	*ret_reason = g_strdup_printf("cannot use the folder %s: %s", path, say(error));
	return error;
}

/* "<e-mail>-<hash>". The hash identifies the account; the address is for people to read. */
static char *make_key(const struct account_config *config, const struct account_owner *owner)
{
	_cleanup_gfree_ char *suffix = account_suffix(config->base_url, owner->id);
	_cleanup_gfree_ char *name = state_name_of(owner->email ? owner->email : "");
	char *key = find_suffix(config->roots->state, suffix);

	if (!key)
		key = find_suffix(config->roots->cache, suffix);
	if (key)
		return key;
	return g_strconcat(*name ? name : "account", suffix, NULL);
}

char *account_holder(int lock_fd)
{
	char path[PATH_MAX];
	ssize_t n = pread(lock_fd, path, sizeof(path), 0);

	return n > 0 ? g_strndup(path, (gsize)n) : NULL;
}

/* Whether the mount whose path is in the lock file is not there: it ends, or has just begun. */
static bool is_between(int fd)
{
	_cleanup_gfree_ char *path = account_holder(fd);

	return path && mountpoint_is_mounted(path, NULL) == 0;
}

/* 0, -EBUSY, or another error. Waits for a mount that ends, for *left_ms in all. */
static int lock_state(const char *state_dir, const char *mountpoint, int *left_ms, int *ret_fd)
{
	const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000 * 1000};
	_cleanup_gfree_ char *path = g_strconcat(state_dir, ".lock", NULL);
	_cleanup_close_ int fd = -1;
	int r = private_file(path, O_RDWR | O_CREAT, &fd);

	if (r < 0)
		return r;
	r = flock(fd, LOCK_EX | LOCK_NB);
	for (; r < 0 && errno == EWOULDBLOCK && *left_ms > 0 && is_between(fd);
	     *left_ms -= PAUSE_MS) {
		nanosleep(&pause, NULL);
		r = flock(fd, LOCK_EX | LOCK_NB);
	}
	if (r < 0)
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	/* Without it, on a full disk, whoever comes next does not wait. */
	if (ftruncate(fd, 0) == 0 && mountpoint)
		(void)!pwrite(fd, mountpoint, strlen(mountpoint), 0);
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int open_state(const struct account_config *config, struct account *a, char **ret_reason)
{
	const char *root = config->roots->state;
	/* The person may have put the folder elsewhere, with a link to it. */
	int r = private_root(root);
	char *real = r == 0 ? realpath(root, NULL) : NULL;
	int left_ms = END_MS;

	if (r == 0)
		r = real ? private_dir(real, NULL) : -errno;
	free(real);
	if (r < 0)
		return say_folder(root, r, ret_reason);
	r = -EBUSY;
	for (a->number = 1; r == -EBUSY && a->number <= MOUNTS_MAX; a->number++) {
		g_free(a->state_dir);
		a->state_dir = a->number == 1
				       ? g_build_filename(root, a->key, NULL)
				       : g_strdup_printf("%s/%s~%d", root, a->key, a->number);
		r = lock_state(a->state_dir, config->mountpoint, &left_ms, &a->lock_fd);
		if (r == 0)
			break;
	}
	if (r == 0)
		r = private_dir(a->state_dir, NULL);
	return r < 0 ? say_folder(a->state_dir, r, ret_reason) : 0;
}

static int open_cache(const struct account_config *config, struct account *a, char **ret_reason)
{
	_cleanup_gfree_ char *folder = g_build_filename(config->roots->cache, a->key, NULL);
	_cleanup_gfree_ char *tokens = g_build_filename(config->roots->cache, "tokens", NULL);
	const char *where = config->roots->cache;
	int r = private_root(where);

	if (r == 0)
		r = private_dir(where = folder, is_cache_name);
	if (r == 0)
		r = private_dir(where = tokens, is_token_name);
	if (r < 0) {
		*ret_reason =
			g_strdup_printf("cannot use the cache folder %s: %s; choose another by "
					"-o cache=DIR, or -o cache=memory",
					where, say(r));
		return r;
	}
	a->store_path = g_build_filename(folder, "store.db", NULL);
	a->reserve_path = g_build_filename(a->state_dir, "rowids", NULL);
	return 0;
}

static int check_owner(const struct account_config *config, const struct account *a,
		       const struct account_owner *owner, char **ret_reason)
{
	_cleanup_gfree_ char *path =
		g_build_filename(config->roots->state, a->key, "account", NULL);
	struct account_owner other;
	bool is_other;

	if (access(path, F_OK) < 0)
		return 0;
	if (read_owner(path, config->base_url, &other) < 0) {
		*ret_reason = g_strdup_printf(
			"-o account=%s: this name is in use for another server; "
			"choose another",
			a->key);
		return -EEXIST;
	}
	is_other = strcmp(other.id, owner->id) != 0;
	if (is_other)
		*ret_reason = g_strdup_printf(
			"-o account=%s: this name is in use for %s; choose another", a->key,
			account_owner_name(&other));
	account_owner_clear(&other);
	return is_other ? -EEXIST : 0;
}

int account_remember_token(const struct account_config *config,
			   const struct account_owner *owner)
{
	_cleanup_gfree_ char *tokens = NULL;
	_cleanup_gfree_ char *token = NULL;
	int r;

	if (!config->roots->cache || !config->fingerprint)
		return 0;
	tokens = g_build_filename(config->roots->cache, "tokens", NULL);
	token = g_build_filename(tokens, config->fingerprint, NULL);
	r = write_owner(token, config->base_url, owner);
	if (r == 0)
		forget_old_tokens(tokens);
	return r;
}

static int remember(const struct account_config *config, const struct account *a,
		    const struct account_owner *owner, char **ret_reason)
{
	_cleanup_gfree_ char *state =
		g_build_filename(config->roots->state, a->key, "account", NULL);
	int r = write_owner(state, config->base_url, owner);

	if (r < 0)
		return say_folder(a->state_dir, r, ret_reason);
	r = account_remember_token(config, owner);
	return r < 0 ? say_folder(config->roots->cache, r, ret_reason) : 0;
}

int account_open(const struct account_config *config, const struct account_owner *owner,
		 struct account *ret_account, char **ret_reason)
{
	struct account a = {.lock_fd = -1};
	int r;

	a.key = config->name && !is_by_person(config) ? key_of_name(config)
						      : make_key(config, owner);
	r = check_owner(config, &a, owner, ret_reason);
	if (r == 0)
		r = open_state(config, &a, ret_reason);
	if (r == 0 && config->roots->cache)
		r = open_cache(config, &a, ret_reason);
	if (r == 0)
		r = remember(config, &a, owner, ret_reason);
	if (r < 0) {
		account_close(&a);
		return r;
	}
	*ret_account = a;
	return 0;
}

void account_close(struct account *a)
{
	/* The folder of a second mount is removed unless it has something in it. We still have
	 * its lock, so nobody takes it meanwhile. */
	if (a->lock_fd >= 0 && a->number > 1)
		rmdir(a->state_dir);
	if (a->lock_fd >= 0)
		close(a->lock_fd);
	a->lock_fd = -1;
	g_clear_pointer(&a->key, g_free);
	g_clear_pointer(&a->store_path, g_free);
	g_clear_pointer(&a->state_dir, g_free);
	g_clear_pointer(&a->reserve_path, g_free);
}
