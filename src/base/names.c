/* SPDX-License-Identifier: MIT */
#include "base/names.h"

#include <glib.h>
#include <string.h>

#include "base/chars.h"
#include "base/cleanup.h"
#include "base/timefmt.h"

#define DIVISION_SLASH 0x2215
#define ZERO_WIDTH_JOINER 0x200D

/* At most so many characters more are cut to keep a combining sequence whole. */
#define CUT_BACK_CHARS 16

#define STAMP_BYTES (TIME_ISO_SIZE - 1)
/* "~" and 32 hex digits fit behind every stem. */
#define TIE_BYTES 34
#define AUTHOR_MAX_BYTES (NAME_STEM_MAX_BYTES - TIE_BYTES - STAMP_BYTES - 1)
#define ADDRESS_MAX_BYTES 254

static bool is_unsafe(gunichar c)
{
	return char_is_unsafe(c) || c == 0x200E || c == 0x200F || c == 0x061C;
}

/* The character at *at as a name may hold it; moves *at past it, one byte if it is invalid. */
static gunichar take_clean(const char **at)
{
	gunichar c = g_utf8_get_char_validated(*at, -1);

	if (c == (gunichar)-1 || c == (gunichar)-2) {
		(*at)++;
		return CHAR_REPLACEMENT;
	}
	*at = g_utf8_next_char(*at);
	if (c == '/')
		return DIVISION_SLASH;
	return is_unsafe(c) ? CHAR_REPLACEMENT : c;
}

static bool joins_previous(gunichar c)
{
	return g_unichar_ismark(c) || c == ZERO_WIDTH_JOINER;
}

/* `dropped` is the first character that did not fit. If it combines with the characters before
 * it, they are cut off `s`, too. */
static void cut_sequence(GString *s, gunichar dropped)
{
	gsize len = s->len;

	for (int i = 0; i < CUT_BACK_CHARS && len > 0; i++) {
		const char *prev = g_utf8_find_prev_char(s->str, s->str + len);
		gunichar last = g_utf8_get_char(prev);

		if (!joins_previous(dropped) && last != ZERO_WIDTH_JOINER) {
			g_string_truncate(s, len);
			return;
		}
		len = (gsize)(prev - s->str);
		dropped = last;
	}
}

static bool is_blank(const char *s)
{
	for (; *s; s = g_utf8_next_char(s)) {
		if (!g_unichar_isspace(g_utf8_get_char(s)))
			return false;
	}
	return true;
}

char *name_from_title(const char *title, size_t max_bytes)
{
	size_t limit = MIN(max_bytes, NAME_MAX_BYTES);
	GString *name = g_string_new(NULL);

	if (*title == '.' || *title == '-')
		g_string_append_c(name, '_');
	while (*title) {
		gunichar c = take_clean(&title);

		if (name->len + (gsize)g_unichar_to_utf8(c, NULL) > limit) {
			cut_sequence(name, c);
			break;
		}
		g_string_append_unichar(name, c);
	}
	if (is_blank(name->str))
		g_string_assign(name, "_");
	return g_string_free(name, FALSE);
}

char *name_to_title(const char *name)
{
	_cleanup_gfree_ char *again = NULL;
	GString *title = g_string_new(NULL);

	for (const char *p = name; *p;) {
		static const char slash[] = "\xE2\x88\x95";

		if (g_str_has_prefix(p, slash)) {
			g_string_append_c(title, '/');
			p += strlen(slash);
		} else {
			g_string_append_c(title, *p++);
		}
	}
	again = name_from_title(title->str, NAME_MAX_BYTES);
	if (strcmp(again, name) != 0) {
		g_string_free(title, TRUE);
		return NULL;
	}
	return g_string_free(title, FALSE);
}

char *name_key(const char *name)
{
	_cleanup_gfree_ char *valid = g_utf8_make_valid(name, -1);
	_cleanup_gfree_ char *composed = NULL, *folded = NULL;

	composed = g_utf8_normalize(valid, -1, G_NORMALIZE_DEFAULT_COMPOSE);
	folded = g_utf8_casefold(composed, -1);
	return g_utf8_normalize(folded, -1, G_NORMALIZE_DEFAULT_COMPOSE);
}

static size_t hex_length(const char *s)
{
	size_t n = 0;

	while (g_ascii_isxdigit(s[n]))
		n++;
	return n;
}

