/* SPDX-License-Identifier: MIT */
#include "main/owner.h"

#include <errno.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "attach/attach.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "login/give.h"
#include "main/whoami.h"
#include "pager/pager.h"
#include "pager/server.h"
#include "webex/token.h"
#include "webex/variables.h"

/* How long a person waits for a server that does not answer when the account is known. */
#define KNOWN_TIMEOUT_MS 5000

void owner_hide_token(void)
{
	struct rlimit none = {0, 0};

	prctl(PR_SET_DUMPABLE, 0);
	setrlimit(RLIMIT_CORE, &none);
	webex_variables_drop_tokens();
}

int owner_load_token(struct sparkfs *s, char **ret_reason)
{
	struct webex_token_source source = {
		.command = s->login.name ? NULL : s->options->token_command,
		.file = s->login.name ? s->login.file : s->options->token_file,
		.login = s->login.name,
		.give = LOGIN_GIVE_ARG,
	};
	int r = webex_token_load(&source, &s->token, ret_reason);

	bool is_locked = r == -ENOKEY && s->login.name;
	/* A command that takes too long may wait for the network. */
	s->needs_login =
		r < 0 && r != -ETIMEDOUT && r != -ECANCELED && r != -EAGAIN && !is_locked;
	/* The account that is meant may be known, and the source may have a token later. */
	if (r < 0 && (r != -ENOKEY || is_locked) &&
	    (s->login.name || (s->needs_login && s->options->account))) {
		s->may_come = !s->needs_login;
		s->needs_login = false;
		s->no_token = steal_ptr(ret_reason);
		s->token = webex_token_new_empty(&source, r, s->no_token);
		r = 0;
	}
	if (r == 0)
		s->fingerprint = webex_token_fingerprint(s->token, s->base_url);
	return r;
}

struct account_config owner_config(const struct sparkfs *s)
{
	return (struct account_config){
		.roots = &s->roots,
		.name = s->options->account,
		.is_alias = s->login.name || s->options->is_account_configured,
		.person_id = s->login.person_id,
		.base_url = s->base_url,
		.fingerprint = s->fingerprint,
		.mountpoint = s->mountpoint,
	};
}

/* Asks the server whose token it is. */
static int ask_owner(struct sparkfs *s, bool is_known, struct webex_person **ret_me,
		     enum whoami_failure *ret_failure, char **ret_reason)
{
	int timeout_ms = s->options->timeout_s * 1000;

	if (s->no_token) {
		*ret_failure = WHOAMI_LOGIN;
		*ret_reason = g_strdup(s->no_token);
		return -ENOKEY;
	}
	if (is_known && timeout_ms > KNOWN_TIMEOUT_MS)
		timeout_ms = KNOWN_TIMEOUT_MS;
	return whoami_ask(s->client, s->base_url, timeout_ms, ret_me, ret_failure, ret_reason);
}

int owner_find(struct sparkfs *s, const struct account_config *config,
	       struct webex_person **ret_me, char **ret_reason)
{
	bool is_known = account_recall(config, &s->owner) == 0;
	enum whoami_failure failure;
	int r;

	/* The token may be out of date and be replaced, but only by one of the same person. */
	if (is_known)
		webex_client_set_person(s->client, s->owner.id, s->owner.email);
	r = ask_owner(s, is_known, ret_me, &failure, ret_reason);
	if (r == 0) {
		account_owner_clear(&s->owner);
		s->owner = (struct account_owner){
			.id = g_strdup((*ret_me)->id),
			.email = g_strdup((*ret_me)->email),
			.is_bot = (*ret_me)->type == WEBEX_PERSON_BOT,
			.has_token = true,
		};
		webex_client_set_person(s->client, s->owner.id, s->owner.email);
		return 0;
	}
	if (!is_known || failure == WHOAMI_OTHER) {
		s->needs_login = failure == WHOAMI_LOGIN && !s->may_come;
		return r;
	}
	s->is_offline = failure == WHOAMI_NETWORK;
	if (!s->owner.has_token)
		webex_client_doubt_token(s->client);
	s->warning = g_strdup_printf("%s; showing what is known of %s", *ret_reason,
				     account_owner_name(&s->owner));
	g_clear_pointer(ret_reason, g_free);
	return 0;
}

/* Cache thread. What was refused to the old token is not refused to the new one. */
static void on_login(void *arg, enum webex_login state, const char *words)
{
	struct sparkfs *s = arg;

	server_login(pager_server(s->pager), state, words);
	if (state != WEBEX_LOGIN_GOOD)
		return;
	pager_retry(s->pager, -EACCES);
	contents_retry(s->contents, -EACCES);
}

/* Cache thread. The next mount may begin without network. */
static void on_renewed(void *arg)
{
	struct sparkfs *s = arg;
	struct account_config config;
	int r;

	g_free(s->fingerprint);
	s->fingerprint = webex_token_fingerprint(s->token, s->base_url);
	config = owner_config(s);
	r = account_remember_token(&config, &s->owner);
	log_info("main", "another access token of %s is in use", account_owner_name(&s->owner));
	if (r < 0)
		log_warning("main",
			    "a mount without network will not know whose token it is: %s",
			    g_strerror(-r));
}

void owner_watch(struct sparkfs *s)
{
	struct webex_watcher watcher = {
		.login = on_login,
		.renewed = on_renewed,
		.arg = s,
	};

	webex_client_watch(s->client, &watcher);
}
