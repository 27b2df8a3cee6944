/*
 * pipeline.c - small messages back to back over one connection, without any
 * protocol: what an echo of frames costs when nobody looks into them, which
 * is the limit for calls.  The server answers whatever came with the same
 * bytes; the client keeps `depth` frames on their way.
 *
 * Both block, so depth times the size of a frame has to fit into the buffers
 * of the socket.
 */
#include <sys/socket.h>

#include <err.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

#define FRAME	(14u + PING)	/* a header, and what is in it */
#define DEPTH	512u

/* One client after the other. */
int
load_mirror(int argc, char **argv)
{
	static char buf[BLOCK];
	struct pollfd p = { .events = POLLIN };
	ssize_t n;
	int fd;

	if (argc != 2)
		errx(125, "usage: load mirror ADDR");
	p.fd = net_listen(argv[1]);
	printf("%u\n", net_port(p.fd));
	for (;;) {
		if (poll(&p, 1, -1) == -1 || (fd = net_accept(p.fd)) == -1)
			continue;
		net_block(fd);
		while ((n = read(fd, buf, sizeof(buf))) > 0)
			write_all(fd, buf, (size_t)n);
		close(fd);
	}
}

static uint64_t
echo_frames(int fd, size_t depth, uint64_t total)
{
	static char out[DEPTH * FRAME], in[DEPTH * FRAME];
	uint64_t made = depth, done = 0;
	size_t rest = 0, k;
	ssize_t n;

	memset(out, 'f', sizeof(out));
	write_all(fd, out, depth * FRAME);
	while (done < total) {
		if ((n = read(fd, in, sizeof(in))) <= 0)
			errx(1, "the echo ended early");
		rest += (size_t)n;
		k = rest / FRAME;
		rest %= FRAME;
		done += k;
		if (made + k > total)
			k = (size_t)(total - made);
		made += k;
		if (k > 0)
			write_all(fd, out, k * FRAME);
	}
	return done;
}

int
load_pipeline(int argc, char **argv)
{
	uint64_t began, depth, total;
	int fd;

	if (argc != 4)
		errx(125, "usage: load pipeline N DEPTH ADDR");
	total = parse_number("frames", argv[1], UINT32_MAX);
	depth = parse_number("depth", argv[2], DEPTH);
	if (total < depth)
		total = depth;
	fd = net_dial(argv[3]);
	began = now_ns();
	echo_frames(fd, (size_t)depth, total);
	printf("%.0f\n", (double)total * 1e9 / (double)(now_ns() - began));
	return 0;
}
