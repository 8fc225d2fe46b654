/* SPDX-License-Identifier: MIT */
/*
 * Asks the service for tokens, and waits for its answer (webex-api.md 5.18, 5.19). A request that may have
 * reached the server is not repeated: a code, and a refresh token where they rotate, serve once.
 * Thread rule: one thread for each struct.
 */
#pragma once

#include "http/loop.h"
#include "login/config.h"
#include "login/record.h"
#include "webex/model.h"
#include "webex/oauth.h"

struct login_server {
	struct http_loop *loop;
	struct http_route *route; /* by the environment */
	const char *base_url;
	const struct login_integration *app;
	int timeout_ms;
	int64_t asked_ms; /* wall clock; when the last request began */
};

/* Starts a loop for the server's origin alone. 0, or -errno and one line in *ret_reason (owned). The
 * caller closes it also after a failure. */
int login_server_open(struct login_server *s, const char *base_url,
		      const struct login_integration *app, int timeout_ms, char **ret_reason);
void login_server_close(struct login_server *s);

struct login_fault {
	enum webex_oauth_error error;
	int status;	   /* 0: no answer */
	int retry_after_s; /* 0: not said */
	bool is_network; /* no answer, or that of a server out of order: it says nothing of tokens */
	bool is_spoken; /* the answer has the form of the service's errors; a portal's page has not */
	char *words; /* one line */
};
void login_fault_clear(struct login_fault *f);
/* Of login_refresh(): whether the answer is the service's word that the refresh token is worth nothing any
 * more. Not so if it is about the integration or how often somebody asked: then the tokens may be good, and
 * what is configured is to be mended. Nor is the page of a proxy or of a hotel, whatever its status. */
bool login_fault_is_end(const struct login_fault *f);

/* Each: 0, or -errno and *ret_fault. */
int login_begin_device(struct login_server *s, struct webex_device *ret_device,
		       struct login_fault *ret_fault);
int login_poll_device(struct login_server *s, const char *device_code,
		      struct webex_grant *ret_grant, struct login_fault *ret_fault);
int login_redeem(struct login_server *s, const char *code, const char *redirect_uri,
		 const char *verifier, struct webex_grant *ret_grant,
		 struct login_fault *ret_fault);
int login_refresh(struct login_server *s, const char *refresh, struct webex_grant *ret_grant,
		  struct login_fault *ret_fault);
/* Makes the tokens those of the login, from now on. */
void login_take_grant(struct login *l, struct webex_grant *g);
/* Makes the login that of the person. */
void login_take_person(struct login *l, const struct webex_person *p);
/* To whom the token belongs. */
int login_whose(struct login_server *s, const char *access, struct webex_person **ret_person,
		struct login_fault *ret_fault);
