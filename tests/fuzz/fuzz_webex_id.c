/* SPDX-License-Identifier: MIT */
#include <glib.h>

#include "base/timefmt.h"
#include "fuzz.h"
#include "webex/id.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	char hex[WEBEX_ID_HEX_SIZE];
	struct webex_id id, again;

	webex_id_hex(text, hex);
	fuzz_check(strlen(hex) == 32 && strspn(hex, "0123456789abcdef") == 32);
	int64_t ms = webex_id_time_ms(text);
	fuzz_check(ms == -1 || (ms >= TIME_MIN_MS && ms <= TIME_MAX_MS));
	if (webex_id_decode(text, &id) == 0 && id.type != WEBEX_TYPE_OTHER) {
		char *encoded = webex_id_encode(id.cluster, webex_type_name(id.type), id.rest);
		fuzz_check(webex_id_decode(encoded, &again) == 0);
		fuzz_check(strcmp(id.rest, again.rest) == 0 && id.type == again.type);
		fuzz_check(strcmp(id.cluster, again.cluster) == 0);
		g_free(encoded);
	}
	free(text);
	return 0;
}
