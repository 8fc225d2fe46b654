/* SPDX-License-Identifier: MIT */
#include "operations.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define SPACES_MAX 60
#define PATH_SIZE 4096

static const char *mountpoint;
static char *spaces[SPACES_MAX];
static unsigned space_count;
static bool is_calm;

/* What an operation is told is not judged here. */
static void ignore(long result)
{
	(void)result;
}

/* A path below the mount point. */
__attribute__((format(printf, 2, 3))) static void put(char *path, const char *format, ...)
{
	size_t n = (size_t)snprintf(path, PATH_SIZE, "%s/", mountpoint);
	va_list args;

	va_start(args, format);
	if (n < PATH_SIZE)
		vsnprintf(path + n, PATH_SIZE - n, format, args);
	va_end(args);
}

static const char *a_space(void)
{
	return space_count ? spaces[pick(space_count)] : "none";
}

void operations_begin(const char *path_of_mount, bool calm)
{
	char path[PATH_SIZE];
	struct dirent *e;
	DIR *dir;

	mountpoint = path_of_mount;
	is_calm = calm;
	put(path, "spaces");
	dir = opendir(path);
	if (!dir)
		return;
	while (space_count < SPACES_MAX && (e = readdir(dir)))
		if (e->d_name[0] != '.' && !(is_calm && strncmp(e->d_name, "Kept", 4) == 0))
			spaces[space_count++] = strdup(e->d_name);
	closedir(dir);
}

/* Any entry of `dir`, each as likely as the others. */
static bool any_entry(const char *dir, char *path)
{
	unsigned seen = 0;
	struct dirent *e;
	DIR *d = opendir(dir);

	if (!d)
		return false;
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && one_in(++seen) &&
		    snprintf(path, PATH_SIZE, "%s/%s", dir, e->d_name) >= PATH_SIZE)
			seen--;
	closedir(d);
	return seen > 0;
}

/* Any directory that a person meets. */
static void any_dir(char *path)
{
	static const char *const below[] = {"",
					    "/files",
					    "/members",
					    "/history",
					    "/../../.sparkfs/unsent",
					    "/files/..",
					    "/../../direct",
					    "/../../people",
					    "/../../.sparkfs"};

	put(path, "spaces/%s%s", a_space(), pick_of(below));
}

/* ---- reading ---- */

/* A mapping may end in SIGBUS (the file shrinks, the network fails), so a child touches it. */
static void touch_mapping(int fd)
{
	struct stat st;
	size_t size;
	volatile const char *map;
	pid_t child;

	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size <= 0)
		return;
	size = st.st_size < 1000000 ? (size_t)st.st_size : 1000000;
	map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (map == MAP_FAILED)
		return;
	child = fork();
	if (child == 0) {
		signal(SIGBUS, SIG_DFL);
		(void)map[pick((unsigned)size)];
		_exit(0);
	}
	if (child > 0)
		waitpid(child, NULL, 0);
	munmap((void *)map, size);
}

static void read_some(const char *path)
{
	static char buf[70000];
	int fd = open(path, O_RDONLY | (one_in(3) ? O_NONBLOCK : 0));

	if (fd < 0)
		return;
	for (unsigned left = 1 + pick(6); left; left--) {
		if (one_in(2))
			ignore(pread(fd, buf, 1 + pick(sizeof(buf)), pick(300000)));
		else if (read(fd, buf, 1 + pick(sizeof(buf))) <= 0)
			break;
	}
	if (one_in(4))
		touch_mapping(fd);
	close(fd);
}

static void read_any(void)
{
	char dir[PATH_SIZE], path[PATH_SIZE];

	any_dir(dir);
	if (any_entry(dir, path))
		read_some(path);
}

static void read_named(void)
{
	static const char *const names[] = {"last", "transcript.log", "space.json", "post"};
	char path[PATH_SIZE];

	put(path, "spaces/%s/%s", a_space(), pick_of(names));
	read_some(path);
}

