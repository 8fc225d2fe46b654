/* SPDX-License-Identifier: MIT */
/* The names that programs pass files by: platform.md 6 says which program makes which. */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "base/names.h"

/* vim probes 4913, 5036, 5159 ... until it finds a free name. */
#define VIM_PROBE_FIRST 4913
#define VIM_PROBE_STEP 123
#define VIM_PROBES 20

static bool is_vim_probe(const char *name)
{
	long n;

	if (strlen(name) != 4 || strspn(name, "0123456789") != 4)
		return false;
	n = strtol(name, NULL, 10) - VIM_PROBE_FIRST;
	return n >= 0 && n % VIM_PROBE_STEP == 0 && n / VIM_PROBE_STEP < VIM_PROBES;
}

/* "sed" and the six characters of mkstemp, of which one must be an upper-case letter or a
 * digit: "sedation" is a word. */
static bool is_sed_temp(const char *name)
{
	bool random = false;

	if (strlen(name) != 9 || !g_str_has_prefix(name, "sed"))
		return false;
	for (const char *p = name + 3; *p; p++) {
		if (!g_ascii_isalnum(*p))
			return false;
		random |= !g_ascii_islower(*p);
	}
	return random;
}

/* ---- names that only certain programs give to temporary files ---- */

#define WORD G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS
#define RANDOM_LEN 6

/* `text` consists of exactly `len` letters and digits. */
static bool is_tail(const char *text, size_t len)
{
	return strlen(text) == len && strspn(text, WORD) == len;
}

/* The program's own prefix and the six characters of mkstemp. Since the program is known, they
 * may look like a word. */
static bool has_makers_prefix(const char *name, const char *comm)
{
	static const struct {
		const char *comm, *prefix;
	} makers[] = {{"sed", "sed"}, {"zip", "zi"}};

	for (size_t i = 0; i < G_N_ELEMENTS(makers); i++) {
		if (strcmp(comm, makers[i].comm) == 0 &&
		    g_str_has_prefix(name, makers[i].prefix))
			return is_tail(name + strlen(makers[i].prefix), RANDOM_LEN);
	}
	return false;
}

bool name_is_left_by(const char *name, const char *comm)
{
	return strcmp(comm, "patch") == 0 &&
	       (g_str_has_suffix(name, ".orig") || g_str_has_suffix(name, ".rej"));
}

/* patch(1) writes its output, rejects and input as "<file>.oXXXXXX", with the file's mode. */
static bool is_of_patch(const char *name, const char *comm)
{
	const char *dot = strrchr(name, '.');

	if (strcmp(comm, "patch") != 0 || !dot || dot == name)
		return false;
	return dot[1] && strchr("oirp", dot[1]) && is_tail(dot + 2, RANDOM_LEN);
}

/* The files of an unfinished transaction that SQLite keeps beside a database. It opens them
 * with O_NOFOLLOW. */
static bool is_of_sqlite(const char *name, const struct name_birth *birth)
{
	static const char *const tails[] = {"-journal", "-wal", "-shm"};

	for (size_t i = 0; birth->is_guarded && i < G_N_ELEMENTS(tails); i++) {
		if (g_str_has_suffix(name, tails[i]) && strlen(name) > strlen(tails[i]))
			return true;
	}
	return false;
}

/* ---- names that mkstemp and its like make ---- */

/*
 * Counts what words do not have: an upper-case letter behind a lower-case one, a letter behind
 * a digit, a lower-case letter behind two upper-case ones. "report", "Report", "REPORT" and
 * "report12" have no such break; of the 62^6 random tails one in forty has none.
 */
static int count_breaks(const char *text, size_t len)
{
	int n = 0;

	for (size_t i = 1; i < len; i++) {
		bool upper = g_ascii_isupper(text[i]), lower = g_ascii_islower(text[i]);

		n += upper && g_ascii_islower(text[i - 1]);
		n += (upper || lower) && g_ascii_isdigit(text[i - 1]);
		n += lower && i > 1 && g_ascii_isupper(text[i - 1]) &&
		     g_ascii_isupper(text[i - 2]);
	}
	return n;
}

static size_t word_at_end(const char *text, size_t len)
{
	size_t n = 0;

	/* Python's random characters include the underscore. */
	while (n < len && (g_ascii_isalnum(text[len - n - 1]) || text[len - n - 1] == '_'))
		n++;
	return n;
}

static size_t digits_at_end(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && g_ascii_isdigit(text[len - n - 1]))
		n++;
	return n;
}

/* os.CreateTemp of Go ends a name with a number of mostly ten digits. A date has eight. */
#define NUMBER_LEN_MIN 9
#define NUMBER_LEN_MAX 10
/* So many random characters has Python's tempfile; Perl's File::Temp has ten. */
#define LONG_LEN 8

/* True if this part of a name ends with random characters. Dots divide the parts, since
 * mkstemps puts a suffix behind the random characters. One random tail in forty looks like a
 * word: if the program asked for mode 0600 itself, the last part counts as random all the same. */
static bool is_random_part(const char *part, size_t len, const struct name_birth *birth)
{
	size_t word = word_at_end(part, len);

	if (birth->is_guarded && word >= LONG_LEN)
		return true;
	if (birth->is_chosen && !part[len] && word >= RANDOM_LEN)
		return true;
	if (digits_at_end(part, len) >= NUMBER_LEN_MIN &&
	    digits_at_end(part, len) <= NUMBER_LEN_MAX)
		return true;
	return word >= RANDOM_LEN && count_breaks(part + len - RANDOM_LEN, RANDOM_LEN) > 0;
}

static bool has_random_part(const char *name, const struct name_birth *birth)
{
	for (const char *part = name; *part;) {
		size_t len = strcspn(part, ".");

		if (is_random_part(part, len, birth))
			return true;
		part += len + (part[len] == '.');
	}
	return false;
}

