/*
 * net.h - what tests with real sockets share: a directory that goes away,
 * plain servers, counting descriptors, turning a loop until something is so.
 */
#ifndef NET_H
#define NET_H

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mux_io.h"

static struct mux_loop *loop;
static char tmp[64];

static inline void
need(bool good, const char *what)
{
	if (!good) {
		printf("Bail out! %s\n", what);
		exit(1);
	}
}

/* ---- a directory ---- */

static inline int
tmp_remove_one(const char *path, const struct stat *sb, int type,
    struct FTW *ftw)
{
	(void)sb;
	(void)type;
	(void)ftw;
	return remove(path);
}

static pid_t tmp_owner;

static inline void
tmp_remove(void)
{
	/* Not for children that call exit(). */
	if (getpid() == tmp_owner)
		nftw(tmp, tmp_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void
net_begin(void)
{
	strcpy(tmp, "/tmp/mux-unit.XXXXXX");
	need(mkdtemp(tmp) != NULL, "mkdtemp");
	tmp_owner = getpid();
	atexit(tmp_remove);
	need(mux_loop_new(&loop) == 0, "mux_loop_new");
}

/* A path below it; eight such may be in use at once. */
static inline const char *
in_tmp(const char *name)
{
	static char paths[8][PATH_MAX];
	static unsigned i;
	char *p = paths[i++ % 8];

	snprintf(p, PATH_MAX, "%s/%s", tmp, name);
	return p;
}

/* The name of a file in a directory that makes its path 300 bytes long. */
static inline const char *
long_name(const char *last)
{
	static char name[512];
	size_t want = 300 - strlen(tmp) - strlen(last) - 2, n = 0, part;
	char path[PATH_MAX];

	while (n < want) {
		part = want - n > 120 ? 100 : want - n;
		if (n > 0)
			name[n - 1] = '/';
		memset(name + n, 'd', part);
		n += part;
		name[n] = '\0';
		snprintf(path, sizeof(path), "%s/%s", tmp, name);
		mkdir(path, 0700);
		if (n < want)
			n++;
	}
	name[n] = '/';
	strcpy(name + n + 1, last);
	return name;
}

/* ---- addresses ---- */

__attribute__((format(printf, 1, 2))) static inline struct mux_addr *
addr(const char *fmt, ...)
{
	char word[2 * PATH_MAX];
	struct mux_addr *a;
	struct mux_why why;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(word, sizeof(word), fmt, ap);
	va_end(ap);
	if (mux_addr_parse(word, &a, &why) != 0)
		need(false, why.text);
	return a;
}

/* ---- plain servers and clients ---- */

/* Listens on HOST of IPv4, any port if 0; gives the port. */
static inline int
tcp_server(const char *host, int backlog, uint16_t *port)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_port = htons(*port);
	inet_pton(AF_INET, host, &in.sin_addr);
	need(bind(fd, (struct sockaddr *)&in, sizeof(in)) == 0, "bind");
	need(listen(fd, backlog) == 0, "listen");
	getsockname(fd, (struct sockaddr *)&in, &len);
	*port = ntohs(in.sin_port);
	return fd;
}

static inline struct sockaddr_un
unix_name(const char *path)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	need(strlen(path) < sizeof(sun.sun_path), "short path");
	strcpy(sun.sun_path, path);
	return sun;
}

static inline int
unix_server(const char *path, int backlog)
{
	struct sockaddr_un sun = unix_name(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	need(bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0, "bind");
	need(listen(fd, backlog) == 0, "listen");
	return fd;
}

/* Connects without waiting; -1 and errno. */
static inline int
unix_client(const char *path)
{
	struct sockaddr_un sun = unix_name(path);
	int err, fd;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0)
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

static inline int
tcp_client(const char *host, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int err, fd;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	in.sin_port = htons(port);
	inet_pton(AF_INET, host, &in.sin_addr);
	if (fd < 0 || connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0)
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

/* ---- this process ---- */

static inline int
n_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	need(dir != NULL, "/proc/self/fd");
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

/* Room for `more` descriptors and not one more; gives what to undo it with. */
static inline struct rlimit
limit_fds(int more)
{
	struct rlimit old, now;
	int fd, last = -1, i, *hold;

	getrlimit(RLIMIT_NOFILE, &old);
	hold = calloc((size_t)more + 1, sizeof(*hold));
	need(hold != NULL, "memory");
	/* The numbers that would be given out next. */
	for (i = 0; i < more; i++) {
		hold[i] = fd = fcntl(0, F_DUPFD, 0);
		last = fd > last ? fd : last;
	}
	if (more == 0) {
		last = fcntl(0, F_DUPFD, 0);
		close(last--);
	}
	for (i = 0; i < more; i++)
		close(hold[i]);
	free(hold);
	now = old;
	now.rlim_cur = (rlim_t)last + 1;
	need(setrlimit(RLIMIT_NOFILE, &now) == 0, "setrlimit");
	return old;
}

static inline void
unlimit_fds(struct rlimit old)
{
	setrlimit(RLIMIT_NOFILE, &old);
}

/* ---- the loop ---- */

#define pump_until(cond) \
	do { \
		while (!(cond)) \
			need(mux_loop_turn(loop, UINT64_MAX) == 0, "turn"); \
	} while (0)

static inline void
pump(int turns)
{
	while (turns-- > 0)
		need(mux_loop_turn(loop, 0) == 0, "turn");
}

#endif
