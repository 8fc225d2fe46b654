/* SPDX-License-Identifier: MIT */
#include "main/logins.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/state.h"
#include "login/folder.h"
#include "login/give.h"
#include "login/place.h"
#include "login/ways.h"
#include "main/ask.h"
#include "main/choice.h"
#include "main/logins_list.h"
#include "main/options.h"
#include "main/settings.h"
#include "webex/api.h"
#include "webex/token.h"

#define EXIT_USAGE 2
#define TIMEOUT_MS 30000

static const char LOGIN_HELP[] =
	"usage: sparkfs login [--browser | --paste | --token] [--keyring | --no-keyring]\n"
	"                     [--url BASE] [--replace] [NAME]\n"
	"\n"
	"Logs a person in, and keeps the login under NAME (the address, if none is given).\n"
	"\n"
	"  (none of the three)  prints an address and a code, to be entered in any browser\n"
	"  --browser            a browser of this machine\n"
	"  --paste              any browser; the address at which it ends is pasted here\n"
	"  --token              reads an access token from standard input (a bot's, the "
	"portal's)\n"
	"  --keyring            keeps the tokens in the keyring (Secret Service), not in a "
	"file\n"
	"  --no-keyring         keeps them in a file that only you can read\n"
	"  --url BASE           base URL of the API (" OPTIONS_DEFAULT_URL ")\n"
	"  --replace            NAME may be somebody else's so far\n"
	"\n"
	"Then: sparkfs MOUNTPOINT. More: man sparkfs, \"Logins\".\n";

static const char LOGOUT_HELP[] = "usage: sparkfs logout [--purge] NAME\n"
				  "\n"
				  "Forgets the login. --purge: removes what was fetched for "
				  "it, too; never what is unsent.\n";

static const char ACCOUNTS_HELP[] = "usage: sparkfs accounts [--json]\n"
				    "\n"
				    "Lists the logins: name, address, server, how it was made, "
				    "until when its token is good, where\n"
				    "it is mounted.\n";

static const char REGISTER[] =
	"sparkfs: no integration is configured, as which people could be logged in. Once:\n"
	" 1. Open https://developer.webex.com/my-apps/new/integration and log in.\n"
	" 2. Redirect URIs, exactly so: http://localhost:53682/ (for --browser and --paste), "
	"and for the\n"
	"    device login "
	"https://oauth-helper-a.wbx2.com/helperservice/v1/actions/device/callback\n"
	"    and the same with oauth-helper-r, oauth-helper-k, oauth-helper-d.\n"
	" 3. Scopes: spark:all and spark:kms.\n"
	" 4. Put into %s/sparkfs/config:\n"
	"      [integration]\n"
	"      client_id=THE ID\n"
	"      client_secret_file=secret\n"
	"    and the secret into the file \"secret\" beside it (chmod 600), or use "
	"client_secret_command=.\n"
	"Without an integration: sparkfs login --token, with a token of the portal or of a "
	"bot.\n";

static int fail(char *reason)
{
	fprintf(stderr, "sparkfs: %s\n", reason);
	g_free(reason);
	return EXIT_FAILURE;
}

static int wrong_usage(const char *help)
{
	fputs(help, stderr);
	return EXIT_USAGE;
}

/* ---- login ---- */

struct wish {
	const char *name; /* NULL: the address */
	const char *url;  /* NULL: that of the configuration */
	enum login_way way;
	enum login_place place;
	bool has_place, replaces, wants_help;
};

static bool parse_login(int argc, char **argv, struct wish *w)
{
	static const struct option options[] = {
		{"browser", no_argument, NULL, 'b'},
		{"paste", no_argument, NULL, 'p'},
		{"token", no_argument, NULL, 't'},
		{"url", required_argument, NULL, 'u'},
		{"replace", no_argument, NULL, 'r'},
		{"keyring", no_argument, NULL, 'k'},
		{"no-keyring", no_argument, NULL, 'n'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c, n_ways = 0;

	*w = (struct wish){.way = LOGIN_DEVICE};
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'b' || c == 'p' || c == 't') {
			w->way = c == 'b'   ? LOGIN_BROWSER
				 : c == 'p' ? LOGIN_PASTE
					    : LOGIN_TOKEN;
			n_ways++;
		} else if (c == 'k' || c == 'n') {
			w->place = c == 'k' ? LOGIN_IN_KEYRING : LOGIN_IN_FILE;
			w->has_place = true;
		} else if (c == 'u') {
			w->url = optarg;
		} else if (c == 'r') {
			w->replaces = true;
		} else if (c == 'h') {
			w->wants_help = true;
		} else {
			return false;
		}
	}
	w->name = argv[optind];
	return n_ways <= 1 && argc - optind <= 1;
}

