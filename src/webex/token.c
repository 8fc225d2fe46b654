/* SPDX-License-Identifier: MIT */
#include "webex/token.h"

#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/snapshot.h"
#include "base/trusted.h"
#include "webex/command.h"
#include "webex/text.h"
#include "webex/variables.h"

#define COMMAND_TIMEOUT_MS 30000
#define REASON_MAX 400
#define HASH_DIGITS 16
/* What is said to come later never comes. */
#define CENTURY_MS INT64_C(3155760000000)

static const char UNLOCK_ADVICE[] = "once the keyring gives the tokens, it goes on by itself";

struct webex_token {
	char *command, *file, *login, *give; /* of webex_token_source; set once */
	const char
		*variable; /* set once; where it came from, if it came from the environment */
	atomic_bool stopped;
	struct stat seen; /* of the file when it was read last; the thread that asks */
	char *warning;	  /* of the login, said last; the thread that asks */
	pthread_mutex_t lock;
	bool is_locked; /* lock; webex_token_is_locked */
	char *value;	/* lock; NULL: none yet */
	char *problem;	/* lock; why the source could not be read last time; NULL: it could */
	int64_t renew_ms, end_ms; /* lock; webex_token_renew_ms */
};

static void wipe(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	g_free(secret);
}

G_GNUC_PRINTF(2, 3) static void give_reason(char **ret_reason, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	_cleanup_gfree_ char *text = g_strdup_vprintf(fmt, ap);
	va_end(ap);
	*ret_reason = webex_text_line(text, REASON_MAX);
}

bool webex_token_is_clean(const char *text)
{
	size_t len = 0;

	for (; text[len]; len++)
		if (len == WEBEX_TOKEN_MAX || text[len] <= ' ' || text[len] > '~')
			return false;
	return len > 0;
}

/* `text` without the white space around it, if that is a token. */
static int clean_token(const char *what, const char *text, char **ret_value, char **ret_reason)
{
	text += strspn(text, " \t\r\n");
	size_t len = strcspn(text, " \t\r\n");

	if (len == 0) {
		give_reason(ret_reason, "%s: it is empty", what);
		return -EINVAL;
	}
	if (text[len + strspn(text + len, " \t\r\n")] != '\0') {
		give_reason(ret_reason, "%s: more than one word; a token has no spaces", what);
		return -EINVAL;
	}
	char *value = g_strndup(text, len);
	if (!webex_token_is_clean(value)) {
		give_reason(ret_reason, "%s: that is no access token", what);
		wipe(value);
		return -EINVAL;
	}
	*ret_value = value;
	return 0;
}

static int read_file(const char *path, char **ret_value, char **ret_reason)
{
	_cleanup_gfree_ char *what = g_strdup_printf("token_file %s", path);
	_cleanup_gfree_ char *why = NULL;
	char *text;
	size_t len;
	int r;

	snapshot_assert_none();
	r = trusted_read(path, TRUSTED_SECRET, WEBEX_TOKEN_MAX + 1024, &text, &len, &why);
	if (r < 0) {
		give_reason(ret_reason, "%s: %s", what,
			    r == -EFBIG ? "that is no access token" : why);
		return r == -EFBIG ? -EINVAL : r;
	}
	if (strlen(text) == len) {
		r = clean_token(what, text, ret_value, ret_reason);
	} else {
		r = -EINVAL;
		give_reason(ret_reason, "%s: that is no access token", what);
	}
	explicit_bzero(text, len);
	g_free(text);
	return r;
}

/* The last line that a failed command wrote to stderr, unless it contains what the command
 * printed. */
static char *last_words(const GString *out, const GString *err)
{
	_cleanup_gfree_ char *said = g_strchomp(g_strndup(err->str, err->len));
	const char *newline = strrchr(said, '\n');
	const char *line = newline ? newline + 1 : said;
	_cleanup_gfree_ char *secret = g_strstrip(g_strndup(out->str, strcspn(out->str, "\n")));
	bool gives_away = *secret && strstr(line, secret);
	char *words = webex_text_line(gives_away ? "" : line, 200);

	explicit_bzero(secret, strlen(secret));
	return words;
}

/* What a login warned of is the last error until it warns of it no more. It is said once: a keyring that is
 * locked is looked at every few seconds. */
