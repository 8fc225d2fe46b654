/* SPDX-License-Identifier: MIT */
#include <glib.h>

#include "base/names.h"
#include "fuzz.h"

static void check_name(const char *name, size_t max_bytes)
{
	size_t len = strlen(name);

	fuzz_check(len > 0 && len <= max_bytes && g_utf8_validate(name, -1, NULL));
	fuzz_check(*name != '.' && *name != '-' && !strchr(name, '/'));
	for (const char *p = name; *p; p = g_utf8_next_char(p)) {
		gunichar c = g_utf8_get_char(p);

		fuzz_check(!g_unichar_iscntrl(c));
		fuzz_check(!(c >= 0x202A && c <= 0x202E) && !(c >= 0x2066 && c <= 0x2069));
		fuzz_check(c != 0x200E && c != 0x200F && c != 0x061C);
	}
}

static void check_title(const char *text)
{
	char *name = name_from_title(text, NAME_MAX_BYTES);
	char *again = name_from_title(name, NAME_MAX_BYTES);
	char *shorter = name_from_title(text, 20);
	char *file = name_from_file(text, NAME_MAX_BYTES);
	char *file_again = name_from_file(file, NAME_MAX_BYTES);
	char *other = name_file_with_suffix(file, "0123456789abcdef0123456789abcdef", 8);
	char *title = name_to_title(name);
	char *suffixed = name_with_suffix(text, "0123456789abcdef0123456789abcdef", 32);

	check_name(name, NAME_MAX_BYTES);
	check_name(shorter, 20);
	check_name(suffixed, NAME_MAX_BYTES);
	check_name(file, NAME_MAX_BYTES);
	check_name(other, NAME_MAX_BYTES);
	fuzz_check(strcmp(file, file_again) == 0 && strcmp(file, other) != 0);
	/* What was cleaned is clean, and can be typed to mkdir. */
	fuzz_check(strcmp(name, again) == 0);
	fuzz_check(title != NULL);
	g_free(name);
	g_free(again);
	g_free(shorter);
	g_free(title);
	g_free(suffixed);
	g_free(file);
	g_free(file_again);
	g_free(other);
}

static void check_typed(const char *text)
{
	char *title = name_to_title(text);

	if (title) {
		char *name = name_from_title(title, NAME_MAX_BYTES);

		fuzz_check(strcmp(name, text) == 0);
		g_free(name);
	}
	g_free(title);
}

/* However a name was composed, its key is the same. */
static void check_key(const char *text)
{
	char *name = name_from_title(text, NAME_MAX_BYTES);
	char *apart = g_utf8_normalize(name, -1, G_NORMALIZE_NFD);
	char *key = name_key(name);
	char *again = name_key(apart);

	fuzz_check(g_utf8_validate(key, -1, NULL) && strcmp(key, again) == 0);
	g_free(name);
	g_free(apart);
	g_free(key);
	g_free(again);
}

static void check_message(const char *text)
{
	char *stem = name_message_stem(INT64_C(1741080031507), text, "31ed6d50f8d9", "0a1b");
	char *file = g_strconcat(stem, ".txt", NULL);
	enum name_twin twin;
	size_t stem_len;

	check_name(stem, NAME_STEM_MAX_BYTES);
	fuzz_check(name_parse_message(file, &stem_len, &twin));
	fuzz_check(stem_len == strlen(stem) && twin == NAME_TXT);
	if (name_parse_message(text, &stem_len, &twin)) {
		check_name(text, NAME_MAX_BYTES);
		fuzz_check(stem_len < strlen(text) && stem_len <= NAME_STEM_MAX_BYTES);
	}
	g_free(stem);
	g_free(file);
}

/* The more its birth tells, the more it is in passing. */
static void check_passing(const char *text)
{
	struct name_birth birth = {.comm = "patch"};
	bool was = name_is_passing(text, &birth);

	fuzz_check(was || !name_is_scratch(text));
	birth.is_exclusive = birth.is_private = true;
	fuzz_check(!was || name_is_passing(text, &birth));
	was = name_is_passing(text, &birth);
	birth.is_guarded = true;
	fuzz_check(!was || name_is_passing(text, &birth));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	check_title(text);
	check_typed(text);
	check_key(text);
	check_message(text);
	if (name_is_address(text))
		fuzz_check(strlen(text) <= 254 && strchr(text, '@') && !strchr(text, '/'));
	fuzz_check(!(name_is_scratch(text) && name_is_trash(text)));
	check_passing(text);
	free(text);
	return 0;
}
