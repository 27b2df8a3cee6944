/*
 * bind.c - TCP sockets that listen, and sockets that a service manager made
 * for us.  It accepts nothing.  Invariant: a function fills in the whole of
 * struct bound or leaves it empty, and no socket that failed stays open.
 */
#include <sys/socket.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "addr.h"
#include "bind.h"
#include "ends.h"
#include "lookup.h"
#include "sock.h"
#include "why.h"

/* The first descriptor that a service manager hands over. */
#define GIVEN_FIRST	3
/* A port that is free for one address may be taken for the next. */
#define PORT_TRIES	16

void
bound_init(struct bound *b)
{
	memset(b, 0, sizeof(*b));
	b->dir = -1;
}

static bool
is_still_ours(const struct bound *b)
{
	struct stat sb;

	return fstatat(b->dir, b->name, &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
	    sb.st_dev == b->dev && sb.st_ino == b->ino;
}

void
bound_release(struct bound *b)
{
	/*
	 * While the socket still listens: whoever looks at the name now finds
	 * it alive and leaves it alone, so it cannot become another one
	 * between the look and the removal.
	 */
	if (b->name != NULL && is_still_ours(b))
		unlinkat(b->dir, b->name, 0);
	while (b->n > 0)
		close(b->fds[--b->n]);
	if (b->dir >= 0)
		close(b->dir);
	free(b->name);
	free(b->word);
	bound_init(b);
}

int
bound_word(struct bound *b, const char *word, struct mux_why *why)
{
	size_t size = strlen(word) + 1, had = 0;
	char *p;

	while (b->word != NULL && b->word[had] != '\0')
		had += strlen(b->word + had) + 1;
	p = realloc(b->word, had + size + 1);
	if (p == NULL) {
		bound_release(b);
		return why_nomem(why);
	}
	memcpy(p + had, word, size);
	p[had + size] = '\0';
	b->word = p;
	return 0;
}

int
bind_backlog(const struct mux_addr *a)
{
	const char *value = mux_addr_option(a, "backlog");

	return value != NULL ? (int)strtonum(value, 1, INT_MAX, NULL) :
	    SOMAXCONN;
}

int
bind_failed(const struct mux_addr *a, int err, struct mux_why *why)
{
	sock_why(why, err, "listen", mux_addr_str(a));
	return MUX_E_IO;
}

/* ---- tcp ---- */

static int
set_on(int fd, int level, int name, int on)
{
	return setsockopt(fd, level, name, &on, sizeof(on));
}

/* A socket that listens there, or -1 and errno. */
static int
tcp_listen(const struct mux_addr *a, const struct lookup_addr *at)
{
	bool dual = strcmp(mux_addr_host(a), "*") == 0;
	const char *key;
	int err, fd;

	fd = socket(at->sa.sa_family,
	    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (set_on(fd, SOL_SOCKET, SO_REUSEADDR, 1) == 0 &&
	    (at->sa.sa_family != AF_INET6 ||
	    set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY, !dual) == 0) &&
	    sock_options(fd, a, &key) == 0 &&
	    bind(fd, &at->sa, at->len) == 0 &&
	    listen(fd, bind_backlog(a)) == 0)
		return fd;
	err = errno;
	close(fd);
	errno = err;
	return -1;
}

static uint16_t
port_of(int fd)
{
	struct lookup_addr at = { .len = sizeof(at.in6) };

	if (getsockname(fd, &at.sa, &at.len) != 0)
		return 0;
	/* Both families have it at the same place. */
	return ntohs(at.in.sin_port);
}

/* An address that this machine does not have now. */
static bool
is_absent(int err)
{
	return err == EADDRNOTAVAIL || err == EAFNOSUPPORT;
}

/* All of the list on one port.  0 or an errno, and then nothing is bound. */
static int
listen_all(struct bound *b, const struct mux_addr *a, struct lookup_list *list,
    uint16_t *port)
{
	int err = EADDRNOTAVAIL, fd;
	size_t i;

	*port = mux_addr_port(a);
	for (i = 0; i < list->n; i++) {
		list->addr[i].in.sin_port = htons(*port);
		fd = tcp_listen(a, &list->addr[i]);
		if (fd >= 0) {
			b->fds[b->n++] = fd;
			*port = port_of(fd);
			continue;
		}
		err = errno;
		if (is_absent(err))
			continue;
		bound_release(b);
		return err;
	}
	return b->n > 0 ? 0 : err;
}

static bool
places(const struct mux_addr *a, struct lookup_list *list)
{
	const char *host = mux_addr_host(a);

	if (strcmp(host, "*") != 0)
		return lookup_numeric(host, 0, list) ||
		    lookup_files(host, 0, list);
	return lookup_numeric("::", 0, list);
}

static int
bind_places(struct bound *b, const struct mux_addr *a,
    struct lookup_list *list, uint16_t *port)
{
	int err, tries = PORT_TRIES;

	do {
		err = listen_all(b, a, list, port);
	} while (err == EADDRINUSE && mux_addr_port(a) == 0 && --tries > 0);
	/* All interfaces of a machine without IPv6. */
	if (is_absent(err) && strcmp(mux_addr_host(a), "*") == 0 &&
	    lookup_numeric("0.0.0.0", 0, list))
		err = listen_all(b, a, list, port);
	return err;
}

int
bind_tcp(struct bound *b, const struct mux_addr *a, struct mux_why *why)
{
	const char *host = mux_addr_host(a);
	struct lookup_list list;
	char word[SOCK_WORD];
	uint16_t port;
	int err;

	if (!places(a, &list)) {
		why_set(why, 0, 0, "listen %.300s: %.60s is no address and "
		    "not in /etc/hosts", mux_addr_str(a), host);
		return MUX_E_IO;
	}
	err = bind_places(b, a, &list, &port);
	if (err != 0)
		return bind_failed(a, err, why);
	snprintf(word, sizeof(word), strchr(host, ':') != NULL ?
	    "tcp:[%s]:%u" : "tcp:%s:%u", host, port);
	return bound_word(b, word, why);
}

/* ---- given ---- */

static int
take_given(struct bound *b, int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (b->n == BIND_MAX)
		return ENFILE;
	if (flags < 0)
		return errno;
	if (!ends_fd_listens(fd))
		return EINVAL;
	/* What is accepted inherits it; a unix socket has no such thing. */
	set_on(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	/* Its other holders accept as well, if at all: none may block. */
	if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
		return errno;
	b->fds[b->n++] = fd;
	return 0;
}

static const char *
given_count(long long *n)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	const char *bad;

	if (pid == NULL || fds == NULL)
		return "no sockets were handed over (LISTEN_FDS is not set)";
	if (strtonum(pid, 1, INT_MAX, &bad) != getpid() || bad != NULL)
		return "the sockets are for another process (LISTEN_PID)";
	*n = strtonum(fds, 1, INT_MAX - GIVEN_FIRST, &bad);
	return bad != NULL ? "LISTEN_FDS is no number" : NULL;
}

/* Takes name number i of LISTEN_FDNAMES; systemd says "unknown" for none. */
static bool
given_has_name(long long i, const char *name)
{
	const char *names = getenv("LISTEN_FDNAMES");
	size_t n;

	if (name == NULL)
		return true;
	if (names == NULL)
		return false;
	for (; i > 0; i--) {
		names = strchr(names, ':');
		if (names == NULL)
			return false;
		names++;
	}
	n = strcspn(names, ":");
	return strlen(name) == n && strncmp(names, name, n) == 0;
}

static int
given_failed(const struct mux_addr *a, int fd, int err, struct mux_why *why)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);

	if (getpeername(fd, (struct sockaddr *)&ss, &len) != 0)
		return bind_failed(a, err, why);
	why_set(why, err, 0, "listen %.200s: descriptor %d is a connection "
	    "and does not listen (Accept=yes? then fd:%d is it)",
	    mux_addr_str(a), fd, fd);
	return MUX_E_IO;
}

