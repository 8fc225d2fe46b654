/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <getopt.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"Usage: webexsim [options]\n"
	"\n"
	"A simulator of the messaging part of the Webex REST API on one loopback origin.\n"
	"\n"
	"  --listen ADDR:PORT  where to listen (default 127.0.0.1:0; port 0 = a free one).\n"
	"                      One line 'webexsim: http://ADDR:PORT/v1' is printed when it\n"
	"                      accepts connections.\n"
	"  --port-file FILE    also write the base URL to FILE (complete when it exists)\n"
	"  --state FILE        take spaces and messages from FILE, and leave them there at the "
	"end\n"
	"  --data demo|empty   a small company with some months of history, or only the "
	"people\n"
	"                      with tokens (default demo; empty when --spaces is given)\n"
	"  --spaces N          add N synthetic group spaces of which alice is a member\n"
	"  --messages N        messages in each synthetic space, spread over six years\n"
	"                      (default 20)\n"
	"  --members N         members of each synthetic space, alice and bob first (default "
	"5)\n"
	"  --seed S            seed of the synthetic data (default 1)\n"
	"  --latency MS        delay every answer by MS milliseconds\n"
	"  --rate-limit N      at most N requests a minute and person, then 429 (default off)\n"
	"  --max-page N        lower the page size caps of all lists to N\n"
	"  --scan-seconds N    new uploads are 'being scanned' (423) for N seconds\n"
	"  --integration TEXT  an application that may log people in: id=ID secret=SECRET\n"
	"                      [name=NAME] [redirect=URI]... [scope=SCOPE]..., blanks between\n"
	"                      (there is one: id=sim-client secret=sim-secret, for the device\n"
	"                      grant and http://localhost:53682/)\n"
	"  --token-life S      access tokens of logins live S seconds (default 14 days)\n"
	"  --refresh-life S    refresh tokens S seconds after their last use (default 90 "
	"days)\n"
	"  --code-life S       codes of both grants S seconds (default 300)\n"
	"  --device-interval S what devices are told to wait between two questions (default "
	"2)\n"
	"  --rotate-refresh    each refresh gives a new refresh token and ends the old one\n"
	"  --help              this text\n"
	"  --version           print the version\n"
	"\n"
	"Tokens: alice-token, bob-token (people of one organization), admin-token, bot-token;\n"
	"with --data demo also <first name>-token for everybody else of the company.\n"
	"\n"
	"Control API (JSON, no token; tests/sim/README.md has the details):\n"
	"  GET    /_sim/health         state and counts\n"
	"  GET    /_sim/log[?since=N]  the request log; DELETE clears it\n"
	"  POST   /_sim/faults         add a fault; GET lists; DELETE /_sim/faults[/ID] "
	"clears\n"
	"                              and releases what hangs\n"
	"    match: method route query person; turn: nth times skip probability seed\n"
	"    effect: status retryAfter message html delayMs hang reset cutAt slowBytesPerSec\n"
	"            contentLength malformed pagination host\n"
	"  POST   /_sim/release        let hanging requests go on, keep the faults\n"
	"  POST   /_sim/rate           {\"limit\":N,\"retryAfter\":TEXT,\"html\":BOOL}\n"
	"  POST   /_sim/tokens         "
	"{\"token\":T,\"person\":NAME,\"valid\":BOOL,\"seconds\":N}\n"
	"  GET    /_sim/tokens         those that logins gave; DELETE ends them all\n"
	"  POST   /_sim/scan           "
	"{\"contentId\"|\"messageId\":ID,\"state\":S,\"seconds\":N}\n"
	"  POST   /_sim/switches       behaviour the documentation leaves open; GET shows it\n"
	"  POST   /_sim/clock          {\"now\":TIME} {\"offsetMs\":N} {\"advanceMs\":N}\n"
	"  POST   /_sim/people /_sim/rooms /_sim/messages   add data, also back-dated\n";

void options_usage(FILE *out)
{
	fputs(usage, out);
}

enum {
	OPT_LISTEN = 256,
	OPT_PORT_FILE,
	OPT_STATE,
	OPT_DATA,
	OPT_SPACES,
	OPT_MESSAGES,
	OPT_MEMBERS,
	OPT_SEED,
	OPT_LATENCY,
	OPT_RATE,
	OPT_MAX_PAGE,
	OPT_SCAN,
	OPT_INTEGRATION,
	OPT_TOKEN_LIFE,
	OPT_REFRESH_LIFE,
	OPT_CODE_LIFE,
	OPT_INTERVAL,
	OPT_ROTATE,
	OPT_HELP,
	OPT_VERSION
};

