/* SPDX-License-Identifier: MIT */
/*
 * libfuse's own parser splits the words, so that "-o a,b", "-oa", backslash escapes and "--"
 * mean what they mean to every FUSE file system. The table below says what each option does.
 */
#define FUSE_USE_VERSION 314

#include "main/options.h"

#include <errno.h>
#include <fuse_opt.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/home.h"
#include "base/state.h"

enum row_type {
	ROW_FLAG,   /* sets a bool */
	ROW_TEXT,   /* keeps the value */
	ROW_PATH,   /* keeps the value as an absolute path */
	ROW_COUNT,  /* a number from min to max; `word` stands for 0 */
	ROW_OCTAL,  /* a number in base 8 */
	ROW_BYTES,  /* an int64_t, with K, M or G behind it or not */
	ROW_PASS,   /* is passed to libfuse unchanged */
	ROW_IGNORE, /* is for mount(8), or always on */
};

struct row {
	const char *name; /* up to the "=" */
	enum row_type type;
	bool has_value;
	size_t offset;
	int min, max;
	const char *word;
};

#define FLAG(name_, field)                                                                     \
	{                                                                                      \
		.name = (name_), .type = ROW_FLAG, .offset = offsetof(struct options, field)   \
	}
#define VALUE(name_, type_, field)                                                             \
	{                                                                                      \
		.name = (name_), .type = (type_), .has_value = true,                           \
		.offset = offsetof(struct options, field)                                      \
	}
#define NUMBER(name_, type_, field, min_, max_, word_)                                         \
	{                                                                                      \
		.name = (name_), .type = (type_), .has_value = true,                           \
		.offset = offsetof(struct options, field), .min = (min_), .max = (max_),       \
		.word = (word_)                                                                \
	}
#define PASS(name_, value_)                                                                    \
	{                                                                                      \
		.name = (name_), .type = ROW_PASS, .has_value = (value_)                       \
	}
#define IGNORE(name_, value_)                                                                  \
	{                                                                                      \
		.name = (name_), .type = ROW_IGNORE, .has_value = (value_)                     \
	}

static const struct row rows[] = {
	VALUE("url", ROW_TEXT, url),
	VALUE("token_file", ROW_PATH, token_file),
	VALUE("token_command", ROW_TEXT, token_command),
	VALUE("cache", ROW_PATH, cache_dir),
	VALUE("account", ROW_TEXT, account),
	VALUE("proxy", ROW_TEXT, proxy),
	VALUE("cacert", ROW_PATH, cacert),
	NUMBER("recent", ROW_COUNT, recent, 1, 1000000, "all"),
	NUMBER("cache_messages", ROW_COUNT, cache_messages, 1, INT_MAX, "all"),
	VALUE("cache_size", ROW_BYTES, cache_size),
	NUMBER("rate", ROW_COUNT, rate_per_minute, 1, 1000000, "off"),
	NUMBER("timeout", ROW_COUNT, timeout_s, 1, 3600, NULL),
	NUMBER("scan_timeout", ROW_COUNT, scan_timeout_s, 1, 86400, NULL),
	NUMBER("poll", ROW_COUNT, poll_s, 1, 86400, "off"),
	NUMBER("idle", ROW_COUNT, idle_s, 1, 86400, NULL),
	NUMBER("linger", ROW_COUNT, linger_s, 1, 86400, NULL),
	NUMBER("uid", ROW_COUNT, uid, 0, INT_MAX, NULL),
	NUMBER("gid", ROW_COUNT, gid, 0, INT_MAX, NULL),
	NUMBER("umask", ROW_OCTAL, umask, 0, 0777, NULL),
	NUMBER("max_threads", ROW_COUNT, max_threads, 1, 1000, NULL),
	FLAG("recursive_delete", is_recursive_delete),
	FLAG("inotify", is_inotify),
	FLAG("unscannable", is_unscannable),
	FLAG("ro", is_read_only),
	FLAG("default_permissions", is_default_permissions),
	VALUE("fsname", ROW_TEXT, fsname),
	PASS("allow_other", false),
	PASS("allow_root", false),
	PASS("auto_unmount", false),
	PASS("max_read", true),
	PASS("noexec", false),
	PASS("atime", false),
	PASS("noatime", false),
	PASS("sync", false),
	PASS("dirsync", false),
	/* always on */
	IGNORE("nosuid", false),
	IGNORE("nodev", false),
	IGNORE("subtype", true),
	/* the defaults; "dev" and "suid" are what mount.fuse adds to every call of root's */
	IGNORE("rw", false),
	IGNORE("dev", false),
	IGNORE("suid", false),
	IGNORE("exec", false),
	IGNORE("async", false),
	IGNORE("relatime", false),
	IGNORE("norelatime", false),
	IGNORE("strictatime", false),
	IGNORE("nostrictatime", false),
	IGNORE("lazytime", false),
	IGNORE("nolazytime", false),
	IGNORE("diratime", false),
	IGNORE("nodiratime", false),
	IGNORE("defaults", false),
	IGNORE("silent", false),
	/* fstab's */
	IGNORE("auto", false),
	IGNORE("noauto", false),
	IGNORE("user", false),
	IGNORE("user", true),
	IGNORE("nouser", false),
	IGNORE("users", false),
	IGNORE("owner", false),
	IGNORE("group", false),
	IGNORE("_netdev", false),
	IGNORE("nofail", false),
	IGNORE("comment", true),
};

