/* SPDX-License-Identifier: MIT */
/*
 * The command line: sparkfs [options] [SOURCE] MOUNTPOINT. One table (options.c) with a row an
 * option; man page,
 * --help and README say the same.
 *
 *  1. Nothing is looked at but the words: no file, no environment but $HOME for a leading "~/".
 *  2. What is no option of ours, of libfuse's that we pass on, or of mount(8)'s is refused by
 *     name.
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
	char *mountpoint;    /* as typed */
	char *source;	     /* the first of two words, what mount shows; NULL */
	char *url;	     /* base URL as typed; never NULL */
	char *token_file;    /* absolute, or NULL */
	char *token_command; /* NULL */
	char *cache_dir;     /* absolute; replaces $XDG_CACHE_HOME/sparkfs; NULL */
	bool is_cache_memory;
	char *account;	     /* NULL: named after who the token belongs to */
	char *fsname;	     /* NULL */
	int recent;	     /* newest messages listed of a space; 0: all */
	int cache_messages;  /* whose bodies stay in the cache; 0: all */
	int64_t cache_size;  /* bytes of attachments that stay on disk */
	int rate_per_minute; /* 0: off */
	int timeout_s;
	int scan_timeout_s; /* how long a scan for malware is waited for */
	int poll_s;	    /* between two questions for news; 0: off */
	int idle_s;	    /* without use for so long, and nothing is asked */
	int linger_s;	    /* how long an empty file or a passing one waits here */
	int uid, gid;	    /* -1: the mounter's */
	int umask;
	int max_threads; /* 0: by the processors */
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

/* The text of --help. */
const char *options_help(void);