/* The first line of standard input. */
static int read_token(struct webex_grant *ret_grant, char **ret_reason)
{
	char line[WEBEX_TOKEN_MAX + 2] = "";
	int r;

	if (isatty(STDIN_FILENO))
		fputs("The access token: ", stderr);
	if (!fgets(line, sizeof(line), stdin))
		line[0] = '\0';
	g_strstrip(line);
	r = webex_token_is_clean(line) ? 0 : -EINVAL;
	if (r == 0)
		*ret_grant = (struct webex_grant){.access = g_strdup(line)};
	else
		*ret_reason = g_strdup("standard input has no access token in its first line");
	explicit_bzero(line, sizeof(line));
	return r;
}

static int get_grant(const struct wish *w, struct login_server *s,
		     struct webex_grant *ret_grant, struct login_browser **ret_browser,
		     char **ret_reason)
{
	switch (w->way) {
	case LOGIN_BROWSER:
		return login_by_browser(s, stdout, ret_grant, ret_browser, ret_reason);
	case LOGIN_PASTE:
		return login_by_paste(s, stdin, stdout, ret_grant, ret_reason);
	case LOGIN_TOKEN:
		return read_token(ret_grant, ret_reason);
	case LOGIN_DEVICE:
	default:
		return login_by_device(s, stdout, ret_grant, ret_reason);
	}
}

static bool is_same_account(const struct login *a, const struct login *b)
{
	return strcmp(a->person_id, b->person_id) == 0 && strcmp(a->base_url, b->base_url) == 0;
}

/* 0, or -EEXIST: the name is that of another person's login. `old` and `error` are what login_load() gave. */
static int check_name(const struct login *l, const struct login *old, int error,
		      char **ret_reason)
{
	_cleanup_gfree_ char *folder = login_folder();

	if (error == -ENOENT)
		return 0;
	if (error < 0) {
		*ret_reason = g_strdup_printf("%s/%s.json: %s; --replace replaces it", folder,
					      l->name, g_strerror(-error));
		return error;
	}
	if (is_same_account(old, l))
		return 0;
	*ret_reason = g_strdup_printf("%s is the login of %s at %s; give another name, or "
				      "--replace",
				      l->name, old->email ? old->email : old->person_id,
				      old->base_url);
	return -EEXIST;
}

/* Under the lock. `item` is that of the login that has the name so far. */
static int put_and_save(struct login *l, const char *item, char **ret_reason)
{
	_cleanup_gfree_ char *folder = login_folder(), *why = NULL;
	_cleanup_close_ int fd = -1;
	int r = login_reserve(l->name, &fd);

	if (r == 0)
		r = login_put(l, &why);
	if (r == 0)
		r = login_save(l, fd);
	if (r < 0) {
		_cleanup_gfree_ char *ignored = NULL;

		/* Nobody is to finish what the person was told to have failed. */
		if (fd >= 0 && login_is_reserved(l->name, fd))
			login_release(l->name);
		if (l->item && !why)
			(void)login_drop(l->name, item, l->item, &ignored);
		*ret_reason = why ? g_strdup_printf("cannot keep the login: %s", why)
				  : g_strdup_printf("cannot keep the login in %s: %s", folder,
						    g_strerror(-r));
	}
	return r;
}

/* Under the lock: leaves nothing in the keyring that no login has, of before or of now. */
static void tidy_keyring(const struct login *l, const struct login *old)
{
	_cleanup_gfree_ char *why = NULL;

	if (l->place != LOGIN_IN_KEYRING && old->place != LOGIN_IN_KEYRING)
		return;
	if (login_drop(l->name, l->item, old->item, &why) < 0)
		fprintf(stderr,
			"sparkfs: what the keyring had of %s before is still in it: %s\n",
			l->name, why);
}

static int keep(struct login *l, const struct wish *w, char **ret_reason)
{
	_cleanup_close_ int lock = -1;
	struct login old = {0};
	int error, r = login_lock(l->name, &lock);

	if (r < 0) {
		_cleanup_gfree_ char *folder = login_folder();

		*ret_reason = g_strdup_printf("cannot keep the login in %s: %s", folder,
					      g_strerror(-r));
		return r;
	}
	error = login_load(l->name, &old);
	r = w->replaces ? 0 : check_name(l, &old, error, ret_reason);
	/* Somebody who logs in again wants it where it was. */
	l->place = w->has_place || error < 0 ? w->place : old.place;
	if (r == 0)
		r = put_and_save(l, old.item, ret_reason);
	if (r == 0)
		tidy_keyring(l, &old);
	login_clear(&old);
	return r;
}

