/* SPDX-License-Identifier: MIT */
/*
 * The command line: sparkfs [options] [SOURCE] MOUNTPOINT. One table (options.c) has a row for
 * each option; the man page, --help and README say the same.
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
	char *mountpoint;    /* as typed; NULL: that of the login `account` (where.h) */
	char *source;	     /* the first of two words, which mount shows; NULL */
	char *url;	     /* base URL as typed; never NULL */
	bool has_url;	     /* it was typed */
	char *token_file;    /* absolute, or NULL */
	char *token_command; /* NULL */
	char *cache_dir;     /* absolute; replaces $XDG_CACHE_HOME/sparkfs; NULL */
	bool is_cache_memory;
	char *proxy;	     /* "off": none; NULL: by the environment */
	char *cacert;	     /* absolute; NULL: by the environment */
	char *account;	     /* NULL: named after the owner of the token */
	char *fsname;	     /* NULL */
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