static void note_warning(struct webex_token *t, char *words)
{
	if (g_strcmp0(t->warning, words) == 0) {
		g_free(words);
		return;
	}
	if (t->warning)
		log_last_error_withdraw(t->warning);
	g_free(t->warning);
	t->warning = *words ? words : NULL;
	if (t->warning)
		log_last_error("%s", t->warning);
	else
		g_free(words);
}

/* How long the token is good, as the second line of a login's command says it. The child took its time: who
 * counts from before it takes the token for dead too soon rather than too late. */
static void note_life(struct webex_token *t, const char *line, int64_t asked_ms)
{
	gint64 renew, left;
	char *end;

	renew = g_ascii_strtoll(line, &end, 10);
	left = g_ascii_strtoll(end, NULL, 10);
	pthread_mutex_lock(&t->lock);
	t->renew_ms = renew > 0 && renew < CENTURY_MS ? asked_ms + renew : 0;
	t->end_ms = left > 0 && left < CENTURY_MS ? asked_ms + left : 0;
	pthread_mutex_unlock(&t->lock);
}

/* Runs the person's command or, of a login, this program (`argv`), which says all that there is to say. */
static int ask_command(struct webex_token *t, char *const argv[], char **ret_value,
		       char **ret_reason)
{
	const char *login = t->login, *what = login ? login : "token_command";
	_cleanup_secret_ GString *out = g_string_sized_new(COMMAND_OUTPUT_MAX + 1);
	_cleanup_secret_ GString *err = g_string_sized_new(COMMAND_OUTPUT_MAX + 1);
	int64_t asked_ms = clock_mono(clock_system());
	char *integration = login ? webex_variables_print() : NULL;
	int r = login ? command_run_self(argv, integration, COMMAND_TIMEOUT_MS, &t->stopped,
					 out, err)
		      : command_run(t->command, COMMAND_TIMEOUT_MS, &t->stopped, out, err);

	wipe(integration);
	if (r == 0) {
		char *rest = out->str + strcspn(out->str, "\n");

		if (login) {
			note_life(t, rest, asked_ms);
			note_warning(t, last_words(out, err));
		}
		*rest = '\0';
		return clean_token(login ? login : "token_command: its output", out->str,
				   ret_value, ret_reason);
	}
	_cleanup_gfree_ char *words = last_words(out, err);
	if (r == -ETIMEDOUT)
		give_reason(ret_reason, "%s: no end after %d s, killed", what,
			    COMMAND_TIMEOUT_MS / 1000);
	else if (r != -EACCES && r != -EAGAIN && r != -ENOKEY)
		give_reason(ret_reason, "%s: %s", what, g_strerror(-r));
	else if (login && *words)
		give_reason(ret_reason, "%s", words);
	else
		give_reason(ret_reason, "%s failed%s%s", what, *words ? ": " : "", words);
	return r;
}

/* The first variable that has a token in it; WEBEX_N_VARIABLES: none has. */
static enum webex_variable find_variable(void)
{
	for (int v = WEBEX_VARIABLE_ACCESS; v <= WEBEX_VARIABLE_ACCESS_LAST; v++)
		if (webex_variable((enum webex_variable)v))
			return (enum webex_variable)v;
	return WEBEX_N_VARIABLES;
}

bool webex_token_is_in_environment(void)
{
	return find_variable() != WEBEX_N_VARIABLES;
}

static int read_environment(struct webex_token *t, char **ret_value, char **ret_reason)
{
	enum webex_variable v = find_variable();

	if (v != WEBEX_N_VARIABLES) {
		t->variable = webex_variable_name(v);
		return clean_token(t->variable, webex_variable(v), ret_value, ret_reason);
	}
	give_reason(ret_reason,
		    "no access token: run sparkfs login, give -o token_command=CMD or "
		    "-o token_file=PATH, or set WEBEX_ACCESS_TOKEN");
	return -ENOKEY;
}

/* The state of the file; zeros if there is none. */
static struct stat look_at_file(const struct webex_token *t)
{
	struct stat st;

	if (stat(t->file, &st) < 0)
		memset(&st, 0, sizeof(st));
	return st;
}

