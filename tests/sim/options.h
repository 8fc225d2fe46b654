/* SPDX-License-Identifier: MIT */
/*
 * The command line of webexsim. Filled once in main(), read-only afterwards.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define INTEGRATIONS_MAX 8

struct options {
	char host[64];
	int port;
	const char *port_file;
	const char *state;
	bool demo;
	int spaces, messages, members;
	uint64_t seed;
	int latency_ms;
	int rate_limit;
	int max_page;
	int scan_seconds;
	/* Of logins; seconds. */
	int token_life, refresh_life, code_life, device_interval;
	bool rotate_refresh;
	const char *integrations[INTEGRATIONS_MAX]; /* oauth.h has the form */
	int n_integrations;
};

/* 0 to go on, 1 when help or version was printed, -1 for a usage error (reported). */
int options_parse(int argc, char **argv, struct options *ret_options);
void options_usage(FILE *out);