/* Where it is to be kept, as far as that is known before it is known whose it is. */
static enum login_place place_of(const struct wish *w)
{
	enum login_place place = w->place;
	struct login old;

	if (!w->has_place && w->name && login_load(w->name, &old) == 0) {
		place = old.place;
		login_clear(&old);
	}
	return place;
}

/* Takes the grant. */
static void fill(struct login *l, const struct wish *w, const struct login_server *s,
		 const struct webex_person *p, struct webex_grant *g)
{
	*l = (struct login){
		.name = w->name ? g_strdup(w->name)
				: state_name_of(p->email ? p->email : "account"),
		.base_url = g_strdup(s->base_url),
		.way = w->way,
		.client_id = s->app ? g_strdup(s->app->id) : NULL,
		.since_ms = clock_wall(clock_system()),
	};
	login_take_person(l, p);
	login_take_grant(l, g);
}

/* *ret_words: whose login it is. Owned, in any case. */
static int learn_and_keep(const struct wish *w, struct login_server *s, struct webex_grant *g,
			  char **ret_words, char **ret_reason)
{
	struct webex_person *person;
	struct login_fault fault;
	struct login l;
	int r = login_whose(s, g->access, &person, &fault);

	*ret_words = NULL;
	if (r < 0) {
		*ret_reason = fault.status == 401
				      ? g_strdup("the server does not accept the access token")
				      : g_strdup_printf("cannot learn whose token it is: %s",
							fault.words);
		login_fault_clear(&fault);
		return r;
	}
	fill(&l, w, s, person, g);
	*ret_words = g_strdup_printf("This is the login of %s (%s%s) at %s.",
				     l.display_name ? l.display_name : l.person_id,
				     l.email ? l.email : "no address",
				     l.is_bot ? ", a bot" : "", l.base_url);
	puts(*ret_words);
	fflush(stdout);
	r = keep(&l, w, ret_reason);
	if (r == 0)
		printf("It is kept as %s%s. Mount it: sparkfs -o account=%s MOUNTPOINT\n",
		       l.name, l.place == LOGIN_IN_KEYRING ? ", its tokens in the keyring" : "",
		       l.name);
	login_clear(&l);
	webex_person_free(person);
	return r;
}

static int log_in(const struct wish *w, const char *url, const struct login_integration *app)
{
	_cleanup_gfree_ char *base_url = NULL, *why = NULL, *words = NULL;
	char *reason = NULL;
	struct login_server server;
	struct login_browser *browser = NULL;
	struct webex_grant grant = {0};
	int r = webex_check_base_url(url, &base_url, &why);

	if (r < 0)
		return fail(g_strdup_printf("--url %s: %s", url, why ? why : g_strerror(-r)));
	r = login_server_open(&server, base_url, app, TIMEOUT_MS, &reason);
	/* Nobody is to log in for tokens that cannot be kept. */
	if (r == 0 && login_place_check(place_of(w), &why) < 0) {
		reason = g_strdup_printf("%s; --no-keyring keeps the tokens in a file", why);
		r = -EAGAIN;
	}
	if (r == 0)
		r = get_grant(w, &server, &grant, &browser, &reason);
	if (r == 0)
		r = learn_and_keep(w, &server, &grant, &words, &reason);
	login_browser_end(browser, r == 0, r == 0 ? words : reason);
	webex_grant_clear(&grant);
	login_server_close(&server);
	return r < 0 ? fail(reason) : EXIT_SUCCESS;
}

/* Finds the integration, if one is needed. */
static int log_in_as(const struct wish *w, const char *url)
{
	struct login_integration app = {0};
	char *reason = NULL;
	int r = w->way == LOGIN_TOKEN ? 0 : login_integration_find(&app, &reason);
	int status;

	if (r == -ENOKEY) {
		fprintf(stderr, REGISTER, g_get_user_config_dir());
		g_free(reason);
		return EXIT_FAILURE;
	}
	if (r < 0)
		return fail(reason);
	status = log_in(w, url, w->way == LOGIN_TOKEN ? NULL : &app);
	login_integration_clear(&app);
	return status;
}

static int login_main(int argc, char **argv)
{
	struct options options;
	struct wish w;
	char *reason = NULL;
	int r, status;

	if (!parse_login(argc, argv, &w))
		return wrong_usage(LOGIN_HELP);
	if (w.wants_help) {
		fputs(LOGIN_HELP, stdout);
		return EXIT_SUCCESS;
	}
	if (w.name && !state_name_is_good(w.name))
		return fail(g_strdup_printf(
			"%s: a name has only letters, digits and @._+-, at most %d", w.name,
			STATE_NAME_BYTES));
	r = settings_of_login(w.name, &options, &reason);
	if (r < 0)
		return fail(reason);
	/* The login asks by the proxy and the authorities of the mounts. */
	choice_tell_children(&options);
	status = log_in_as(&w, w.url ? w.url : options.url);
	options_clear(&options);
	return status;
}

