/* SPDX-License-Identifier: MIT */
/* For a machine without a browser, and integrations without the helper's redirect URIs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "login/ways.h"
#include "webex/token.h"

/* Reads lines until one is an address that answers the attempt. */
static enum login_answer read_address(const struct login_attempt *a, FILE *in, FILE *out,
				      char **ret_text)
{
	enum login_answer answer = LOGIN_ANSWER_OTHER;
	char *line = NULL;
	size_t size = 0;

	while (answer == LOGIN_ANSWER_OTHER && getline(&line, &size, in) > 0) {
		const char *query = strchr(g_strstrip(line), '?');

		if (query)
			answer = login_attempt_read(a, query + 1, ret_text);
		if (answer == LOGIN_ANSWER_OTHER && *line)
			fputs("That is not the address of this login; it begins with "
			      "http://localhost and has code= and state= in it. Once more:\n",
			      out);
		fflush(out);
	}
	if (line)
		explicit_bzero(line, size);
	free(line);
	return answer;
}

int login_by_paste(struct login_server *s, FILE *in, FILE *out, struct webex_grant *ret_grant,
		   char **ret_reason)
{
	struct login_attempt a;
	char *text = NULL;
	enum login_answer answer;
	int r = login_attempt_begin(s, &a);

	if (r < 0) {
		*ret_reason = g_strdup("there are no random numbers");
		return r;
	}
	fprintf(out,
		"Open this address in any browser and log in:\n%s\n"
		"The browser ends at a page that it cannot load. Paste the address of that "
		"page:\n",
		a.address);
	fflush(out);
	answer = read_address(&a, in, out, &text);
	if (answer == LOGIN_ANSWER_OTHER) {
		*ret_reason = g_strdup("no address was given");
		r = -ECANCELED;
	} else {
		r = login_attempt_finish(s, &a, answer, text, ret_grant, ret_reason);
	}
	webex_token_wipe(text);
	login_attempt_clear(&a);
	return r;
}
