/*
 * util.c - sockets by address, the clock, numbers and the histogram for the
 * modes of the load generator.
 *
 * Whatever fails here ends the process with a message.
 */
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>

#include "load.h"

uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

uint64_t
parse_number(const char *what, const char *word, uint64_t max)
{
	const char *why;
	long long v;

	v = strtonum(word, 1, max > LLONG_MAX ? LLONG_MAX : (long long)max,
	    &why);
	if (why != NULL)
		errx(125, "%s %s: %s", what, word, why);
	return (uint64_t)v;
}

uint64_t
parse_seconds(const char *word)
{
	char *end;
	double v = strtod(word, &end);

	if (end == word || *end != '\0' || !(v > 0 && v <= 3600))
		errx(125, "seconds %s: not a number in (0, 3600]", word);
	return (uint64_t)(v * 1e9);
}

union any_addr {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_un un;
};

static void
parse_tcp(const char *addr, struct sockaddr_in *in)
{
	char host[INET_ADDRSTRLEN] = "127.0.0.1";
	const char *colon = strrchr(addr, ':'), *port = addr, *why;

	if (colon != NULL) {
		if ((size_t)(colon - addr) >= sizeof(host))
			errx(125, "address %s: host too long", addr);
		memcpy(host, addr, (size_t)(colon - addr));
		host[colon - addr] = '\0';
		port = colon + 1;
	}
	in->sin_family = AF_INET;
	in->sin_port = htons((uint16_t)strtonum(port, 0, 65535, &why));
	if (why != NULL)
		errx(125, "address %s: port %s", addr, why);
	if (inet_pton(AF_INET, host, &in->sin_addr) != 1)
		errx(125, "address %s: not a numeric host", addr);
}

static socklen_t
parse_addr(const char *addr, union any_addr *a)
{
	memset(a, 0, sizeof(*a));
	if (strncmp(addr, "unix:", 5) == 0) {
		a->un.sun_family = AF_UNIX;
		if (strlcpy(a->un.sun_path, addr + 5,
		    sizeof(a->un.sun_path)) >= sizeof(a->un.sun_path))
			errx(125, "address %s: path too long", addr);
		return sizeof(a->un);
	}
	if (strncmp(addr, "tcp:", 4) == 0)
		addr += 4;
	parse_tcp(addr, &a->in);
	return sizeof(a->in);
}

static void
set_nodelay(int fd)
{
	int on = 1;

	/* Fails on a unix socket, which has no such delay. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int
net_listen(const char *addr)
{
	union any_addr a;
	socklen_t len = parse_addr(addr, &a);
	int fd, on = 1;

	fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	if (fd == -1)
		err(1, "socket");
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1)
		err(1, "setsockopt");
	if (bind(fd, &a.sa, len) == -1 || listen(fd, SOMAXCONN) == -1)
		err(1, "listen %s", addr);
	return fd;
}

int
net_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd == -1) {
		if (errno == EAGAIN || errno == ECONNABORTED)
			return -1;
		err(1, "accept");
	}
	set_nodelay(fd);
	return fd;
}

static int
dial(const char *addr, int flags)
{
	union any_addr a;
	socklen_t len = parse_addr(addr, &a);
	int fd;

	fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd == -1)
		err(1, "socket");
	if (connect(fd, &a.sa, len) == -1 && errno != EINPROGRESS)
		err(1, "connect %s", addr);
	set_nodelay(fd);
	return fd;
}

int
net_dial(const char *addr)
{
	return dial(addr, 0);
}

int
net_dial_begin(const char *addr)
{
	return dial(addr, SOCK_NONBLOCK);
}

void
net_nonblock(int fd)
{
	if (fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
		err(1, "fcntl");
}

void
net_block(int fd)
{
	if (fcntl(fd, F_SETFL, 0) == -1)
		err(1, "fcntl");
}

unsigned
net_port(int fd)
{
	union any_addr a;
	socklen_t len = sizeof(a);

	if (getsockname(fd, &a.sa, &len) == -1)
		err(1, "getsockname");
	return a.sa.sa_family == AF_INET ? ntohs(a.in.sin_port) : 0;
}

void
net_add(int ep, int fd, uint32_t events, uint64_t tag)
{
	struct epoll_event ev = { .events = events, .data.u64 = tag };

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == -1)
		err(1, "epoll_ctl");
}

void
write_all(int fd, const void *buf, size_t len)
{
	ssize_t n;

	for (; len > 0; len -= (size_t)n, buf = (const char *)buf + n)
		if ((n = write(fd, buf, len)) == -1)
			err(1, "write");
}

size_t
read_all(int fd, void *buf, size_t len)
{
	size_t got = 0;
	ssize_t n;

	while (got < len) {
		if ((n = read(fd, (char *)buf + got, len - got)) == -1)
			err(1, "read");
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return got;
}

/* 0..255 have a slot each; above, the top 8 bits pick it. */
static size_t
hist_index(uint64_t v)
{
	unsigned shift = 0;

	while (v >> shift > 255)
		shift++;
	return (size_t)shift * 128 + (size_t)(v >> shift);
}

void
hist_add(struct hist *h, uint64_t ns)
{
	h->slot[hist_index(ns)]++;
	h->count++;
	if (ns > h->max)
		h->max = ns;
}

uint64_t
hist_quantile(const struct hist *h, double q)
{
	uint64_t seen = 0, want = (uint64_t)(q * (double)h->count);
	size_t i, shift;

	for (i = 0; i < HIST_SLOTS; i++) {
		seen += h->slot[i];
		if (seen > want)
			break;
	}
	if (i == HIST_SLOTS)
		return h->max;
	shift = i < 256 ? 0 : i / 128 - 1;
	return ((i - shift * 128) << shift) + ((UINT64_C(1) << shift) >> 1);
}