/* Who asks again has a token, and says why another one is wanted. */
static int ask_login(struct webex_token *t, enum webex_token_wish wish, char **ret_value,
		     char **ret_reason)
{
	char *mine = webex_token_get(t);
	_cleanup_gfree_ char *hash = mine ? webex_token_hash(mine) : NULL;
	char *argv[] = {
		(char *)"sparkfs", t->give, t->login, (char *)"--life", NULL, NULL, NULL};

	if (hash) {
		argv[4] = (char *)(wish == WEBEX_TOKEN_OLD ? "--old" : "--not");
		argv[5] = hash;
	}
	wipe(mine);
	return ask_command(t, argv, ret_value, ret_reason);
}

static int ask_source(struct webex_token *t, enum webex_token_wish wish, char **ret_value,
		      char **ret_reason)
{
	/* Before it is read, so that what is written meanwhile counts as a change. */
	if (t->file)
		t->seen = look_at_file(t);
	if (t->login)
		return ask_login(t, wish, ret_value, ret_reason);
	if (t->command)
		return ask_command(t, NULL, ret_value, ret_reason);
	if (!t->file)
		return read_environment(t, ret_value, ret_reason);
	return read_file(t->file, ret_value, ret_reason);
}

char *webex_token_hash(const char *token)
{
	char *hex = g_compute_checksum_for_string(G_CHECKSUM_SHA256, token, -1);

	hex[HASH_DIGITS] = '\0';
	return hex;
}

bool webex_token_has_moved(const struct webex_token *t)
{
	struct stat now;

	if (!t->file)
		return false;
	now = look_at_file(t);
	return now.st_dev != t->seen.st_dev || now.st_ino != t->seen.st_ino ||
	       now.st_size != t->seen.st_size || now.st_mode != t->seen.st_mode ||
	       now.st_uid != t->seen.st_uid || now.st_ctim.tv_sec != t->seen.st_ctim.tv_sec ||
	       now.st_ctim.tv_nsec != t->seen.st_ctim.tv_nsec;
}

static struct webex_token *token_new(const struct webex_token_source *source)
{
	struct webex_token *t = g_new0(struct webex_token, 1);

	pthread_mutex_init(&t->lock, NULL);
	t->command = g_strdup(source->command);
	t->login = g_strdup(source->login);
	t->give = g_strdup(source->give);
	/* The path is made absolute, because the daemon changes its directory before a reload. */
	if (!t->command && source->file)
		t->file = g_canonicalize_filename(source->file, NULL);
	return t;
}

struct webex_token *webex_token_new_empty(const struct webex_token_source *source, int error,
					  const char *reason)
{
	struct webex_token *t = token_new(source);

	t->problem = g_strdup(reason);
	t->is_locked = source->login && error == -ENOKEY;
	return t;
}

bool webex_token_is_empty(struct webex_token *t)
{
	pthread_mutex_lock(&t->lock);
	bool is_empty = !t->value;
	pthread_mutex_unlock(&t->lock);
	return is_empty;
}

int webex_token_load(const struct webex_token_source *source, struct webex_token **ret_token,
		     char **ret_reason)
{
	struct webex_token *t = token_new(source);
	char *reason = NULL;
	int r = ask_source(t, WEBEX_TOKEN_REFUSED, &t->value, &reason);

	if (r == 0) {
		*ret_token = t;
		return 0;
	}
	webex_token_free(t);
	if (ret_reason)
		*ret_reason = reason;
	else
		g_free(reason);
	return r;
}

bool webex_token_can_reload(const struct webex_token *t)
{
	return t->command || t->file;
}

bool webex_token_is_cheap(const struct webex_token *t)
{
	return t->file && !t->login;
}

bool webex_token_is_watched(const struct webex_token *t)
{
	return t->file != NULL;
}

bool webex_token_is_locked(struct webex_token *t)
{
	pthread_mutex_lock(&t->lock);
	bool is_locked = t->is_locked;
	pthread_mutex_unlock(&t->lock);
	return is_locked;
}

/* Keeps why the source could not be read, and says it once. NULL: it could. */
static void note_problem(struct webex_token *t, int error, const char *reason)
{
	pthread_mutex_lock(&t->lock);
	t->is_locked = t->login && error == -ENOKEY;
	bool is_new = reason && g_strcmp0(reason, t->problem) != 0;
	g_free(t->problem);
	t->problem = g_strdup(reason);
	pthread_mutex_unlock(&t->lock);
	if (is_new)
		log_warning("api", "the token could not be read again: %s", reason);
}

