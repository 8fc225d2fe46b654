/* SPDX-License-Identifier: MIT */
#include "main/owner.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "main/whoami.h"
#include "webex/token.h"

/* How long a person waits for a server that does not answer when the account is known. */
#define KNOWN_TIMEOUT_MS 5000

void owner_hide_token(void)
{
	static const char *const names[] = {"WEBEX_ACCESS_TOKEN", "WEBEX_TEAMS_ACCESS_TOKEN",
					    "SPARK_ACCESS_TOKEN", "CISCO_SPARK_ACCESS_TOKEN"};
	struct rlimit none = {0, 0};

	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		char *value = getenv(names[i]);

		if (value)
			explicit_bzero(value, strlen(value));
		unsetenv(names[i]);
	}
}

int owner_load_token(struct sparkfs *s, char **ret_reason)
{
	struct webex_token_source source = {
		.command = s->options->token_command,
		.file = s->options->token_file,
	};
	int r = webex_token_load(&source, &s->token, ret_reason);

	if (r == 0)
		s->fingerprint = webex_token_fingerprint(s->token, s->base_url);
	return r;
}

int owner_find(struct sparkfs *s, const struct account_config *config,
	       struct webex_person **ret_me, char **ret_reason)
{
	bool is_known = account_recall(config, &s->owner) == 0;
	int timeout_ms = s->options->timeout_s * 1000;
	bool is_network = false;
	int r;

	if (is_known && timeout_ms > KNOWN_TIMEOUT_MS)
		timeout_ms = KNOWN_TIMEOUT_MS;
	/* The token may be out of date and be replaced, but only by one of the same person. */
	if (is_known)
		webex_client_set_person(s->client, s->owner.id, s->owner.email);
	r = whoami_ask(s->client, s->base_url, timeout_ms, ret_me, &is_network, ret_reason);
	if (r == 0) {
		account_owner_clear(&s->owner);
		s->owner = (struct account_owner){
			.id = g_strdup((*ret_me)->id),
			.email = g_strdup((*ret_me)->email),
			.is_bot = (*ret_me)->type == WEBEX_PERSON_BOT,
		};
		webex_client_set_person(s->client, s->owner.id, s->owner.email);
		return 0;
	}
	if (!is_known || !is_network)
		return r;
	s->warning =
		g_strdup_printf("%s; showing what is known of %s", *ret_reason, s->owner.email);
	g_clear_pointer(ret_reason, g_free);
	return 0;
}