static void read_control(void)
{
	static const char *const names[] = {"status.json", "log", "last-error", "transfers"};
	char path[PATH_SIZE];

	put(path, ".sparkfs/%s", pick_of(names));
	read_some(path);
}

static void read_month(void)
{
	char dir[PATH_SIZE], month[PATH_SIZE], path[PATH_SIZE];

	put(dir, "spaces/%s/history", a_space());
	if (any_entry(dir, month) && any_entry(month, path))
		read_some(path);
}

static void read_events(void)
{
	char path[PATH_SIZE], buf[4096];
	struct pollfd p = {.events = POLLIN};

	put(path, "events%s", one_in(2) ? "" : "@0");
	p.fd = open(path, O_RDONLY | (one_in(2) ? O_NONBLOCK : 0));
	if (p.fd < 0)
		return;
	alarm(1);
	for (unsigned i = 0; i < 3; i++) {
		poll(&p, 1, 300);
		if (read(p.fd, buf, 1 + pick(sizeof(buf))) <= 0)
			break;
	}
	close(p.fd);
}

static void list_space(void)
{
	char path[PATH_SIZE];
	struct dirent *e;
	struct stat st;
	DIR *dir;

	put(path, "spaces/%s", a_space());
	dir = opendir(path);
	if (!dir)
		return;
	for (unsigned left = 500; left && (e = readdir(dir)); left--) {
		if (one_in(20))
			ignore(fstatat(dirfd(dir), e->d_name, &st, 0));
		if (one_in(100))
			seekdir(dir, telldir(dir));
	}
	closedir(dir);
}

static void look_up(void)
{
	static const char *const people[] = {"bob", "erin", "who"};
	static const char *const below[] = {"", "/post", "/transcript.log", "/last"};
	char path[PATH_SIZE];
	struct statvfs fs;
	struct stat st;

	switch (pick(4)) {
	case 0:
		put(path, "spaces/%s/nosuch%u", a_space(), dice());
		break;
	case 1:
		put(path, "people/p%u@x.example.json", pick(50));
		break;
	case 2:
		ignore(statvfs(mountpoint, &fs));
		put(path, "direct/%s@example.com", pick_of(people));
		break;
	default:
		put(path, "direct/%s@example.com%s", pick_of(people), pick_of(below));
	}
	if (stat(path, &st) == 0 && S_ISREG(st.st_mode))
		read_some(path);
}

/* ---- writing ---- */

/* A child writes to a copy of the descriptor and closes it, as a shell's command does. */
static void write_by_child(int fd, const char *buf)
{
	int copy = dup(fd);
	pid_t child = fork();

	if (child == 0) {
		ignore(write(copy, buf, 3));
		close(copy);
		_exit(0);
	}
	close(copy);
	if (child > 0)
		waitpid(child, NULL, 0);
}

/* Fills `buf` with what nothing else that is written begins with. Returns the length of that. */
static size_t fill(char *buf, size_t size)
{
	static unsigned count;
	int n;

	memset(buf, (int)('a' + pick(26)), size);
	n = snprintf(buf, size, "P%d-%lld-%u;", (int)getpid(), (long long)time(NULL), count++);
	buf[n] = 'x';
	return (size_t)n;
}

static void write_some(const char *path, int flags, size_t n)
{
	char buf[8192];
	int fd = open(path, flags, one_in(2) ? 0600 : 0644);

	if (fd < 0)
		return;
	n += n ? fill(buf, sizeof(buf)) : 0;
	n = n < sizeof(buf) ? n : sizeof(buf);
	switch (pick(10)) {
	case 0:
		break;
	case 1:
		ignore(write(fd, buf, n));
		ignore(ftruncate(fd, pick(100)));
		break;
	case 2:
		ignore(write(fd, buf, n));
		fsync(fd);
		fill(buf, sizeof(buf));
		ignore(write(fd, buf, n / 2));
		break;
	case 3:
		ignore(pwrite(fd, buf, n, pick(5000)));
		break;
	case 4:
		ignore(write(fd, buf, n));
		write_by_child(fd, buf);
		break;
	case 5:
		ignore(write(fd, "\xff\xfe", 2));
		break;
	case 6:
		ignore(fallocate(fd, 0, 0, 100));
		ignore(ftruncate(fd, INT64_MAX));
		break;
	default:
		ignore(write(fd, buf, n));
	}
	if (one_in(20))
		raise(SIGKILL);
	close(fd);
}