static int
take_systemd(struct bound *b, const struct mux_addr *a, struct mux_why *why)
{
	const char *name = mux_addr_path(a), *fault;
	long long i, n = 0;
	int err;

	fault = given_count(&n);
	for (i = 0; fault == NULL && i < n; i++) {
		if (!given_has_name(i, name))
			continue;
		err = take_given(b, (int)i + GIVEN_FIRST);
		if (err != 0) {
			bound_release(b);
			return given_failed(a, (int)i + GIVEN_FIRST, err, why);
		}
	}
	if (fault == NULL && b->n == 0)
		fault = "no socket of this name (LISTEN_FDNAMES)";
	if (fault == NULL)
		return 0;
	why_set(why, 0, 0, "listen %.200s: %s", mux_addr_str(a), fault);
	return MUX_E_IO;
}

static int
given_word(struct bound *b, int fd, struct mux_why *why)
{
	struct sockaddr_storage ss = { 0 };
	socklen_t len = sizeof(ss);
	char word[SOCK_WORD];

	if (getsockname(fd, (struct sockaddr *)&ss, &len) != 0)
		len = 0;
	sock_word((struct sockaddr *)&ss, len, word);
	return bound_word(b, word, why);
}

int
bind_given(struct bound *b, const struct mux_addr *a, struct mux_why *why)
{
	int err = 0;
	size_t i;

	if (mux_addr_scheme(a) == MUX_SYSTEMD)
		err = take_systemd(b, a, why);
	else if ((err = take_given(b, a->fd)) != 0)
		err = bind_failed(a, err, why);
	for (i = 0; err == 0 && i < b->n; i++)
		err = given_word(b, b->fds[i], why);
	return err;
}