/* ---- logout ---- */

/* `l` is empty if it cannot be read. A login that is kept in the keyring stays while its tokens cannot be removed there. */
static int remove_all(const struct login *l, const char *name, char **ret_reason)
{
	_cleanup_gfree_ char *folder = login_folder(), *why = NULL;
	_cleanup_close_ int lock = -1;
	int r = login_lock(name, &lock);

	if (r == 0 && l->item && login_drop(name, NULL, l->item, &why) < 0) {
		*ret_reason = g_strdup_printf(
			"%s is not forgotten, since its tokens cannot be removed: %s. Again "
			"later, or rm %s/%s.json, which leaves them in the keyring",
			name, why, folder, name);
		return -EAGAIN;
	}
	/* Of one whose file tells nothing, the keyring may have something all the same. */
	if (r == 0 && !l->base_url)
		(void)login_drop(name, NULL, NULL, &why);
	if (r == 0)
		r = login_remove(name);
	if (r < 0)
		*ret_reason = g_strdup_printf("%s: %s", name, g_strerror(-r));
	return r;
}

static int forget(const char *name, bool purges)
{
	struct login l = {0};
	int r = login_load(name, &l);
	char *reason = NULL;
	bool is_token;

	if (r == -ENOENT)
		return fail(g_strdup_printf("there is no login %s; sparkfs accounts lists them",
					    name));
	r = r == 0 && purges ? logins_purge(&l, &reason) : 0;
	if (r == 0)
		r = remove_all(&l, name, &reason);
	is_token = l.base_url && l.way == LOGIN_TOKEN;
	login_clear(&l);
	if (r < 0)
		return fail(reason);
	/* No integration has given a token that was taken. */
	printf("%s is forgotten here. The service honours its tokens until they end; to revoke "
	       "them, %s.\n",
	       name,
	       is_token ? "give the bot another one at https://developer.webex.com/my-apps, or "
			  "log "
			  "out of the portal that it came from"
			: "remove the integration at https://idbroker.webex.com/idb/profile");
	return EXIT_SUCCESS;
}

static int logout_main(int argc, char **argv)
{
	static const struct option options[] = {{"purge", no_argument, NULL, 'p'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	bool purges = false;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(LOGOUT_HELP, stdout);
			return EXIT_SUCCESS;
		}
		if (c != 'p')
			return wrong_usage(LOGOUT_HELP);
		purges = true;
	}
	if (argc - optind != 1 || !state_name_is_good(argv[optind]))
		return wrong_usage(LOGOUT_HELP);
	return forget(argv[optind], purges);
}

static int accounts_main(int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	bool is_json = false;
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(ACCOUNTS_HELP, stdout);
			return EXIT_SUCCESS;
		}
		if (c != 'j')
			return wrong_usage(ACCOUNTS_HELP);
		is_json = true;
	}
	if (argc != optind)
		return wrong_usage(ACCOUNTS_HELP);
	return logins_list(stdout, is_json);
}

static int help_main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "login") == 0)
		fputs(LOGIN_HELP, stdout);
	else if (strcmp(what, "logout") == 0)
		fputs(LOGOUT_HELP, stdout);
	else if (strcmp(what, "accounts") == 0)
		fputs(ACCOUNTS_HELP, stdout);
	else if (strcmp(what, "api") == 0)
		fputs(ask_help(), stdout);
	else if (argc <= 1)
		fputs(options_help(), stdout);
	else
		return fail(g_strdup_printf("there is no subcommand %s", what));
	return EXIT_SUCCESS;
}

bool logins_main(int argc, char **argv, int *ret_status)
{
	/* clang-format off */
	static const struct {
		const char *name;
		int (*fn)(int argc, char **argv);
	} commands[] = {
		{"login", login_main},
		{"logout", logout_main},
		{"accounts", accounts_main},
		{"api", ask_main},
		{"help", help_main},
	};
	/* clang-format on */

	for (size_t i = 0; argc > 1 && i < G_N_ELEMENTS(commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		umask(077);
		/* No token in a core dump, and none that another process could look at. */
		(void)prctl(PR_SET_DUMPABLE, 0);
		log_set_sink(LOG_SINK_NONE);
		*ret_status = commands[i].fn(argc - 1, argv + 1);
		return true;
	}
	return false;
}
