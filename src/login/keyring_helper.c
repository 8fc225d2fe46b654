/* SPDX-License-Identifier: MIT */
/*
 * sparkfs-keyring, a program of its own below libexecdir: reads, writes and removes the items of logins in
 * the Secret Service (design 2.8). login/keyring.c runs it, one call a process, so that libsecret and the
 * threads of GDBus are in no process that lives longer, and a machine without libsecret lacks nothing else.
 *
 *     check                    whether the keyring would take an item now
 *     get ITEM                 prints the secret
 *     set FOLDER NAME ITEM     makes what standard input has the secret
 *     drop FOLDER NAME KEPT GONE
 *                              removes all items of that login but KEPT, and GONE (both may be empty)
 *
 * A mount that goes on after an upgrade runs the new one: so these are for ever.
 * An item is found by its id, which is random, and of a login that lost its file by its name and FOLDER, that
 * of the logins: two of them may have the same names. The exit status is one of
 * keyring_helper.h; with KEYRING_FAILED it prints why. It never asks the person for anything: what would
 * need a prompt ends as KEYRING_LOCKED.
 */
#include <libsecret/secret.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "login/keyring_helper.h"

/* Whoever started us waits less long, and may be gone. */
#define LIFE_S 30

static const SecretSchema schema = {
	.name = "org.sparkfs.Login",
	.flags = SECRET_SCHEMA_NONE,
	.attributes =
		{
			{"folder", SECRET_SCHEMA_ATTRIBUTE_STRING},
			{"name", SECRET_SCHEMA_ATTRIBUTE_STRING},
			{"item", SECRET_SCHEMA_ATTRIBUTE_STRING},
			{NULL, 0},
		},
};

/* ---- a service that never prompts ---- */

typedef struct {
	SecretService parent;
} QuietService;
typedef struct {
	SecretServiceClass parent;
} QuietServiceClass;

GType quiet_service_get_type(void);
G_DEFINE_TYPE(QuietService, quiet_service, SECRET_TYPE_SERVICE)

static GError *needs_prompt(void)
{
	return g_error_new_literal(SECRET_ERROR, SECRET_ERROR_IS_LOCKED, "it is locked");
}

static GVariant *refuse_prompt(SecretService *self, SecretPrompt *prompt,
			       GCancellable *cancellable, const GVariantType *type,
			       GError **error)
{
	(void)self;
	(void)prompt;
	(void)cancellable;
	(void)type;
	g_propagate_error(error, needs_prompt());
	return NULL;
}

static void refuse_prompt_later(SecretService *self, SecretPrompt *prompt,
				const GVariantType *type, GCancellable *cancellable,
				GAsyncReadyCallback done, gpointer arg)
{
	GTask *task = g_task_new(self, cancellable, done, arg);

	(void)prompt;
	(void)type;
	g_task_return_error(task, needs_prompt());
	g_object_unref(task);
}

static GVariant *finish_prompt(SecretService *self, GAsyncResult *result, GError **error)
{
	(void)self;
	return g_task_propagate_pointer(G_TASK(result), error);
}

static void quiet_service_class_init(QuietServiceClass *class)
{
	class->parent.prompt_sync = refuse_prompt;
	class->parent.prompt_async = refuse_prompt_later;
	class->parent.prompt_finish = finish_prompt;
}

static void quiet_service_init(QuietService *self)
{
	(void)self;
}

/* ---- what came of it ---- */

static void print(const char *text, gsize len)
{
	while (len > 0) {
		ssize_t n = write(STDOUT_FILENO, text, len);

		if (n < 0)
			_exit(KEYRING_FAILED);
		text += n;
		len -= (gsize)n;
	}
}

static int failed(GError *error)
{
	int status = KEYRING_FAILED;

	if (g_error_matches(error, SECRET_ERROR, SECRET_ERROR_IS_LOCKED)) {
		status = KEYRING_LOCKED;
	} else if (g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN) ||
		   g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER)) {
		status = KEYRING_NONE;
	} else {
		g_dbus_error_strip_remote_error(error);
		print(error->message, strlen(error->message));
	}
	g_error_free(error);
	return status;
}