int webex_token_ask(struct webex_token *t, enum webex_token_wish wish, char **ret_value)
{
	_cleanup_gfree_ char *reason = NULL;
	char *value = NULL;

	*ret_value = NULL;
	if (!webex_token_can_reload(t))
		return 0;
	if (atomic_load(&t->stopped))
		return -ECANCELED;
	int r = ask_source(t, wish, &value, &reason);
	if (r != -ECANCELED)
		note_problem(t, r, reason);
	/* Nobody may meet that for days, and somebody has to do something before. */
	if (r == -ENOKEY && t->login)
		note_warning(t, g_strdup_printf("%s; %s", reason, UNLOCK_ADVICE));
	if (!value)
		return r;
	pthread_mutex_lock(&t->lock);
	bool is_new = g_strcmp0(value, t->value) != 0;
	pthread_mutex_unlock(&t->lock);
	if (is_new || (t->login && wish == WEBEX_TOKEN_REFUSED))
		*ret_value = value;
	else
		wipe(value);
	return 0;
}

void webex_token_adopt(struct webex_token *t, char *value)
{
	pthread_mutex_lock(&t->lock);
	char *old = t->value;
	t->value = value;
	pthread_mutex_unlock(&t->lock);
	wipe(old);
}

void webex_token_wipe(char *value)
{
	wipe(value);
}

char *webex_token_advice(struct webex_token *t)
{
	_cleanup_gfree_ char *advice = NULL;

	if (webex_token_is_locked(t))
		advice = g_strdup(UNLOCK_ADVICE);
	else if (t->login)
		advice = g_strdup_printf("run: sparkfs login %s; it is taken up by itself",
					 t->login);
	else if (t->file)
		advice = g_strdup_printf(
			"write a new one into %s, and it is taken up by itself", t->file);
	else if (t->command)
		advice = g_strdup("token_command must print a new one; it is run again when "
				  "something is needed");
	else
		advice = g_strdup_printf(
			"this one came from the environment (%s): unmount, and mount again "
			"with a new one",
			t->variable ? t->variable : webex_variable_name(WEBEX_VARIABLE_ACCESS));
	pthread_mutex_lock(&t->lock);
	char *text =
		t->problem ? g_strdup_printf("%s; %s", t->problem, advice) : g_strdup(advice);
	pthread_mutex_unlock(&t->lock);
	return text;
}

char *webex_token_problem(struct webex_token *t)
{
	pthread_mutex_lock(&t->lock);
	char *text = g_strdup(t->problem);
	pthread_mutex_unlock(&t->lock);
	return text;
}

int64_t webex_token_renew_ms(struct webex_token *t)
{
	pthread_mutex_lock(&t->lock);
	int64_t ms = t->renew_ms;
	pthread_mutex_unlock(&t->lock);
	return ms;
}

int64_t webex_token_end_ms(struct webex_token *t)
{
	pthread_mutex_lock(&t->lock);
	int64_t ms = t->end_ms;
	pthread_mutex_unlock(&t->lock);
	return ms;
}

void webex_token_interrupt(struct webex_token *t, bool on)
{
	atomic_store(&t->stopped, on);
}

char *webex_token_get(struct webex_token *t)
{
	pthread_mutex_lock(&t->lock);
	char *copy = g_strdup(t->value);
	pthread_mutex_unlock(&t->lock);
	return copy;
}

char *webex_token_fingerprint(struct webex_token *t, const char *base_url)
{
	static const char salt[] = "sparkfs-account";
	GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
	char *value = webex_token_get(t);

	if (!value) {
		g_checksum_free(sum);
		return NULL;
	}
	g_checksum_update(sum, (const guchar *)salt, sizeof(salt));
	g_checksum_update(sum, (const guchar *)base_url, (gssize)strlen(base_url) + 1);
	g_checksum_update(sum, (const guchar *)value, (gssize)strlen(value));
	char *hex = g_strdup(g_checksum_get_string(sum));
	g_checksum_free(sum);
	wipe(value);
	return hex;
}

void webex_token_free(struct webex_token *t)
{
	if (!t)
		return;
	pthread_mutex_destroy(&t->lock);
	wipe(t->value);
	g_free(t->problem);
	g_free(t->warning);
	g_free(t->command);
	g_free(t->file);
	g_free(t->login);
	g_free(t->give);
	g_free(t);
}