static const struct option long_options[] = {
	{"listen", required_argument, NULL, OPT_LISTEN},
	{"port-file", required_argument, NULL, OPT_PORT_FILE},
	{"state", required_argument, NULL, OPT_STATE},
	{"data", required_argument, NULL, OPT_DATA},
	{"spaces", required_argument, NULL, OPT_SPACES},
	{"messages", required_argument, NULL, OPT_MESSAGES},
	{"members", required_argument, NULL, OPT_MEMBERS},
	{"seed", required_argument, NULL, OPT_SEED},
	{"latency", required_argument, NULL, OPT_LATENCY},
	{"rate-limit", required_argument, NULL, OPT_RATE},
	{"max-page", required_argument, NULL, OPT_MAX_PAGE},
	{"scan-seconds", required_argument, NULL, OPT_SCAN},
	{"integration", required_argument, NULL, OPT_INTEGRATION},
	{"token-life", required_argument, NULL, OPT_TOKEN_LIFE},
	{"refresh-life", required_argument, NULL, OPT_REFRESH_LIFE},
	{"code-life", required_argument, NULL, OPT_CODE_LIFE},
	{"device-interval", required_argument, NULL, OPT_INTERVAL},
	{"rotate-refresh", no_argument, NULL, OPT_ROTATE},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

static int number(const char *text, int max, int *ret_value)
{
	char *end;
	long v = strtol(text, &end, 10);

	if (end == text || *end || v < 0 || v > max)
		return -1;
	*ret_value = (int)v;
	return 0;
}

static int parse_listen(const char *text, struct options *o)
{
	const char *colon = strrchr(text, ':');

	if (!colon || number(colon + 1, 65535, &o->port))
		return -1;
	if (colon - text >= (ptrdiff_t)sizeof(o->host))
		return -1;
	if (colon != text && strncmp(text, "localhost:", 10)) {
		memcpy(o->host, text, (size_t)(colon - text));
		o->host[colon - text] = 0;
	}
	return 0;
}

static int parse_data(const char *text, struct options *o, bool *chosen)
{
	*chosen = true;
	o->demo = !strcmp(text, "demo");
	return o->demo || !strcmp(text, "empty") ? 0 : -1;
}

static int parse_number(int c, const char *text, struct options *o)
{
	char *end;

	switch (c) {
	case OPT_SPACES:
		return number(text, 1000000, &o->spaces);
	case OPT_MESSAGES:
		return number(text, 10000000, &o->messages);
	case OPT_MEMBERS:
		return number(text, 100000, &o->members);
	case OPT_LATENCY:
		return number(text, 3600000, &o->latency_ms);
	case OPT_RATE:
		return number(text, 1000000, &o->rate_limit);
	case OPT_MAX_PAGE:
		return number(text, 100000, &o->max_page);
	case OPT_SCAN:
		return number(text, 3600, &o->scan_seconds);
	case OPT_TOKEN_LIFE:
		return number(text, INT32_MAX, &o->token_life);
	case OPT_REFRESH_LIFE:
		return number(text, INT32_MAX, &o->refresh_life);
	case OPT_CODE_LIFE:
		return number(text, INT32_MAX, &o->code_life);
	case OPT_INTERVAL:
		return number(text, 3600, &o->device_interval);
	case OPT_SEED:
		o->seed = strtoull(text, &end, 0);
		return *end ? -1 : 0;
	default:
		return -1;
	}
}

int options_parse(int argc, char **argv, struct options *ret_options)
{
	struct options o = {
		.host = "127.0.0.1",
		.demo = true,
		.messages = 20,
		.members = 5,
		.seed = 1,
		/* As the service's (webex-api.md 5.18, 5.19). */
		.token_life = 1209599,
		.refresh_life = 7775999,
		.code_life = 300,
		.device_interval = 2,
	};
	bool data_chosen = false;
	int c, rc;

	while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		rc = 0;
		if (c == OPT_HELP || c == 'h') {
			options_usage(stdout);
			return 1;
		}
		if (c == OPT_VERSION) {
			puts("webexsim " WEBEXSIM_VERSION);
			return 1;
		}
		if (c == OPT_LISTEN)
			rc = parse_listen(optarg, &o);
		else if (c == OPT_PORT_FILE)
			o.port_file = optarg;
		else if (c == OPT_STATE)
			o.state = optarg;
		else if (c == OPT_ROTATE)
			o.rotate_refresh = true;
		else if (c == OPT_INTEGRATION && o.n_integrations < INTEGRATIONS_MAX)
			o.integrations[o.n_integrations++] = optarg;
		else if (c == OPT_DATA)
			rc = parse_data(optarg, &o, &data_chosen);
		else if (c == '?')
			return -1;
		else
			rc = parse_number(c, optarg, &o);
		if (rc) {
			fprintf(stderr, "webexsim: bad value for an option: %s\n", optarg);
			return -1;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "webexsim: unexpected argument: %s\n", argv[optind]);
		return -1;
	}
	if (o.spaces && !data_chosen)
		o.demo = false;
	*ret_options = o;
	return 0;
}
