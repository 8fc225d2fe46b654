/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/program.h"
#include "inotify/helper.h"
#include "inotify/internal.h"

/* After so many helpers that died without doing an act no other one is started. */
#define STARTS_MAX 5

void mirror_process_init(struct mirror_process *p, const char *mountpoint,
			 const struct connection *connection)
{
	*p = (struct mirror_process){
		.mountpoint = g_strdup(mountpoint), .connection = connection, .fd = -1};
	pthread_mutex_init(&p->lock, NULL);
}

void mirror_process_clear(struct mirror_process *p)
{
	pthread_mutex_destroy(&p->lock);
	g_free(p->mountpoint);
}

/* Of our descriptors the helper gets only the socket. */
static int spawn(const char *mountpoint, unsigned minor, int socket, pid_t *ret_pid)
{
	char number[16], parent[16];
	char *argv[] = {(char *)"sparkfs",
			(char *)MIRROR_HELPER_ARG,
			(char *)mountpoint,
			number,
			parent,
			NULL};
	char *env[] = {NULL};
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int r;

	g_snprintf(number, sizeof(number), "%u", minor);
	g_snprintf(parent, sizeof(parent), "%d", (int)getpid());
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&files, socket, MIRROR_FD);
	spawn_close_from(&files, MIRROR_FD + 1);
	spawn_attributes(&attr, POSIX_SPAWN_SETSID);
	r = posix_spawn(ret_pid, "/proc/self/exe", &files, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return -r;
}

/* False: no helper may run any more, and the descriptor was not taken. */
static bool set_fd(struct mirror_process *p, int fd)
{
	bool is_over;

	pthread_mutex_lock(&p->lock);
	is_over = p->is_over;
	if (!is_over)
		p->fd = fd;
	pthread_mutex_unlock(&p->lock);
	return !is_over;
}

int mirror_process_ensure(struct mirror_process *p)
{
	_cleanup_close_ int ours = -1, theirs = -1;
	int fds[2];
	int r;

	if (p->pid)
		return 0;
	if (p->starts >= STARTS_MAX)
		return -ECANCELED;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	ours = fds[0];
	theirs = fds[1];
	if (++p->starts == STARTS_MAX)
		log_warning("fuse", "the helper of -o inotify ends again and again");
	r = spawn(p->mountpoint, p->connection->minor, theirs, &p->pid);
	if (r) {
		log_warning("fuse", "cannot start the helper of -o inotify: %s", strerror(-r));
		p->pid = 0;
		return r;
	}
	if (!set_fd(p, ours))
		return -ECANCELED;
	steal_fd(&ours);
	return 0;
}

static bool send_go(const struct mirror_process *p)
{
	char go = connection_is_up(p->connection) ? 1 : 0;

	return send(p->fd, &go, sizeof(go), MSG_NOSIGNAL) == sizeof(go);
}

int mirror_process_do(struct mirror_process *p, const struct mirror_act *act,
		      enum mirror_what what)
{
	g_autoptr(GString) packet = g_string_new(NULL);
	int result;

	g_string_append_c(packet, (char)what);
	g_string_append_len(packet, act->path, (gssize)strlen(act->path) + 1);
	if (what == MIRROR_RENAME)
		g_string_append_len(packet, act->newpath, (gssize)strlen(act->newpath) + 1);
	if (packet->len > MIRROR_PACKET_MAX)
		return -ENAMETOOLONG;
	if (send(p->fd, packet->str, packet->len, MSG_NOSIGNAL) < 0)
		return -EPIPE;
	/* This waits without a limit (mirror.h 5). */
	do {
		if (recv(p->fd, &result, sizeof(result), 0) != (ssize_t)sizeof(result))
			return -EPIPE;
	} while (result == MIRROR_STANDS && send_go(p));
	if (result == MIRROR_STANDS)
		return -EPIPE;
	p->starts = 0;
	return result;
}

void mirror_process_end(struct mirror_process *p)
{
	siginfo_t info;
	int fd;

	if (!p->pid)
		return;
	pthread_mutex_lock(&p->lock);
	fd = p->fd;
	p->fd = -1;
	pthread_mutex_unlock(&p->lock);
	if (fd >= 0)
		close(fd);
	kill(p->pid, SIGKILL);
	while (waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
		;
}

void mirror_process_reap(struct mirror_process *p)
{
	if (!p->pid)
		return;
	mirror_process_end(p);
	while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
		;
	p->pid = 0;
}

bool mirror_process_is_over(struct mirror_process *p)
{
	bool is_over;

	pthread_mutex_lock(&p->lock);
	is_over = p->is_over;
	pthread_mutex_unlock(&p->lock);
	return is_over;
}

void mirror_process_quit(struct mirror_process *p)
{
	pthread_mutex_lock(&p->lock);
	p->is_over = true;
	if (p->fd >= 0)
		shutdown(p->fd, SHUT_RDWR);
	pthread_mutex_unlock(&p->lock);
}
