/* SPDX-License-Identifier: MIT */
#include "oauth.h"
#include "seed.h"
#include "server.h"
#include "state.h"
#include "webhooks.h"

#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void raise_limits(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim))
		return;
	lim.rlim_cur = lim.rlim_max < 65536 ? lim.rlim_max : 65536;
	setrlimit(RLIMIT_NOFILE, &lim);
}

/* Complete when it appears: readers poll for the file and read it at once. */
static int write_port_file(const struct sim *sim)
{
	char *tmp = g_strdup_printf("%s.tmp", sim->opt.port_file);
	FILE *f = fopen(tmp, "w");
	int rc = 0;

	if (!f || fprintf(f, "%s/v1\n", sim->origin) < 0)
		rc = -errno;
	if (f && fclose(f))
		rc = -errno;
	if (!rc && rename(tmp, sim->opt.port_file))
		rc = -errno;
	g_free(tmp);
	return rc;
}

static void block_signals(sigset_t *ret_set)
{
	sigemptyset(ret_set);
	sigaddset(ret_set, SIGINT);
	sigaddset(ret_set, SIGTERM);
	sigaddset(ret_set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, ret_set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
	static struct sim sim;
	struct MHD_Daemon *daemon;
	sigset_t set;
	int rc, sig;

	rc = options_parse(argc, argv, &sim.opt);
	if (rc)
		return rc > 0 ? 0 : 2;
	raise_limits();
	block_signals(&set);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	data_init(&sim);
	sim.seed = sim.opt.seed;
	sim.rate.limit = sim.opt.rate_limit;
	sim.sw.scan_seconds = sim.opt.scan_seconds;
	sim.faults = faults_new();
	sim.log = reqlog_new();
	sim.hooks = hooks_new();
	if (oauth_init(&sim))
		return 2;
	seed_base(&sim);
	if (sim.opt.demo)
		seed_demo(&sim);
	if (sim.opt.spaces)
		seed_synthetic(&sim);
	if (sim.opt.state && (rc = state_load(&sim, sim.opt.state))) {
		fprintf(stderr, "webexsim: %s: %s\n", sim.opt.state, strerror(-rc));
		return 1;
	}
	rc = server_start(&sim, &daemon);
	if (rc) {
		fprintf(stderr, "webexsim: cannot listen on %s:%d: %s\n", sim.opt.host,
			sim.opt.port, strerror(-rc));
		return 1;
	}
	if (sim.opt.port_file && (rc = write_port_file(&sim)))
		fprintf(stderr, "webexsim: %s: %s\n", sim.opt.port_file, strerror(-rc));
	printf("webexsim: %s/v1\n", sim.origin);
	fflush(stdout);
	sigwait(&set, &sig);
	server_stop(&sim, daemon);
	rc = sim.opt.state ? state_save(&sim, sim.opt.state) : 0;
	if (rc)
		fprintf(stderr, "webexsim: %s: %s\n", sim.opt.state, strerror(-rc));
	if (sim.opt.port_file)
		unlink(sim.opt.port_file);
	return rc ? 1 : 0;
}