/* What takes another one back, beside "no" before its name. "rw" is not here (take_rw). */
static const struct {
	const char *name, *undoes;
} opposites[] = {
	{"exec", "noexec"},
	{"async", "sync"},
	{"async", "dirsync"},
	{"atime", "noatime"},
	{"noatime", "atime"},
	{"allow_other", "allow_root"},
	{"allow_root", "allow_other"},
};

struct parse {
	struct options *options;
	enum options_verdict verdict;
	GPtrArray *words;		       /* the words that are no options */
	char *reason;			       /* the first fault */
	const struct options_preset *preset;   /* whose text is read; NULL: the command line */
	const struct options_preset *token_of; /* the same, of the token that counts */
	const struct options_preset *inotify_of;
	bool says_rw, says_ro; /* the text that is read */
};

static int refuse(struct parse *p, char *reason)
{
	if (!p->reason)
		p->reason = p->preset ? g_strdup_printf("%s: %s", p->preset->where, reason)
				      : g_strdup(reason);
	g_free(reason);
	return -1;
}

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

static int parse_count(struct parse *p, const struct row *row, const char *value,
		       int *ret_number)
{
	int base = row->type == ROW_OCTAL ? 8 : 10;
	char *end;
	long n;

	if (row->word && strcmp(value, row->word) == 0) {
		*ret_number = 0;
		return 0;
	}
	errno = 0;
	n = strtol(value, &end, base);
	if (is_number(value) && !*end && errno == 0 && n >= row->min && n <= row->max) {
		*ret_number = (int)n;
		return 0;
	}
	if (row->type == ROW_OCTAL)
		return refuse(p, g_strdup_printf("-o %s=%s: not a file mode such as 077",
						 row->name, value));
	return refuse(p, g_strdup_printf("-o %s=%s: not a number from %d to %d%s%s", row->name,
					 value, row->min, row->max, row->word ? " or " : "",
					 row->word ? row->word : ""));
}

static int parse_bytes(struct parse *p, const struct row *row, const char *value,
		       int64_t *ret_bytes)
{
	static const char units[] = "KMG";
	const char *unit;
	char *end;
	guint64 n = g_ascii_strtoull(value, &end, 10);
	int shift = 0;

	unit = *end ? strchr(units, g_ascii_toupper(*end)) : NULL;
	if (unit) {
		shift = 10 * (int)(unit - units + 1);
		end++;
	}
	if (!g_ascii_isdigit(*value) || *end || n > (guint64)G_MAXINT64 >> shift)
		return refuse(p, g_strdup_printf("-o %s=%s: not a number of bytes such as 500M "
						 "or 2G",
						 row->name, value));
	*ret_bytes = (int64_t)(n << shift);
	return 0;
}

/* A shell does not expand the tilde of "-o token_file=~/x", and none sees a file. */
static char *absolute_path(const struct parse *p, const char *value)
{
	char *path = p->preset || *value == '~' ? home_path(value) : NULL;

	return path ? path
		    : g_canonicalize_filename(value, p->preset ? p->preset->folder : NULL);
}

/* True if the option, which may have a value, is called so. */
static bool is_called(const char *arg, const char *name)
{
	size_t len = strlen(name);

	return strncmp(arg, name, len) == 0 && (!arg[len] || arg[len] == '=');
}