/* ---- the service ---- */

static gboolean is_socket_of_ours(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_uid == geteuid();
}

/* GDBus starts a bus of its own if it knows none. That of the person is known also to what fstab mounts,
 * without the environment of a session. */
static gboolean find_bus(void)
{
	const char *address = g_getenv("DBUS_SESSION_BUS_ADDRESS");
	char *path;
	gboolean is_found;

	if (address && *address)
		return TRUE;
	path = g_strdup_printf("%s/bus", g_get_user_runtime_dir());
	is_found = is_socket_of_ours(path);
	if (!is_found) {
		g_free(path);
		path = g_strdup_printf("/run/user/%u/bus", geteuid());
		is_found = is_socket_of_ours(path);
	}
	if (is_found) {
		char *escaped = g_dbus_address_escape_value(path);
		char *found = g_strdup_printf("unix:path=%s", escaped);

		g_setenv("DBUS_SESSION_BUS_ADDRESS", found, TRUE);
		g_free(found);
		g_free(escaped);
	}
	g_free(path);
	return is_found;
}

/* The collection in which new items are made. NULL with a status. */
static SecretCollection *open_default(SecretService *service, int *ret_status)
{
	GError *error = NULL;
	SecretCollection *found = secret_collection_for_alias_sync(
		service, SECRET_COLLECTION_DEFAULT, SECRET_COLLECTION_NONE, NULL, &error);

	*ret_status = 0;
	if (error)
		*ret_status = failed(error);
	else if (!found)
		*ret_status = KEYRING_NO_DEFAULT;
	else if (secret_collection_get_locked(found))
		*ret_status = KEYRING_LOCKED;
	if (*ret_status == 0)
		return found;
	g_clear_object(&found);
	return NULL;
}

/* Each may be NULL: any. */
static GHashTable *attributes_of(char *folder, char *name, char *item)
{
	GHashTable *attributes = g_hash_table_new(g_str_hash, g_str_equal);

	if (folder)
		g_hash_table_insert(attributes, (gpointer) "folder", folder);
	if (name)
		g_hash_table_insert(attributes, (gpointer) "name", name);
	if (item)
		g_hash_table_insert(attributes, (gpointer) "item", item);
	return attributes;
}

/* The items with these attributes: SecretItem, to be freed with g_object_unref. */
static int find(SecretService *service, char *folder, char *name, char *item, GList **ret_items)
{
	GHashTable *attributes = attributes_of(folder, name, item);
	GError *error = NULL;

	*ret_items = secret_service_search_sync(service, &schema, attributes, SECRET_SEARCH_ALL,
						NULL, &error);
	g_hash_table_unref(attributes);
	return error ? failed(error) : 0;
}

static void free_items(GList *items)
{
	g_list_free_full(items, g_object_unref);
}

/* ---- what can be asked for ---- */

static int check(SecretService *service, char **args)
{
	int status;
	SecretCollection *found = open_default(service, &status);

	(void)args;
	g_clear_object(&found);
	return status;
}

static int print_secret(SecretItem *item)
{
	GError *error = NULL;
	SecretValue *value;
	const char *text;
	gsize len;

	if (secret_item_get_locked(item))
		return KEYRING_LOCKED;
	if (!secret_item_load_secret_sync(item, NULL, &error))
		return failed(error);
	value = secret_item_get_secret(item);
	if (!value)
		return KEYRING_LOCKED;
	text = secret_value_get(value, &len);
	print(text, len);
	secret_value_unref(value);
	return 0;
}

static int get(SecretService *service, char **args)
{
	GList *items;
	int status = find(service, NULL, NULL, args[0], &items);

	if (status == 0 && items)
		status = print_secret(items->data);
	/* Some services show nothing of what is locked, not even that there is something. */
	else if (status == 0 && (status = check(service, NULL)) == 0)
		status = KEYRING_ABSENT;
	free_items(items);
	return status;
}