static void post(void)
{
	static const char *const forms[] = {"", ".md", ".json"};
	char path[PATH_SIZE];

	put(path, "spaces/%s/post%s", a_space(), pick_of(forms));
	write_some(path, O_WRONLY | (one_in(2) ? O_TRUNC : O_APPEND), 20 + pick(200));
}

/* A file of this machine, among them some that are not to be waited for. */
static void post_local_file(void)
{
	static const char *const files[] = {"/etc/passwd", "/proc/self/maps", "/dev/zero",
					    "/no/such/file", "/etc"};
	char path[PATH_SIZE], body[3 * PATH_SIZE], file[PATH_SIZE];
	int fd, n;

	if (one_in(3))
		put(file, "spaces/%s/up%u.txt", a_space(), pick(20));
	else
		snprintf(file, sizeof(file), "%s", pick_of(files));
	n = snprintf(body, sizeof(body), "{\"text\":\"t%u\",\"files\":[\"%s\"]}", dice(), file);
	put(path, "spaces/%s/post.json", a_space());
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return;
	ignore(write(fd, body, (size_t)n));
	close(fd);
}

static void upload(void)
{
	char path[PATH_SIZE];

	put(path, "spaces/%s/%sup%u.txt", a_space(), one_in(3) ? "files/" : "", pick(20));
	write_some(path, (one_in(3) ? O_RDWR : O_WRONLY) | O_CREAT | (one_in(2) ? O_TRUNC : 0),
		   pick(8000));
}

static void write_version(void)
{
	char path[PATH_SIZE];

	put(path, "spaces/%s/ver.txt", a_space());
	write_some(path, O_RDWR | (one_in(2) ? O_CREAT : 0), pick(500));
	if (one_in(3))
		unlink(path);
}

static void scratch(void)
{
	char path[PATH_SIZE], name[PATH_SIZE];
	const char *space = a_space();

	put(path, "spaces/%s/.scr%u", space, pick(10));
	switch (pick(4)) {
	case 0:
		write_some(path, O_RDWR | O_CREAT, pick(3000));
		break;
	case 1:
		put(name, "spaces/%s/ren%u.txt", space, pick(6));
		ignore(rename(path, name));
		break;
	case 2:
		put(name, "spaces/%s/.scr%u", space, pick(10));
		ignore(rename(path, name));
		break;
	default:
		unlink(path);
	}
}

/* What perl -pi, dos2unix, gawk -i inplace and many others do. */
static void replace_by_temporary(void)
{
	char dir[PATH_SIZE], path[PATH_SIZE], temporary[PATH_SIZE];
	int fd;

	put(dir, "spaces/%s", a_space());
	if (!any_entry(dir, path))
		return;
	put(temporary, "spaces/%s/tmpXXXXXX", a_space());
	fd = mkstemp(temporary);
	if (fd < 0)
		return;
	ignore(write(fd, "replaced\n", 9));
	if (one_in(2))
		close(fd);
	if (rename(temporary, path))
		unlink(temporary);
}

static void own_message(void)
{
	char dir[PATH_SIZE], path[PATH_SIZE];

	put(dir, "spaces/%s", a_space());
	if (!any_entry(dir, path) || !strstr(path, "alice"))
		return;
	if (one_in(2))
		unlink(path);
	else
		write_some(path, O_WRONLY | (one_in(3) ? 0 : O_TRUNC), 30);
}