/* Of two rows with the name of `arg`, that with a value, or without one, as it has. NULL: none. */
static const struct row *find_row(const char *arg)
{
	const struct row *found = NULL;
	bool has_value = strchr(arg, '=') != NULL;

	for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
		if (is_called(arg, rows[i].name) && (!found || rows[i].has_value == has_value))
			found = &rows[i];
	return found;
}

static void take_back(struct parse *p, const struct row *row)
{
	GPtrArray *passed = p->options->passed;

	if (row->type == ROW_FLAG)
		*(bool *)(void *)((char *)p->options + row->offset) = false;
	for (guint i = passed->len; row->type == ROW_PASS && i-- > 0;)
		if (is_called(passed->pdata[i], row->name))
			g_ptr_array_remove_index(passed, i);
}

/* The option that "noNAME" takes back; NULL: that is no such word. */
static const struct row *find_taken_back(const char *arg)
{
	bool is_no = g_str_has_prefix(arg, "no") && !strchr(arg, '=');
	const struct row *row = is_no ? find_row(arg + 2) : NULL;

	return row && !row->has_value && (row->type == ROW_FLAG || row->type == ROW_PASS)
		       ? row
		       : NULL;
}

static bool is_token(const struct row *row)
{
	return (row->type == ROW_PATH && row->offset == offsetof(struct options, token_file)) ||
	       (row->type == ROW_TEXT &&
		row->offset == offsetof(struct options, token_command));
}

static void drop_token(struct options *o)
{
	g_clear_pointer(&o->token_file, g_free);
	g_clear_pointer(&o->token_command, g_free);
}

/* Ends what of the weaker ones the option replaces. */
static void replace(struct parse *p, const struct row *row)
{
	for (size_t i = 0; i < G_N_ELEMENTS(opposites); i++)
		if (strcmp(row->name, opposites[i].name) == 0)
			take_back(p, find_row(opposites[i].undoes));
	if (row->type == ROW_PASS)
		take_back(p, row);
	/* Said together they are a mistake. */
	if (strcmp(row->name, "ro") == 0 && p->inotify_of != p->preset)
		p->options->is_inotify = false;
	if (strcmp(row->name, "inotify") == 0)
		p->inotify_of = p->preset;
	if (is_token(row) && p->token_of != p->preset)
		drop_token(p->options);
	if (is_token(row))
		p->token_of = p->preset;
}

static int take_row(struct parse *p, const struct row *row, const char *arg, const char *value)
{
	char *field = (char *)p->options + row->offset;

	switch (row->type) {
	case ROW_FLAG:
		*(bool *)(void *)field = true;
		break;
	case ROW_TEXT:
	case ROW_PATH:
		if (!*value)
			return refuse(p, g_strdup_printf("-o %s= needs a value", row->name));
		g_free(*(char **)(void *)field);
		*(char **)(void *)field =
			row->type == ROW_PATH ? absolute_path(p, value) : g_strdup(value);
		break;
	case ROW_COUNT:
	case ROW_OCTAL:
		return parse_count(p, row, value, (int *)(void *)field);
	case ROW_BYTES:
		return parse_bytes(p, row, value, (int64_t *)(void *)field);
	case ROW_PASS:
		g_ptr_array_add(p->options->passed, g_strdup(arg));
		break;
	case ROW_IGNORE:
		break;
	}
	return 0;
}

static int take_mount_option(struct parse *p, const char *arg)
{
	const char *equals = strchr(arg, '=');
	const struct row *found, *taken_back;

	/* Comments to mount(8) and systemd. */
	if (g_str_has_prefix(arg, "x-") || g_str_has_prefix(arg, "X-"))
		return 0;
	if (strcmp(arg, "cache=memory") == 0) {
		p->options->is_cache_memory = true;
		g_clear_pointer(&p->options->cache_dir, g_free);
		return 0;
	}
	found = find_row(arg);
	taken_back = found ? NULL : find_taken_back(arg);
	if (taken_back) {
		take_back(p, taken_back);
		return 0;
	}
	if (!found)
		return refuse(p, g_strdup_printf("unknown option -o %s", arg));
	if (found->has_value && !equals)
		return refuse(p, g_strdup_printf("-o %s needs a value", arg));
	if (!found->has_value && equals)
		return refuse(p, g_strdup_printf("-o %s takes no value", found->name));
	if (found->offset == offsetof(struct options, cache_dir) && found->type == ROW_PATH)
		p->options->is_cache_memory = false;
	if (p->preset && (is_called(arg, "url") || is_called(arg, "account")))
		return refuse(p, g_strdup_printf("-o %s does not stand here: %s", arg,
						 *arg == 'u' ? "url= is a key of the group"
							     : "it is the name of a group"));
	p->says_rw |= is_called(arg, "rw");
	p->says_ro |= is_called(arg, "ro");
	replace(p, found);
	return take_row(p, found, arg, equals ? equals + 1 : "");
}