char *name_with_suffix(const char *base, const char *hex, size_t digits)
{
	_cleanup_gfree_ char *cut = NULL;

	digits = MIN(CLAMP(digits, 8, 32), hex_length(hex));
	cut = name_from_title(base, NAME_MAX_BYTES - digits - strlen(" ~"));
	return g_strdup_printf("%s ~%.*s", cut, (int)digits, hex);
}

/* The author's part of a stem. name_parse_message() accepts only an author that this leaves
 * unchanged. */
static char *clean_author(const char *author)
{
	_cleanup_gfree_ char *name = name_from_title(author, AUTHOR_MAX_BYTES);
	GString *clean = g_string_new(NULL);

	for (const char *p = name; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		g_string_append_unichar(clean, c == '~' || g_unichar_isspace(c) ? '_' : c);
	}
	return g_string_free(clean, FALSE);
}

char *name_message_stem(int64_t created_ms, const char *email, const char *person_hex,
			const char *tie_hex)
{
	_cleanup_gfree_ char *author = NULL;
	char stamp[TIME_ISO_SIZE];

	time_format_name(created_ms, stamp);
	if (email && name_is_address(email)) {
		author = clean_author(email);
	} else {
		const char *hex = person_hex ? person_hex : "";

		author = g_strdup_printf("unknown-%.*s", (int)MIN(hex_length(hex), 8), hex);
	}
	if (!tie_hex)
		return g_strdup_printf("%s_%s", stamp, author);
	return g_strdup_printf("%s_%s~%.*s", stamp, author, (int)MIN(hex_length(tie_hex), 32),
			       tie_hex);
}

const char *name_stem_author(const char *stem, size_t *ret_len)
{
	const char *author = strlen(stem) > STAMP_BYTES ? stem + STAMP_BYTES + 1 : "";

	/* No author has a '~'. */
	*ret_len = strcspn(author, "~");
	return author;
}

static bool split_twin(const char *name, size_t *ret_stem_len, enum name_twin *ret_twin)
{
	/* The longer one of two that fit stands first. */
	static const struct {
		enum name_twin twin;
		const char *suffix;
	} twins[] = {
		{NAME_CARD_JSON, ".card.json"},
		{NAME_SUBMIT_JSON, ".submit.json"},
		{NAME_TXT, ".txt"},
		{NAME_MD, ".md"},
		{NAME_HTML, ".html"},
		{NAME_JSON, ".json"},
	};

	for (size_t i = 0; i < G_N_ELEMENTS(twins); i++) {
		if (g_str_has_suffix(name, twins[i].suffix)) {
			*ret_stem_len = strlen(name) - strlen(twins[i].suffix);
			*ret_twin = twins[i].twin;
			return true;
		}
	}
	return false;
}

static bool is_author(const char *author)
{
	_cleanup_gfree_ char *clean = clean_author(author);

	return *author && strcmp(clean, author) == 0;
}

static bool is_tie(const char *tie)
{
	size_t n = strlen(tie);

	return n >= 1 && n <= 32 && strspn(tie, "0123456789abcdef") == n;
}

bool name_parse_message(const char *name, size_t *ret_stem_len, enum name_twin *ret_twin)
{
	_cleanup_gfree_ char *stem = NULL;
	enum name_twin twin;
	size_t stem_len;
	int64_t ms;
	char *tie;

	if (!split_twin(name, &stem_len, &twin) || stem_len <= STAMP_BYTES + 1 ||
	    stem_len > NAME_STEM_MAX_BYTES || name[STAMP_BYTES] != '_')
		return false;
	stem = g_strndup(name, stem_len);
	stem[STAMP_BYTES] = '\0';
	if (time_parse_name(stem, &ms) < 0)
		return false;
	tie = strchr(stem + STAMP_BYTES + 1, '~');
	if (tie)
		*tie++ = '\0';
	if (!is_author(stem + STAMP_BYTES + 1) || (tie && !is_tie(tie)))
		return false;
	*ret_stem_len = stem_len;
	*ret_twin = twin;
	return true;
}

bool name_is_address(const char *name)
{
	size_t len = strnlen(name, ADDRESS_MAX_BYTES + 1);
	const char *at = strchr(name, '@');

	if (len > ADDRESS_MAX_BYTES || !g_utf8_validate(name, (gssize)len, NULL))
		return false;
	if (!at || at == name || !at[1] || strchr(at + 1, '@') || *name == '-' || *name == '.')
		return false;
	for (const char *p = name; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		if (c == '/' || is_unsafe(c) || g_unichar_isspace(c))
			return false;
	}
	return true;
}