/* Known templates. Since the prefix tells, their random characters may look like a word. */
static bool is_known_template(const char *name)
{
	static const struct {
		const char *prefix;
		size_t len;
	} templates[] = {
		{"XX", RANDOM_LEN},	/* perl -i */
		{"d2utmp", RANDOM_LEN}, /* dos2unix */
		{"st", RANDOM_LEN},	/* strip, ar */
		{"tmp.", 10},		/* mktemp */
		{"tmp", LONG_LEN},	/* Python */
	};
	const char *gawk = strstr(name, ".gawk.");

	for (size_t i = 0; i < G_N_ELEMENTS(templates); i++) {
		if (g_str_has_prefix(name, templates[i].prefix) &&
		    is_tail(name + strlen(templates[i].prefix), templates[i].len))
			return true;
	}
	return gawk && is_tail(gawk + strlen(".gawk."), RANDOM_LEN);
}

/* "<file>.XXXXXX", whatever its mode: GLib creates the file with the mode that it is to have in
 * the end. */
static bool is_beside(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && dot > name && is_tail(dot + 1, RANDOM_LEN) &&
	       count_breaks(dot + 1, RANDOM_LEN) > 1;
}

bool name_is_passing(const char *name, const struct name_birth *birth)
{
	size_t len = strlen(name);

	if (name_is_scratch(name) || has_makers_prefix(name, birth->comm) ||
	    is_of_patch(name, birth->comm) || name_is_left_by(name, birth->comm) ||
	    is_of_sqlite(name, birth))
		return true;
	if (!birth->is_exclusive)
		return false;
	/* Locks of git, and of programs that do as it does, are renamed onto the file that they
	 * lock. */
	if (len > strlen(".lock") && g_str_has_suffix(name, ".lock"))
		return true;
	if (!birth->is_private)
		return is_beside(name);
	return is_known_template(name) || has_random_part(name, birth);
}

/* ---- names that only programs make ---- */

/* rsync's ".NAME.XXXXXX", and what is left when one names a file like it: ".bashrc.backup" is a
 * word. */
static bool is_random_dot_name(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot > name && is_tail(dot + 1, RANDOM_LEN) &&
	       count_breaks(dot + 1, RANDOM_LEN) > 0;
}

bool name_is_made_for(const char *temp, const char *name)
{
	const char *rest = name + (*name == '.');
	size_t len = strlen(rest);

	return *temp == '.' && strncmp(temp + 1, rest, len) == 0 && temp[1 + len] == '.' &&
	       is_tail(temp + len + 2, RANDOM_LEN);
}

/* "lu8231ab.tmp": "lu", the number of the process, and more. */
static bool is_of_libreoffice(const char *name)
{
	return g_str_has_prefix(name, "lu") && g_ascii_isdigit(name[2]) &&
	       strcmp(name + strcspn(name, "."), ".tmp") == 0;
}

bool name_is_lock(const char *name)
{
	return g_str_has_prefix(name, ".#") || g_str_has_prefix(name, ".~lock.");
}

/* vim's .NAME.swp, .swo and so on, and .NAME.swpx, by which it finds out what names there can be. */
static bool is_vim_swap(const char *name)
{
	const char *ending = strrchr(name, '.');
	size_t len = ending ? strlen(ending) : 0;

	return *name == '.' && g_str_has_prefix(ending, ".sw") &&
	       (len == 4 || (len == 5 && ending[4] == 'x'));
}

bool name_is_meant(const char *name)
{
	static const char *const prefixes[] = {
		"._", "#", ".goutputstream-", ".fuse_hidden", ".nfs", ".xdp-", ".unison."};
	static const char *const names[] = {".DS_Store", ".directory", ".hidden"};
	const char *ending = strrchr(name, '.');

	if (!name_is_scratch(name) || name_is_lock(name) || is_vim_probe(name) ||
	    is_sed_temp(name) || is_random_dot_name(name) || is_of_libreoffice(name))
		return false;
	for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
		if (g_str_has_prefix(name, prefixes[i]))
			return false;
	}
	for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
		if (strcmp(name, names[i]) == 0)
			return false;
	}
	return !(*name == '.' && ending > name &&
		 (is_vim_swap(name) || strcmp(ending, ".kate-swp") == 0));
}

bool name_is_trash(const char *name)
{
	return g_str_has_prefix(name, ".Trash");
}

bool name_is_scratch(const char *name)
{
	size_t len = strlen(name);

	/*
	 * Every dot name is scratch: swap files, temporary files of rsync and GTK, locks,
	 * .DS_Store, ._x. None of them would come back from the server under its own name,
	 * since what it names never starts with a dot here.
	 */
	if (*name == '.')
		return !name_is_trash(name);
	if (len > 1 && name[len - 1] == '~')
		return true;
	if (len > 2 && name[0] == '#' && name[len - 1] == '#')
		return true;
	/* .tmp is what LibreOffice, Word and others write beside a file before they rename it. */
	if ((len > 5 && g_str_has_suffix(name, ".part")) ||
	    (len > 4 && g_str_has_suffix(name, ".tmp")) ||
	    (len > 11 && g_str_has_suffix(name, ".crdownload")))
		return true;
	if (strcmp(name, "Thumbs.db") == 0 || strcmp(name, "desktop.ini") == 0)
		return true;
	return is_vim_probe(name) || is_sed_temp(name);
}

bool name_is_kept_beside(const char *name)
{
	size_t len = strlen(name);

	/* LibreOffice's .~lock.NAME# */
	return len > 1 && (name[len - 1] == '~' || name[len - 1] == '#' || *name == '#' ||
			   g_str_has_prefix(name, ".#") || is_vim_swap(name));
}