static int take_word(struct parse *p, const char *arg)
{
	if (strcmp(arg, "-f") == 0)
		p->options->is_foreground = true;
	else if (strcmp(arg, "-d") == 0)
		p->options->is_debug = p->options->is_foreground = true;
	else if (strcmp(arg, "-h") == 0 || strcmp(arg, "--help") == 0)
		p->verdict = OPTIONS_HELP;
	else if (strcmp(arg, "-V") == 0 || strcmp(arg, "--version") == 0)
		p->verdict = p->verdict == OPTIONS_HELP ? OPTIONS_HELP : OPTIONS_VERSION;
	else
		return refuse(p, g_strdup_printf("unknown option %s", arg));
	return 0;
}

/* fuse_opt_parse calls this for each word. Always returns 0: the first fault is kept, and a
 * --help behind it still counts. */
static int take(void *data, const char *arg, int key, struct fuse_args *out)
{
	struct parse *p = data;

	(void)out;
	if (key == FUSE_OPT_KEY_NONOPT)
		g_ptr_array_add(p->words, g_strdup(arg));
	/* In a configuration only what can stand behind -o: --help would leave no mount point. */
	else if (arg[0] == '-' && !p->preset)
		(void)take_word(p, arg);
	else
		(void)take_mount_option(p, arg);
	return 0;
}

static bool is_url(const char *text)
{
	return g_str_has_prefix(text, "https://") || g_str_has_prefix(text, "http://");
}

static int take_source(struct parse *p, const char *source)
{
	struct options *o = p->options;

	if (is_url(source)) {
		if (o->url && strcmp(o->url, source) != 0)
			return refuse(p, g_strdup_printf("the source %s and -o url=%s differ",
							 source, o->url));
		if (!o->url)
			o->url = g_strdup(source);
	} else if (strchr(source, '/')) {
		return refuse(p, g_strdup_printf("%s: a source is an https:// address, or any "
						 "word, such as \"sparkfs\"",
						 source));
	}
	o->source = g_strdup(source);
	return 0;
}

/* At the end of a text: "rw" takes back the "ro" of a weaker one. */
static void take_rw(struct parse *p)
{
	if (p->says_rw && !p->says_ro)
		p->options->is_read_only = false;
	p->says_rw = p->says_ro = false;
}

static int take_words(struct parse *p)
{
	guint n = p->words->len;

	/* With a source it is mount(8) that says rw, of itself. */
	if (n < 2)
		take_rw(p);
	/* The configuration has one, or a login its own (where.h). */
	if (n == 0 && p->options->account)
		return 0;
	if (n == 0)
		return refuse(p, g_strdup("no mount point given"));
	if (n > 2)
		return refuse(p, g_strdup_printf("too many arguments: %s",
						 (char *)g_ptr_array_index(p->words, 2)));
	if (!*(char *)g_ptr_array_index(p->words, n - 1))
		return refuse(p, g_strdup("the mount point is an empty word"));
	if (n == 2 && take_source(p, g_ptr_array_index(p->words, 0)) < 0)
		return -1;
	p->options->mountpoint = g_strdup(g_ptr_array_index(p->words, n - 1));
	return 0;
}

static void run_parser(int argc, const char *const *argv, struct parse *p)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);

	for (int i = 0; i < argc; i++)
		fuse_opt_add_arg(&args, argv[i]);
	/* The one fault that libfuse would report itself, on stderr. */
	if (argc > 1 && strcmp(argv[argc - 1], "-o") == 0)
		(void)refuse(p, g_strdup("-o needs an argument"));
	else if (fuse_opt_parse(&args, p, NULL, take) < 0)
		(void)refuse(p, g_strdup("the options cannot be read"));
	fuse_opt_free_args(&args);
}

