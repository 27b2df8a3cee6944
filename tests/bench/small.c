/*
 * small.c - what is not bulk: an echo server, the ping-pong, opening and
 * closing, and holding many idle connections.
 *
 * The clients block, one request at a time: what is measured is latency.  The
 * echo server blocks when it writes, so it serves only clients that read
 * their answers, as these do.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

static void
echo_serve(int fd)
{
	char buf[4096];
	ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		n = send(fd, buf, (size_t)n, 0);
	if (n <= 0)
		close(fd);
}

int
load_echo(int argc, char **argv)
{
	struct epoll_event ev[64];
	int ep, fd, i, listener, n;

	(void)argc, (void)argv;
	if ((ep = epoll_create1(EPOLL_CLOEXEC)) == -1)
		err(1, "epoll_create1");
	listener = net_listen("0");
	net_add(ep, listener, EPOLLIN, (uint64_t)listener);
	printf("%u\n", net_port(listener));
	for (;;) {
		n = epoll_wait(ep, ev, 64, -1);
		for (i = 0; i < n; i++) {
			fd = (int)ev[i].data.u64;
			if (fd != listener) {
				echo_serve(fd);
				continue;
			}
			while ((fd = accept(listener, NULL, NULL)) != -1)
				net_add(ep, fd, EPOLLIN, (uint64_t)fd);
		}
	}
}

/* Sends a ping and waits for the whole of it to come back. */
static void
ping_once(int fd)
{
	char out[PING], in[PING];

	memset(out, 'p', sizeof(out));
	write_all(fd, out, sizeof(out));
	if (read_all(fd, in, sizeof(in)) != sizeof(in))
		errx(1, "the echo ended early");
	if (memcmp(out, in, sizeof(in)) != 0)
		errx(1, "the echo differs");
}

/* [-s SECONDS] ADDR; returns ADDR. */
static const char *
timed_options(int argc, char **argv, uint64_t *duration)
{
	int c;

	*duration = NS_PER_S;
	while ((c = getopt(argc, argv, "s:")) != -1) {
		if (c != 's')
			exit(125);
		*duration = parse_seconds(optarg);
	}
	if (argv[optind] == NULL)
		errx(125, "usage: load %s [-s SECONDS] ADDR", argv[0]);
	alarm((unsigned)(*duration / NS_PER_S) + 10);
	return argv[optind];
}

int
load_ping(int argc, char **argv)
{
	static struct hist h;
	uint64_t began, deadline, duration, now;
	int fd, i;

	fd = net_dial(timed_options(argc, argv, &duration));
	for (i = 0; i < 100; i++)
		ping_once(fd);
	began = now_ns();
	for (deadline = began + duration; began < deadline; began = now) {
		ping_once(fd);
		now = now_ns();
		hist_add(&h, now - began);
	}
	printf("%.1f %.1f %.1f %" PRIu64 "\n",
	    (double)hist_quantile(&h, 0.5) / 1e3,
	    (double)hist_quantile(&h, 0.99) / 1e3, (double)h.max / 1e3,
	    h.count);
	return 0;
}

int
load_openclose(int argc, char **argv)
{
	uint64_t began, duration, n = 0;
	const char *addr = timed_options(argc, argv, &duration);
	char rest;
	int fd;

	began = now_ns();
	while (now_ns() - began < duration) {
		fd = net_dial(addr);
		ping_once(fd);
		/*
		 * To the very end: a stream whose end is still under way is
		 * work not yet done.
		 */
		if (shutdown(fd, SHUT_WR) == -1)
			err(1, "shutdown");
		if (read_all(fd, &rest, 1) != 0)
			errx(1, "more than the echo came back");
		close(fd);
		n++;
	}
	printf("%.1f\n", (double)n * 1e9 / (double)(now_ns() - began));
	return 0;
}

int
load_idle(int argc, char **argv)
{
	enum { AT_ONCE = 64 };	/* stays well below any listener's backlog */
	uint64_t i, n;
	char byte = 'i';
	int *fds, k;

	if (argc != 3)
		errx(125, "usage: load idle N ADDR");
	n = parse_number("connections", argv[1], 1000000);
	if ((fds = calloc(n, sizeof(*fds))) == NULL)
		err(1, "calloc");
	alarm(120);
	for (i = 0; i < n; i++) {
		fds[i] = net_dial(argv[2]);
		write_all(fds[i], &byte, 1);
		if ((i + 1) % AT_ONCE != 0 && i + 1 < n)
			continue;
		for (k = (int)(i % AT_ONCE); k >= 0; k--)
			if (read_all(fds[i - (uint64_t)k], &byte, 1) != 1)
				errx(1, "connection %" PRIu64 " of %" PRIu64
				    " ended early", i - (uint64_t)k + 1, n);
	}
	alarm(0);
	printf("holding %" PRIu64 "\n", n);
	pause();
	return 0;
}
