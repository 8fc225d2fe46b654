/* SPDX-License-Identifier: MIT */
/*
 * Other daemons of the same person, each with an outbox of its own beside this one
 * (main/account.h). A message that one of them sent must not be taken for the letter of another
 * that says the same:
 *
 *   - each daemon notes the ids of the messages that its letters became in the file `sent`, one
 *     a line. The first line with an id says whose message it is. A line is one write with
 *     O_APPEND, so the lines have an order without a lock.
 *   - a letter of another daemon that may be on the wire is a rival: a message that is found
 *     may be that letter. It is on the other's disk before it leaves, and its message is noted
 *     before it is removed from there. So a daemon that looks for rivals first and then claims
 *     cannot miss it.
 *
 * Thread rule: cache thread.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "outbox/internal.h"
#include "outbox/said.h"
#include "outbox/thread.h"

#define SENT "sent"
#define SENT_OLD "sent.old"
#define SENT_MAX (256 * 1024)
#define LINE_SIZE 512
/* A letter whose note is older than this cannot have become the message that was found. */
#define RECENT_MS INT64_C(1200000)

void outbox_peers_init(struct outbox *o, const char *dir)
{
	uint64_t tag = 0;

	if (!dir || getrandom(&tag, sizeof(tag), 0) != sizeof(tag))
		return;
	o->peers_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	o->peers_tag = g_strdup_printf("%016" G_GINT64_MODIFIER "x", tag);
}

void outbox_peers_done(struct outbox *o)
{
	if (o->peers_fd >= 0)
		close(o->peers_fd);
	g_free(o->peers_tag);
}

/* ---- whose a message is ---- */

static int open_sent(const struct outbox *o, const char *name, int flags)
{
	int fd = openat(o->peers_fd, name,
			O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | flags, 0600);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid())
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/*
 * Opens `sent`; a long one is renamed to the old one first. Only the daemon does that which has
 * the lock of the file and still finds it under its name.
 */
static int open_to_note(const struct outbox *o)
{
	int fd = open_sent(o, SENT, O_CREAT);
	struct stat st, named;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size <= SENT_MAX)
		return fd;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 &&
	    fstatat(o->peers_fd, SENT, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	    named.st_ino == st.st_ino && named.st_dev == st.st_dev)
		renameat(o->peers_fd, SENT, o->peers_fd, SENT_OLD);
	close(fd);
	return open_sent(o, SENT, O_CREAT);
}

/* Whose the first line with the id is: 1 ours, 0 another daemon's, -1 there is none. */
static int owner_in(const struct outbox *o, int fd, const char *id)
{
	_cleanup_gfree_ char *ending = g_strdup_printf(" %s\n", id);
	_cleanup_gfree_ char *text = g_malloc0(2 * SENT_MAX + 1);
	ssize_t len = pread(fd, text, 2 * SENT_MAX, 0);
	const char *found = len > 0 ? memmem(text, (size_t)len, ending, strlen(ending)) : NULL;
	size_t tag_len = strlen(o->peers_tag);

	if (!found || found - text < (ptrdiff_t)tag_len)
		return -1;
	return strncmp(found - tag_len, o->peers_tag, tag_len) == 0;
}

bool outbox_peers_claim(struct outbox *o, const char *id)
{
	char line[LINE_SIZE];
	int fd, old, owner = -1;
	int len;

	if (o->peers_fd < 0)
		return true;
	len = snprintf(line, sizeof(line), "%s %s\n", o->peers_tag, id);
	fd = len < LINE_SIZE ? open_to_note(o) : -1;
	/* With a full disk the lines of the others are read at least. */
	if (fd >= 0 && write(fd, line, (size_t)len) != len)
		log_warning("cache", "which messages were sent from here cannot be noted");
	old = open_sent(o, SENT_OLD, 0);
	if (old >= 0)
		owner = owner_in(o, old, id);
	if (owner < 0 && fd >= 0)
		owner = owner_in(o, fd, id);
	if (old >= 0)
		close(old);
	if (fd >= 0)
		close(fd);
	return owner != 0;
}

/* ---- rivals ---- */

static bool says_same(struct outbox *there, int64_t n, const struct outbox_letter *l,
		      struct outbox_letter *k)
{
	_cleanup_close_ int fd = -1;

	if (k->form == LETTER_FILE)
		return said_is_same(k, l);
	if (k->size < 0 || k->size > OUTBOX_BODY_MAX || outbox_files_open_body(there, n, &fd))
		return false;
	g_free(k->body);
	k->body = g_malloc0((gsize)k->size + 1);
	k->body_len = (size_t)k->size;
	return pread(fd, k->body, k->body_len, 0) == k->size && said_is_same(k, l);
}

/* `o`: ours, whose store knows which messages are replies. */
static bool is_rival(const struct outbox *o, struct outbox *there, int64_t n,
		     const struct outbox_letter *l)
{
	struct outbox_letter *k = NULL;
	struct outbox_note note = {0};
	bool is = outbox_files_get(there, n, &k, &note, NULL) == 0 &&
		  note.state != OUTBOX_UNSENT && k->is_edit == l->is_edit &&
		  destination_is_same(&k->to, &l->to) && says_same(there, n, l, k) &&
		  thread_may_be_same(o, k, l);

	outbox_letter_free(k);
	outbox_note_clear(&note);
	return is;
}

/* True for the "<n>.json" of a recent letter. */
static bool parse(int dir_fd, const char *name, int64_t now_ms, int64_t *ret_n)
{
	struct stat st;

	if (!outbox_parse_name(name, "json", ret_n) ||
	    fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	return (int64_t)st.st_mtim.tv_sec * 1000 > now_ms - RECENT_MS;
}

static bool has_rival_in(const struct outbox *o, struct outbox *there,
			 const struct outbox_letter *l, int64_t now_ms)
{
	int copy = fcntl(there->dir_fd, F_DUPFD_CLOEXEC, 0);
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *entry;
	bool has = false;
	int64_t n;

	if (!dir && copy >= 0)
		close(copy);
	while (dir && !has && (entry = readdir(dir)))
		has = parse(there->dir_fd, entry->d_name, now_ms, &n) &&
		      is_rival(o, there, n, l);
	if (dir)
		closedir(dir);
	return has;
}

static bool is_own(const struct outbox *o, int fd)
{
	struct stat own, st;

	return fstat(o->dir_fd, &own) < 0 || fstat(fd, &st) < 0 ||
	       (own.st_dev == st.st_dev && own.st_ino == st.st_ino);
}

bool outbox_peers_have_rival(const struct letter_job *job)
{
	struct outbox *o = job->o;
	int copy = o->peers_fd >= 0 ? fcntl(o->peers_fd, F_DUPFD_CLOEXEC, 0) : -1;
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *entry;
	bool has = false;

	if (!dir && copy >= 0)
		close(copy);
	if (dir)
		rewinddir(dir);
	while (dir && !has && (entry = readdir(dir))) {
		_cleanup_gfree_ char *path = g_build_filename(entry->d_name, "outbox", NULL);
		struct outbox there = {.dir_fd = -1};

		if (entry->d_name[0] == '.')
			continue;
		there.dir_fd = openat(o->peers_fd, path,
				      O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (there.dir_fd < 0)
			continue;
		has = !is_own(o, there.dir_fd) &&
		      has_rival_in(o, &there, job->letter, clock_wall(o->clock));
		close(there.dir_fd);
	}
	if (dir)
		closedir(dir);
	return has;
}