/* No name has a slash; systemd's %I makes one of each dash. False: that is no name, and is left alone. */
static bool take_name(char *name)
{
	_cleanup_gfree_ char *dashes = g_strdelimit(g_strdup(name), "/", '-');

	if (!state_name_is_good(dashes))
		return false;
	strcpy(name, dashes);
	return true;
}

static void finish(struct parse *p)
{
	struct options *o = p->options;

	if (p->verdict != OPTIONS_MOUNT) {
		g_clear_pointer(&p->reason, g_free);
		return;
	}
	if (p->reason || take_words(p) < 0)
		return;
	o->has_url = o->url != NULL;
	if (!o->url)
		o->url = g_strdup(OPTIONS_DEFAULT_URL);
	if (o->is_inotify && o->is_read_only)
		(void)refuse(p, g_strdup("-o inotify needs a mount that can be written to, not "
					 "-o ro"));
	if (o->account && !take_name(o->account))
		(void)refuse(
			p, g_strdup_printf("-o account=%s: only letters, digits and @._+-, at "
					   "most 64 of them",
					   o->account));
}

static void run_preset(const struct options_preset *preset, struct parse *p)
{
	const char *const argv[] = {"sparkfs", "-o", preset->text};

	p->preset = preset;
	run_parser(G_N_ELEMENTS(argv), argv, p);
	take_rw(p);
	p->preset = NULL;
}

/* With an account, the token that is meant for mounts without one has no say. */
static void drop_default_token(struct parse *p, bool has_account)
{
	if (p->token_of && p->token_of->is_default && (has_account || p->options->account))
		drop_token(p->options);
}

int options_parse_over(const struct options_preset *presets, size_t n, int argc,
		       const char *const *argv, struct options *ret_options,
		       enum options_verdict *ret_verdict, char **ret_reason)
{
	struct options o = {
		.recent = OPTIONS_DEFAULT_RECENT,
		.cache_messages = OPTIONS_DEFAULT_CACHE_MESSAGES,
		.rate_per_minute = OPTIONS_DEFAULT_RATE,
		.timeout_s = OPTIONS_DEFAULT_TIMEOUT_S,
		.poll_s = OPTIONS_DEFAULT_POLL_S,
		.idle_s = OPTIONS_DEFAULT_IDLE_S,
		.linger_s = OPTIONS_DEFAULT_LINGER_S,
		.cache_size = OPTIONS_DEFAULT_CACHE_SIZE,
		.scan_timeout_s = OPTIONS_DEFAULT_SCAN_TIMEOUT_S,
		.uid = -1,
		.gid = -1,
		.umask = 022,
		.passed = g_ptr_array_new_with_free_func(g_free),
	};
	struct parse p = {.options = &o, .words = g_ptr_array_new_with_free_func(g_free)};
	bool has_account = false;

	for (size_t i = 0; i < n; i++) {
		run_preset(&presets[i], &p);
		has_account |= !presets[i].is_default;
	}
	run_parser(argc, argv, &p);
	drop_default_token(&p, has_account);
	finish(&p);
	g_ptr_array_unref(p.words);
	if (p.reason) {
		options_clear(&o);
		*ret_reason = p.reason;
		return -EINVAL;
	}
	*ret_options = o;
	*ret_verdict = p.verdict;
	return 0;
}

int options_parse(int argc, const char *const *argv, struct options *ret_options,
		  enum options_verdict *ret_verdict, char **ret_reason)
{
	return options_parse_over(NULL, 0, argc, argv, ret_options, ret_verdict, ret_reason);
}

int options_check_preset(const struct options_preset *preset, char **ret_reason)
{
	const char *const argv[] = {"sparkfs", "/"};
	enum options_verdict verdict;
	struct options o;
	int r = options_parse_over(preset, 1, G_N_ELEMENTS(argv), argv, &o, &verdict,
				   ret_reason);

	if (r == 0)
		options_clear(&o);
	return r;
}

void options_clear(struct options *o)
{
	g_free(o->mountpoint);
	g_free(o->source);
	g_free(o->url);
	g_free(o->token_file);
	g_free(o->token_command);
	g_free(o->cache_dir);
	g_free(o->account);
	if (o->proxy)
		explicit_bzero(o->proxy, strlen(o->proxy));
	g_free(o->proxy);
	g_free(o->cacert);
	g_free(o->fsname);
	if (o->passed)
		g_ptr_array_unref(o->passed);
	*o = (struct options){0};
}