static SecretValue *read_secret(void)
{
	static char text[KEYRING_SECRET_MAX];
	SecretValue *value;
	gsize len = 0;
	ssize_t n = 1;

	while (len < sizeof(text) && n > 0) {
		n = read(STDIN_FILENO, text + len, sizeof(text) - len);
		len += n > 0 ? (gsize)n : 0;
	}
	value = secret_value_new(text, (gssize)len, "application/json");
	explicit_bzero(text, sizeof(text));
	return value;
}

static int make(SecretService *service, char **args, SecretValue *value)
{
	GHashTable *attributes = attributes_of(args[0], args[1], args[2]);
	GError *error = NULL;
	int status;
	SecretCollection *collection = open_default(service, &status);
	char *label = g_strdup_printf("sparkfs login %s", args[1]);
	SecretItem *item = NULL;

	if (collection) {
		item = secret_item_create_sync(collection, &schema, attributes, label, value,
					       SECRET_ITEM_CREATE_REPLACE, NULL, &error);
		status = error ? failed(error) : 0;
	}
	g_clear_object(&item);
	g_clear_object(&collection);
	g_hash_table_unref(attributes);
	g_free(label);
	return status;
}

static int set(SecretService *service, char **args)
{
	SecretValue *value = read_secret();
	GError *error = NULL;
	GList *items;
	int status = find(service, NULL, NULL, args[2], &items);

	/* The person may have moved it to another collection. */
	if (status == 0 && items && secret_item_get_locked(items->data))
		status = KEYRING_LOCKED;
	else if (status == 0 && items)
		status = secret_item_set_secret_sync(items->data, value, NULL, &error)
				 ? 0
				 : failed(error);
	else if (status == 0)
		status = make(service, args, value);
	secret_value_unref(value);
	free_items(items);
	return status;
}

static int drop_one(SecretItem *item, const char *kept)
{
	GHashTable *attributes = secret_item_get_attributes(item);
	const char *id = g_hash_table_lookup(attributes, "item");
	gboolean is_kept = id && strcmp(id, kept) == 0;
	GError *error = NULL;

	g_hash_table_unref(attributes);
	if (is_kept)
		return 0;
	if (secret_item_get_locked(item))
		return KEYRING_LOCKED;
	return secret_item_delete_sync(item, NULL, &error) ? 0 : failed(error);
}

static int drop_found(SecretService *service, char *folder, char *name, char *item,
		      const char *kept, gboolean *has_found)
{
	GList *items;
	int status = find(service, folder, name, item, &items);

	*has_found |= items != NULL;
	for (GList *i = items; status == 0 && i; i = i->next)
		status = drop_one(i->data, kept);
	free_items(items);
	return status;
}

static int drop(SecretService *service, char **args)
{
	gboolean has_found = FALSE;
	int status = 0;

	/* The folder may have had another name when it was made. */
	if (*args[3])
		status = drop_found(service, NULL, NULL, args[3], args[2], &has_found);
	if (status == 0)
		status = drop_found(service, args[0], args[1], NULL, args[2], &has_found);
	/* Some services show nothing of what is locked. */
	if (status == 0 && !has_found)
		status = check(service, NULL);
	return status;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int n_args;
		int (*fn)(SecretService *service, char **args);
	} commands[] = {
		{"check", 0, check},
		{"get", 1, get},
		{"set", 3, set},
		{"drop", 4, drop},
	};
	const struct rlimit none = {0, 0};
	GError *error = NULL;
	SecretService *service;
	int status = KEYRING_USAGE;

	/* No secret in a core dump, and none that another process could look at. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)alarm(LIFE_S);
	if (!find_bus())
		return KEYRING_NONE;
	service = secret_service_open_sync(quiet_service_get_type(), NULL,
					   SECRET_SERVICE_OPEN_SESSION, NULL, &error);
	if (!service)
		return failed(error);
	for (size_t i = 0; argc > 1 && i < G_N_ELEMENTS(commands); i++)
		if (strcmp(argv[1], commands[i].name) == 0 && argc - 2 == commands[i].n_args)
			status = commands[i].fn(service, argv + 2);
	g_object_unref(service);
	return status;
}
