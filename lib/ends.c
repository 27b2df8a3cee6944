/*
 * ends.c - the two descriptors of a connection that is there already: a
 * connected socket, standard input and output, what we were started with, a
 * program that we start.  It moves no bytes and leaves the flags of shared
 * descriptions alone.
 *
 * Invariant: no inherited descriptor that it hands out is one of 0 to 2, so
 * that closing it never makes the next one of the process its standard input.
 */
#include <sys/socket.h>
#include <sys/stat.h>

#include <bsd/string.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "ends.h"
#include "sock.h"
#include "why.h"

void
ends_init(struct mux_ends *e)
{
	memset(e, 0, sizeof(*e));
	e->in = e->out = -1;
}

void
mux_ends_close(const struct mux_ends *e, bool reset)
{
	static const struct linger hard = { .l_onoff = 1, .l_linger = 0 };

	if (reset)
		setsockopt(e->in, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	if (e->in >= 0)
		close(e->in);
	if (e->out >= 0 && e->out != e->in)
		close(e->out);
}

void
ends_close(struct mux_ends *e)
{
	mux_ends_close(e, false);
	e->in = e->out = -1;
}

static void
set_cred(struct mux_ends *e, int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) != 0)
		return;
	e->have_cred = true;
	e->uid = cred.uid;
	e->gid = cred.gid;
	e->pid = cred.pid;
}

static enum mux_ends_kind
kind_of(sa_family_t family)
{
	if (family == AF_UNIX)
		return MUX_ENDS_UNIX;
	return family == AF_INET || family == AF_INET6 ? MUX_ENDS_TCP :
	    MUX_ENDS_ANY;
}

void
ends_socket(struct mux_ends *e, int fd, const struct sockaddr *peer,
    socklen_t len)
{
	char word[SOCK_WORD];

	ends_init(e);
	e->in = e->out = fd;
	e->kind = kind_of(peer->sa_family);
	if (e->kind == MUX_ENDS_UNIX)
		set_cred(e, fd);
	sock_word(peer, len, word);
	strlcpy(e->peer, word, sizeof(e->peer));
}

static int
int_option(int fd, int name)
{
	socklen_t len = sizeof(int);
	int value;

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value :
	    -1;
}

bool
ends_fd_listens(int fd)
{
	return int_option(fd, SO_TYPE) == SOCK_STREAM &&
	    int_option(fd, SO_ACCEPTCONN) == 1;
}

/* ---- descriptors that we were started with ---- */

static int
fit(int fd)
{
	struct stat sb;

	if (fstat(fd, &sb) != 0)
		return errno;
	switch (sb.st_mode & S_IFMT) {
	case S_IFSOCK:
		if (int_option(fd, SO_TYPE) != SOCK_STREAM)
			return EPROTOTYPE;
		return ends_fd_listens(fd) ? EISCONN : 0;
	case S_IFIFO:
	case S_IFCHR:
	case S_IFREG:
		return 0;
	default:		/* an epoll set, a directory, ... */
		return EINVAL;
	}
}

int
ends_null(int fd)
{
	int null, err = 0;

	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0)
		return errno;
	if (dup2(null, fd) != fd)
		err = errno;
	if (null != fd)
		close(null);
	return err;
}

/* Standard descriptors stay in use, by something harmless. */
static int
inherit(int fd, int *out)
{
	int err, moved;

	err = fit(fd);
	if (err != 0)
		return err;
	if (fd > 2) {
		if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
			return errno;
		*out = fd;
		return 0;
	}
	moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (moved < 0)
		return errno;
	err = ends_null(fd);
	if (err != 0) {
		close(moved);
		return err;
	}
	*out = moved;
	return 0;
}

static int
open_fd(struct mux_ends *e, int fd, const char *word, struct mux_why *why)
{
	int err = inherit(fd, &e->in);

	if (err == EISCONN) {
		why_set(why, err, MUX_CONNECT_FAILED, "%.300s: is a socket "
		    "that listens: expected a connected one", word);
		return MUX_E_IO;
	}
	if (err != 0) {
		sock_why(why, err, "use", word);
		return MUX_E_IO;
	}
	e->out = e->in;
	return 0;
}

static int
open_stdio(struct mux_ends *e, struct mux_why *why)
{
	int err, out;

	/* The one that can fail for its own reasons before either moves. */
	err = fit(STDOUT_FILENO);
	if (err == 0)
		err = inherit(STDIN_FILENO, &e->in);
	if (err == 0)
		err = inherit(STDOUT_FILENO, &out);
	if (err != 0) {
		sock_why(why, err, "use", "standard input and output");
		ends_close(e);
		return MUX_E_IO;
	}
	e->out = out;
	return 0;
}

/* ---- programs ---- */

static int
start(struct mux_ends *e, char **argv, struct mux_why *why)
{
	struct mux_spawn s = { .size = sizeof(s) };
	int err, sv[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv) != 0) {
		sock_why(why, errno, "start", argv[0]);
		return MUX_E_IO;
	}
	s.argv = argv;
	s.fds[0] = s.fds[1] = sv[1];
	s.fds[2] = -1;
	err = mux_spawn(&s, &e->child, why);
	close(sv[1]);
	if (err != 0) {
		close(sv[0]);
		return err;
	}
	/* Only our half: the program expects its own to block. */
	fcntl(sv[0], F_SETFL, O_RDWR | O_NONBLOCK);
	e->in = e->out = sv[0];
	e->kind = MUX_ENDS_UNIX;
	return 0;
}

static int
open_exec(struct mux_ends *e, const struct mux_addr *a, struct mux_why *why)
{
	char **argv;
	int err;

	err = mux_split_words(mux_addr_command(a), &argv, why);
	if (err != 0)
		return err;
	err = start(e, argv, why);
	free(argv);
	return err;
}

int
ends_open(struct mux_ends *out, const struct mux_addr *a, struct mux_why *why)
{
	const char *word = mux_addr_str(a);
	struct mux_ends e;
	int err;

	ends_init(&e);
	strlcpy(e.peer, word, sizeof(e.peer));
	e.inherited = true;
	switch (mux_addr_scheme(a)) {
	case MUX_EXEC:
		e.inherited = false;
		err = open_exec(&e, a, why);
		break;
	case MUX_FD:
		err = open_fd(&e, a->fd, word, why);
		break;
	case MUX_STDIO:
		err = open_stdio(&e, why);
		break;
	default:
		why_set(why, 0, MUX_UNSUPPORTED, "%.300s: is not supported "
		    "by this version", word);
		err = MUX_E_INVAL;
	}
	if (err == 0)
		*out = e;
	return err;
}