static void write_space_json(void)
{
	char path[PATH_SIZE], json[64];
	int fd, n;

	put(path, "spaces/%s/space.json", a_space());
	fd = open(path, O_WRONLY | O_TRUNC);
	if (fd < 0)
		return;
	n = snprintf(json, sizeof(json), "{\"description\":\"d%u\"}", pick(100));
	ignore(write(fd, json, (size_t)n));
	close(fd);
}

/* ---- names ---- */

static void change_space(void)
{
	char path[PATH_SIZE], other[PATH_SIZE];

	put(path, "spaces/new%u", pick(4));
	put(other, "spaces/new%u", pick(4));
	switch (pick(3)) {
	case 0:
		ignore(mkdir(path, 0755));
		break;
	case 1:
		ignore(rmdir(path));
		break;
	default:
		ignore(rename(path, other));
	}
}

static void change_member(void)
{
	static const char *const people[] = {"heidi", "ivan", "zzz", "judy"};
	char path[PATH_SIZE];

	put(path, "spaces/%s/members/%s@example.com", a_space(), pick_of(people));
	if (one_in(2))
		write_some(path, O_WRONLY | O_CREAT, 0);
	else
		unlink(path);
}

static void change_unsent(void)
{
	char dir[PATH_SIZE], path[PATH_SIZE], to[PATH_SIZE];

	put(dir, ".sparkfs/unsent");
	if (!any_entry(dir, path))
		return;
	switch (pick(4)) {
	case 0:
		unlink(path);
		break;
	case 1:
		put(to, "spaces/%s/post", a_space());
		if (!is_calm)
			ignore(rename(path, to));
		break;
	case 2:
		write_some(path, O_WRONLY | O_TRUNC, 40);
		break;
	default:
		read_some(path);
	}
}

/* What most files here refuse, one way or another. */
static void odd_call(void)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_NOW},
				    {.tv_sec = 1000000000 + pick(1000)}};
	char dir[PATH_SIZE], path[PATH_SIZE], other[PATH_SIZE], value[10];
	int fd;

	any_dir(dir);
	if (!any_entry(dir, path))
		return;
	put(other, "spaces/%s/other%u", a_space(), pick(9));
	ignore(utimensat(AT_FDCWD, path, times, 0));
	ignore(chmod(path, one_in(2) ? 0600 : 0644));
	ignore(getxattr(path, "user.x", value, sizeof(value)));
	ignore(truncate(path, one_in(3) ? 0 : pick(50)));
	fd = open(path, O_RDONLY | O_TRUNC);
	if (fd >= 0)
		close(fd);
	ignore(symlink("x", other));
	ignore(link(path, other));
	ignore(mknod(other, S_IFIFO | 0600, 0));
}

/* ---- the table ---- */

#define OPERATION(fn_)                                                                         \
	{                                                                                      \
		.run = (fn_), .name = #fn_                                                     \
	}

/* Those that people do more often stand here more often. */
static const struct {
	void (*run)(void);
	const char *name;
} operations[] = {
	OPERATION(read_any),	  OPERATION(read_any),
	OPERATION(read_any),	  OPERATION(read_named),
	OPERATION(read_named),	  OPERATION(read_control),
	OPERATION(read_month),	  OPERATION(read_events),
	OPERATION(list_space),	  OPERATION(look_up),
	OPERATION(look_up),	  OPERATION(post),
	OPERATION(post),	  OPERATION(post_local_file),
	OPERATION(upload),	  OPERATION(upload),
	OPERATION(write_version), OPERATION(scratch),
	OPERATION(scratch),	  OPERATION(scratch),
	OPERATION(own_message),	  OPERATION(write_space_json),
	OPERATION(change_space),  OPERATION(replace_by_temporary),
	OPERATION(change_member), OPERATION(change_unsent),
	OPERATION(odd_call),
};

unsigned operations_choose(void)
{
	return pick(sizeof(operations) / sizeof(operations[0]));
}

void operations_run(unsigned which)
{
	operations[which].run();
}

const char *operations_name(unsigned which)
{
	return operations[which].name;
}
