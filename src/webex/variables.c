/* SPDX-License-Identifier: MIT */
#include "webex/variables.h"

#include <glib.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const variable_names[WEBEX_N_VARIABLES] = {
	[WEBEX_VARIABLE_ACCESS] = "WEBEX_ACCESS_TOKEN",
	"WEBEX_TEAMS_ACCESS_TOKEN",
	"SPARK_ACCESS_TOKEN",
	"CISCO_SPARK_ACCESS_TOKEN",
	[WEBEX_VARIABLE_REFRESH] = "CISCO_SPARK_REFRESH_TOKEN",
	[WEBEX_VARIABLE_CLIENT_ID] = "CISCO_SPARK_CLIENT_ID",
	[WEBEX_VARIABLE_CLIENT_SECRET] = "CISCO_SPARK_CLIENT_SECRET",
};

/* The environment is the process's, and so is what was taken from it. See the thread rule. */
static char *taken[WEBEX_N_VARIABLES];

static void keep(enum webex_variable v, const char *text)
{
	if (taken[v])
		explicit_bzero(taken[v], strlen(taken[v]));
	g_free(taken[v]);
	taken[v] = g_strdup(text);
}

const char *webex_variable_name(enum webex_variable v)
{
	return variable_names[v];
}

const char *webex_variable(enum webex_variable v)
{
	return taken[v] && *taken[v] ? taken[v] : NULL;
}

void webex_variables_take(void)
{
	for (int v = 0; v < WEBEX_N_VARIABLES; v++) {
		char *text = getenv(variable_names[v]);

		if (!text)
			continue;
		keep((enum webex_variable)v, text);
		explicit_bzero(text, strlen(text));
		unsetenv(variable_names[v]);
	}
}

void webex_variables_drop_tokens(void)
{
	for (int v = WEBEX_VARIABLE_ACCESS; v <= WEBEX_VARIABLE_REFRESH; v++)
		keep((enum webex_variable)v, NULL);
}

char *webex_variables_print(void)
{
	const char *id = webex_variable(WEBEX_VARIABLE_CLIENT_ID);
	const char *secret = webex_variable(WEBEX_VARIABLE_CLIENT_SECRET);

	if (!id || strchr(id, '\n') || (secret && strchr(secret, '\n')))
		return NULL;
	return g_strdup_printf("%s=%s\n%s=%s\n", variable_names[WEBEX_VARIABLE_CLIENT_ID], id,
			       variable_names[WEBEX_VARIABLE_CLIENT_SECRET],
			       secret ? secret : "");
}

static void read_line(char *line)
{
	char *value = strchr(line, '=');

	if (!value)
		return;
	*value++ = '\0';
	for (int v = WEBEX_VARIABLE_CLIENT_ID; v <= WEBEX_VARIABLE_CLIENT_SECRET; v++)
		if (strcmp(line, variable_names[v]) == 0)
			keep((enum webex_variable)v, value);
}

void webex_variables_read(int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	char text[PIPE_BUF + 1];
	char *rest = NULL;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode) || poll(&ready, 1, 0) <= 0)
		return;
	n = read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		read_line(line);
	explicit_bzero(text, sizeof(text));
}
