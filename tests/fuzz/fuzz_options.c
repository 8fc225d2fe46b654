/* SPDX-License-Identifier: MIT */
/* The command line: each line of the input is a word. */
#include <glib.h>

#include "fuzz.h"
#include "main/options.h"

static void check_options(const struct options *o)
{
	fuzz_check(o->mountpoint && *o->mountpoint && o->url);
	fuzz_check(!o->token_file || *o->token_file == '/');
	fuzz_check(!o->cache_dir || *o->cache_dir == '/');
	fuzz_check(!(o->cache_dir && o->is_cache_memory));
	fuzz_check(!o->account || (*o->account != '.' && !strchr(o->account, '/')));
	fuzz_check(o->recent >= 0 && o->recent <= 1000000 && o->cache_size >= 0);
	fuzz_check(o->timeout_s >= 1 && o->timeout_s <= 3600 && o->rate_per_minute >= 0);
	fuzz_check(o->poll_s >= 0 && o->idle_s >= 1 && o->linger_s >= 1 &&
		   o->scan_timeout_s >= 1);
	fuzz_check(o->uid >= -1 && o->gid >= -1 && (o->umask & ~0777) == 0);
	fuzz_check(!(o->is_inotify && o->is_read_only));
	/* What libfuse gets is one option a word. */
	for (guint i = 0; i < o->passed->len; i++)
		fuzz_check(*(const char *)g_ptr_array_index(o->passed, i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	char **lines = g_strsplit(text, "\n", 64);
	GPtrArray *words = g_ptr_array_new();
	enum options_verdict verdict = OPTIONS_MOUNT;
	struct options o = {0};
	char *reason = NULL;
	int r;

	g_ptr_array_add(words, (char *)"sparkfs");
	for (char **p = lines; *p; p++)
		g_ptr_array_add(words, *p);
	r = options_parse((int)words->len, (const char *const *)words->pdata, &o, &verdict,
			  &reason);
	fuzz_check(r == 0 ? !reason : reason && *reason);
	if (r == 0 && verdict == OPTIONS_MOUNT)
		check_options(&o);
	if (r == 0)
		options_clear(&o);
	g_free(reason);
	g_ptr_array_unref(words);
	g_strfreev(lines);
	free(text);
	return 0;
}
