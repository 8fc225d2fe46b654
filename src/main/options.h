/* SPDX-License-Identifier: MIT */
/*
 * The command line: sparkfs [options] [[SOURCE] MOUNTPOINT]. One table (options.c) has a row for
 * each option; the man page, --help and README say the same. What a configuration says of options is read
 * by the same table, behind it (main/settings.h).
 *
 *  1. Only the words are looked at: no file, and of the environment only $HOME for a leading
 *     "~/".
 *  2. Refused by name is each option that is not ours, not one of libfuse's that we pass on,
 *     and not one of mount(8)'s.
 *  3. Text is owned by the struct; numbers are checked for their range here.
 * Thread rule: the main thread, before there are others.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define OPTIONS_DEFAULT_URL "https://webexapis.com/v1"
#define OPTIONS_DEFAULT_RECENT 1000
#define OPTIONS_DEFAULT_CACHE_MESSAGES 1000000
#define OPTIONS_DEFAULT_RATE 300
#define OPTIONS_DEFAULT_TIMEOUT_S 30
#define OPTIONS_DEFAULT_POLL_S 30
#define OPTIONS_DEFAULT_IDLE_S 600
#define OPTIONS_DEFAULT_LINGER_S 600
#define OPTIONS_DEFAULT_CACHE_SIZE (INT64_C(2) << 30)
#define OPTIONS_DEFAULT_SCAN_TIMEOUT_S 60

struct options {
	/* As typed; NULL: with `account` alone, it is that of the configuration, or the login's (where.h). */
	char *mountpoint;
	char *source;	     /* the first of two words, which mount shows; NULL */
	char *url;	     /* base URL as typed; never NULL */
	bool has_url;	     /* it was typed */
	char *token_file;    /* absolute, or NULL */
	char *token_command; /* NULL */
	char *cache_dir;     /* absolute; replaces $XDG_CACHE_HOME/sparkfs; NULL */
	bool is_cache_memory;
	char *proxy;		    /* "off": none; NULL: by the environment */
	char *cacert;		    /* absolute; NULL: by the environment */
	char *account;		    /* NULL: named after the owner of the token */
	bool is_account_configured; /* it is the name of a group of the configuration */
	char *fsname;		    /* NULL */
	int recent;	     /* how many of a space's newest messages are listed; 0: all */
	int cache_messages;  /* how many bodies stay in the cache; 0: all */
	int64_t cache_size;  /* bytes of attachments that stay on disk */
	int rate_per_minute; /* 0: off */
	int timeout_s;
	int scan_timeout_s; /* how long to wait for a scan for malware */
	int poll_s;	    /* seconds between two polls; 0: off */
	int idle_s;	    /* polls end after so long without use */
	int linger_s;	    /* how long an empty file or a scratch file waits here */
	int uid, gid;	    /* -1: the mounter's */
	int umask;
	int max_threads;	     /* 0: according to the processors */
	bool is_default_permissions; /* asked for by name */
	bool is_read_only, is_recursive_delete, is_inotify, is_unscannable;
	bool is_foreground, is_debug;
	GPtrArray *passed; /* of char *: -o options for libfuse */
};

enum options_verdict { OPTIONS_MOUNT, OPTIONS_HELP, OPTIONS_VERSION };

/*
 * 0, or -EINVAL for a usage error: one line without "sparkfs:" in *ret_reason (owned).
 * `ret_options` is filled on success only; options_clear it.
 */
int options_parse(int argc, const char *const *argv, struct options *ret_options,
		  enum options_verdict *ret_verdict, char **ret_reason);
void options_clear(struct options *o);

/* Options that stand in a file, and that those behind them win over. */
struct options_preset {
	const char *text;   /* as behind -o */
	const char *where;  /* for words: the file, the group and the key */
	const char *folder; /* at which relative paths begin */
	bool is_default;    /* not of one account: its token is for mounts without a login */
};
/*
 * The same over presets, the weakest first. An option wins over the same one that stands before it, a token
 * over each token, and what takes an option back ("rw", "no" and its name) over that option.
 */
int options_parse_over(const struct options_preset *presets, size_t n, int argc,
		       const char *const *argv, struct options *ret_options,
		       enum options_verdict *ret_verdict, char **ret_reason);
/* 0, or -EINVAL: what is wrong with one preset, behind its `where`. */
int options_check_preset(const struct options_preset *preset, char **ret_reason);

/*
 * True if the kernel must check the modes of the files (default_permissions), which belong to
 * `mounter` unless the options say otherwise. Where it does not, each request comes to us, and a
 * refusal has words (fs/why.h). It need not where the modes let nobody do less than the mounter, and
 * nobody else gets in: neither allow_other nor allow_root, which the kernel sees to. For root it
 * always does: root is let through in any case, unless it has given up the capability for it.
 */
bool options_need_kernel(const struct options *o, uid_t mounter);

/* The text of --help. */
const char *options_help(void);
