/* SPDX-License-Identifier: MIT */
/*
 * post.json with "files": ["/a/local/path"]: text and file in one message. Only the path is
 * found here. Opening the file may wait (outbox/local_file.h), so it is read when the letter is
 * submitted, and its errors are those of the close.
 */
#include <errno.h>

#include "base/cleanup.h"
#include "base/names.h"
#include "outbox/local_file.h"
#include "tree/internal.h"

int tree_find_local(struct outbox_letter *l, const struct local_caller *caller,
		    char **ret_reason)
{
	struct webex_local local = {0};
	_cleanup_gfree_ char *base = NULL;
	enum name_twin twin;
	size_t stem_len;
	int r = webex_post_local(l->body, l->body_len, l->to.room_id, l->to.email,
				 l->to.parent_id, &local, ret_reason);

	if (r < 0 || !local.path)
		return r;
	l->local = g_new0(struct letter_local, 1);
	l->local->path = g_steal_pointer(&local.path);
	l->local->text = g_steal_pointer(&local.text);
	l->local->markdown = g_steal_pointer(&local.markdown);
	l->local->parent_id = g_steal_pointer(&local.parent_id);
	l->local->caller = local_caller_copy(caller);
	webex_local_clear(&local);
	/* No file may have a name of a message's form, whatever way it is sent. */
	base = g_path_get_basename(l->local->path);
	if (l->filename || !name_parse_message(base, &stem_len, &twin))
		return 0;
	*ret_reason =
		g_strdup_printf("the file %s: this is the name of a message, which no file can "
				"have; give it another one",
				l->local->path);
	return -EPERM;
}
