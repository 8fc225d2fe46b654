/* SPDX-License-Identifier: MIT */
/*
 * Random interleavings of what people do here and elsewhere, of what servers, networks and mounts do wrong, against the
 * real store, pager and tree. At every quiet point the tree equals the server; at every moment no interval that is said to
 * be known lacks a message, and the kernel was told of what it would answer wrongly.
 *
 *	property [--seed N] [--runs N] [--trace]
 *
 * A run is told by its seed alone: --seed N --runs 1 is the very run that failed.
 */
#include <glib/gstdio.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "acts.h"
#include "base/log.h"
#include "caches.h"
#include "check.h"
#include "dice.h"
#include "fake_time.h"
#include "model.h"
#include "mount.h"
#include "readers.h"
#include "report.h"
#include "wire.h"

/* Between two quiet points. */
#define ACTS_MAX 120
#define QUIETS_MAX 4

static uint64_t seed;
static int64_t acted, quiets;
static bool is_tracing;
static char *folder;

void report(const char *format, ...)
{
	va_list ap;

	printf("FAILED: seed %" G_GUINT64_FORMAT ", after %" G_GINT64_FORMAT " acts: ", seed,
	       acted);
	va_start(ap, format);
	vprintf(format, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	abort();
}

void trace(const char *format, ...)
{
	va_list ap;

	if (!is_tracing)
		return;
	fprintf(stderr, "%" G_GINT64_FORMAT " %" G_GINT64_FORMAT ": ", acted, time_mono());
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fprintf(stderr, "\n");
}

static int any_recent(void)
{
	static const int recents[] = {0, 1, 3, 5, 10, 50};

	return recents[dice(G_N_ELEMENTS(recents))];
}

static void populate(void)
{
	for (int n = (int)dice_between(1, 3); n > 0; n--)
		model_add_room(dice_percent(80) ? WEBEX_ROOM_GROUP : WEBEX_ROOM_DIRECT,
			       (int)dice(dice_percent(20) ? 120 : 30), (int)dice(10));
}

static void run_one(void)
{
	dice_seed(seed);
	time_reset();
	time_skew_ms = dice_between(-600000, 600000);
	wire_start();
	model_start();
	model.ties_max = (int)dice_between(
		1,
		MIN(model.hidden_percent || model.broken_percent ? wire.cap : 2 * wire.cap - 1,
		    12));
	/* A client may take two pages without anything new for a circle. */
	wire.repeats &= !model.hidden_percent && !model.broken_percent;
	populate();
	caches_start();
	check_start();
	acts_start();
	mount_start(folder, any_recent(), dice_percent(50) ? 30000 : 0);
	acted = 0;
	for (int64_t n = dice_between(1, QUIETS_MAX); n > 0; n--) {
		for (int64_t i = dice_between(5, ACTS_MAX); i > 0; i--) {
			act();
			acted++;
			check_spans();
			readers_check();
			if (dice_percent(10))
				caches_check();
		}
		trace("quiet");
		check_quiet();
		quiets++;
	}
	mount_stop();
	/* What was to happen later, of walkers and of own changes. */
	time_pass(INT64_C(10000000));
	check_stop();
	caches_stop();
	model_stop();
	wire_stop();
}

int main(int argc, char **argv)
{
	uint64_t first = 1;
	int64_t runs = 100, operations = 0, requests = 0, faults = 0, lies = 0, mounts = 0,
		all = 0;
	time_t begin = time(NULL);

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--trace") == 0)
			is_tracing = true;
		else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			first = g_ascii_strtoull(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--runs") == 0 && i + 1 < argc)
			runs = g_ascii_strtoll(argv[++i], NULL, 10);
		else
			return fprintf(stderr, "usage: property [--seed N] [--runs N] "
					       "[--trace]\n"),
			       2;
	}
	if (!is_tracing)
		log_set_level(LOG_LEVEL_ERROR);
	setenv("TZ", "UTC", 1);
	folder = g_dir_make_tmp("property-XXXXXX", NULL);
	for (seed = first; seed < first + (uint64_t)runs; seed++) {
		run_one();
		all += acted;
		operations += mount.operations;
		mounts += mount.opens;
		requests += wire.requests;
		faults += wire.faults;
		lies += wire.lies;
	}
	g_rmdir(folder);
	printf("%" G_GINT64_FORMAT " interleavings (seeds %" G_GUINT64_FORMAT " to "
	       "%" G_GUINT64_FORMAT "): %" G_GINT64_FORMAT " acts, %" G_GINT64_FORMAT
	       " operations, %" G_GINT64_FORMAT " mounts, %" G_GINT64_FORMAT " requests, "
	       "%" G_GINT64_FORMAT " faults, %" G_GINT64_FORMAT " lies; %" G_GINT64_FORMAT
	       " quiet points with "
	       "%" G_GINT64_FORMAT " listings of %" G_GINT64_FORMAT " messages; %lld s\n",
	       runs, first, seed - 1, all, operations, mounts, requests, faults, lies, quiets,
	       checked_lists, checked_messages, (long long)(time(NULL) - begin));
	return 0;
}
