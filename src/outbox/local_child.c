/* SPDX-License-Identifier: MIT */
#include "outbox/local_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/program.h"
#include "base/snapshot.h"

/* Above the numbers that the descriptors get in the child. */
#define HIGH_FD 16

/* The file has no name, so a crash leaves nothing; the letter has the path. */
int local_spool_open(const char *dir, int *ret_fd)
{
	_cleanup_gfree_ char *path = NULL;
	uint64_t number = 0;
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
		if (getrandom(&number, sizeof(number), 0) != sizeof(number))
			return -EIO;
		path = g_strdup_printf("%s/local-%016" G_GINT64_MODIFIER "x", dir, number);
		fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd >= 0)
			unlink(path);
	}
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

/* ---- starting the child ---- */

/* The child gets only these descriptors and no environment. root -1: there is none. */
static int spawn(int socket, int spool, int root, pid_t *ret_pid)
{
	char parent[16];
	char *argv[] = {(char *)"sparkfs", (char *)LOCAL_HELPER_ARG, parent, NULL};
	char *env[] = {NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int r;

	g_snprintf(parent, sizeof(parent), "%d", (int)getpid());
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&files, socket, LOCAL_SOCKET_FD);
	posix_spawn_file_actions_adddup2(&files, spool, LOCAL_SPOOL_FD);
	if (root >= 0)
		posix_spawn_file_actions_adddup2(&files, root, LOCAL_ROOT_FD);
	spawn_close_from(&files, LOCAL_SPOOL_FD + 1 + (root >= 0 ? 1 : 0));
	spawn_attributes(&attr, POSIX_SPAWN_SETSID);
	r = posix_spawn(ret_pid, "/proc/self/exe", &files, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return -r;
}

static int start(int spool, const struct local_caller *c, struct local_child *ret_child)
{
	_cleanup_close_ int ours = -1, theirs = -1, high_socket = -1, high_spool = -1,
			    high_root = -1;
	int fds[2];
	int r;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	ours = fds[0];
	theirs = fds[1];
	high_socket = fcntl(theirs, F_DUPFD_CLOEXEC, HIGH_FD);
	high_spool = fcntl(spool, F_DUPFD_CLOEXEC, HIGH_FD);
	if (c->has_root)
		high_root = fcntl(c->root, F_DUPFD_CLOEXEC, HIGH_FD);
	if (high_socket < 0 || high_spool < 0 || (c->has_root && high_root < 0))
		return -errno;
	r = spawn(high_socket, high_spool, high_root, &ret_child->pid);
	if (r) {
		ret_child->pid = 0;
		return r;
	}
	ret_child->socket = steal_fd(&ours);
	return 0;
}

/* ---- the request and the answer ---- */

static int tell(int socket, const struct letter_local *l)
{
	const struct local_caller *c = l->caller;
	bool switches = geteuid() == 0 && c->uid != 0;
	struct local_request q = {.uid = c->uid,
				  .gid = c->gid,
				  .n_groups = switches ? (uint32_t)c->n_groups : 0,
				  .switches = switches,
				  .has_root = c->has_root};
	g_autoptr(GByteArray) packet = g_byte_array_new();

	g_byte_array_append(packet, (const guint8 *)&q, sizeof(q));
	if (q.n_groups)
		g_byte_array_append(packet, (const guint8 *)c->groups,
				    (guint)(q.n_groups * sizeof(gid_t)));
	g_byte_array_append(packet, (const guint8 *)l->path, (guint)strlen(l->path) + 1);
	return send(socket, packet->data, packet->len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno
											: 0;
}

/* Checks what can be known without a child. */
static int check(const struct letter_local *l, struct local_answer *a)
{
	const struct local_caller *c = l->caller;
	uid_t own = geteuid();

	if (!c || (own && c->uid != own && c->uid != 0))
		*a = (struct local_answer){.error = -EACCES, .why = LOCAL_WHY_NOT_YOURS};
	else if ((c->has_root && c->root < 0) ||
		 (own == 0 && c->uid != 0 &&
		  (c->n_groups < 0 || c->n_groups > LOCAL_GROUPS_MAX)))
		*a = (struct local_answer){.error = -EACCES, .why = LOCAL_WHY_RIGHTS};
	else if (strlen(l->path) >= PATH_MAX)
		*a = (struct local_answer){.error = -ENAMETOOLONG};
	return a->error;
}

int local_child_start(const struct letter_local *l, int spool, struct local_child *ret_child,
		      struct local_answer *ret_answer)
{
	snapshot_assert_none();
	*ret_child = (struct local_child){.socket = -1};
	*ret_answer = (struct local_answer){0};
	if (check(l, ret_answer))
		return ret_answer->error;
	ret_answer->error = start(spool, l->caller, ret_child);
	if (ret_answer->error == 0)
		ret_answer->error = tell(ret_child->socket, l);
	return ret_answer->error;
}

void local_child_answer(const struct local_child *c, struct local_answer *ret_answer)
{
	ssize_t n = recv(c->socket, ret_answer, sizeof(*ret_answer), MSG_DONTWAIT);

	if (n != (ssize_t)sizeof(*ret_answer) || ret_answer->error > 0)
		*ret_answer = (struct local_answer){.error = -EIO, .why = LOCAL_WHY_ENDED};
}

void local_child_kill(struct local_child *c)
{
	if (c->socket >= 0)
		close(steal_fd(&c->socket));
	if (c->pid)
		kill(c->pid, SIGKILL);
}

bool local_child_is_gone(struct local_child *c)
{
	pid_t r = c->pid ? waitpid(c->pid, NULL, WNOHANG) : -1;

	if (r == 0 || (r < 0 && c->pid && errno == EINTR))
		return false;
	c->pid = 0;
	return true;
}
