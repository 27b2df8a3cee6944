/*
 * bulk.c - the two ends of a bulk transfer: `sink` counts and times what
 * arrives, `source` sends over any number of streams.
 *
 * The source opens a control connection to the sink that does not lead
 * through whatever is measured: it announces the number of streams and gets
 * back what the sink saw, from its first byte to its last EOF.  So no tunnel
 * needs half-close to be measured, and a byte that went lost is an error, not
 * a better number.
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

/* What an event is about: kind, number of the run, descriptor. */
enum kind { DATA_LISTEN, CONTROL_LISTEN, CONTROL, DATA };
#define TAG(kind, run, fd) \
	((uint64_t)(kind) << 60 | (uint64_t)(run) << 32 | (uint32_t)(fd))
#define TAG_KIND(tag)	((enum kind)((tag) >> 60))
#define TAG_RUN(tag)	((uint32_t)((tag) >> 32 & 0xfffffff))
#define TAG_FD(tag)	((int)(uint32_t)(tag))

struct sink {
	int ep, data, control_listen;
	int control;		/* of the current run, or -1 */
	uint32_t run;
	uint64_t expected, ended, resets;
	uint64_t bytes, first, last;
	char buf[BLOCK];
};

/*
 * Shut, not closed: its EOF comes back as an event and closes it, so no event
 * of the same batch can name a descriptor that is already another one's.
 */
static void
sink_part(struct sink *s)
{
	shutdown(s->control, SHUT_RDWR);
	s->control = -1;
}

static void
sink_report(struct sink *s)
{
	char line[200];
	int n;

	n = snprintf(line, sizeof(line),
	    "%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", s->bytes,
	    s->last - s->first, s->resets);
	/* A source that gave up is not the sink's trouble. */
	(void)!write(s->control, line, (size_t)n);
	sink_part(s);
}

/* One line `N\n`; anything else, EOF included, is the end of the run. */
static void
sink_control(struct sink *s, int fd)
{
	char line[32];
	ssize_t n = read(fd, line, sizeof(line) - 1);

	if (n <= 0 || fd != s->control) {
		close(fd);
		if (fd == s->control)
			s->control = -1;
		return;
	}
	line[n] = '\0';
	s->expected = strtoull(line, NULL, 10);
	s->run = (s->run + 1) & 0xfffffff;
	s->ended = s->resets = s->bytes = s->first = s->last = 0;
	(void)!write(fd, "go\n", 3);
}

static void
sink_data(struct sink *s, uint64_t tag)
{
	ssize_t n = read(TAG_FD(tag), s->buf, sizeof(s->buf));

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		close(TAG_FD(tag));
	if (s->control == -1 || TAG_RUN(tag) != s->run)
		return;		/* left over from a run given up */
	s->last = now_ns();
	if (n > 0) {
		if (s->bytes == 0)
			s->first = s->last;
		s->bytes += (uint64_t)n;
		return;
	}
	s->resets += n == -1;
	if (++s->ended == s->expected)
		sink_report(s);
}

static void
sink_event(struct sink *s, uint64_t tag)
{
	int fd;

	switch (TAG_KIND(tag)) {
	case DATA_LISTEN:
		while ((fd = net_accept(s->data)) != -1)
			net_add(s->ep, fd, EPOLLIN, TAG(DATA, s->run, fd));
		break;
	case CONTROL_LISTEN:
		if ((fd = net_accept(s->control_listen)) == -1)
			break;
		/* The newest wins: the one before may have died silently. */
		if (s->control != -1)
			sink_part(s);
		s->control = fd;
		net_add(s->ep, fd, EPOLLIN, TAG(CONTROL, 0, fd));
		break;
	case CONTROL:
		sink_control(s, TAG_FD(tag));
		break;
	case DATA:
		sink_data(s, tag);
		break;
	}
}

int
load_sink(int argc, char **argv)
{
	static struct sink s = { .control = -1 };
	struct epoll_event ev[64];
	int i, n;

	(void)argc, (void)argv;
	if ((s.ep = epoll_create1(EPOLL_CLOEXEC)) == -1)
		err(1, "epoll_create1");
	s.data = net_listen("0");
	s.control_listen = net_listen("0");
	net_add(s.ep, s.data, EPOLLIN, TAG(DATA_LISTEN, 0, s.data));
	net_add(s.ep, s.control_listen, EPOLLIN,
	    TAG(CONTROL_LISTEN, 0, s.control_listen));
	printf("%u %u\n", net_port(s.data), net_port(s.control_listen));
	for (;;) {
		n = epoll_wait(s.ep, ev, 64, -1);
		for (i = 0; i < n; i++)
			sink_event(&s, ev[i].data.u64);
	}
}

struct source {
	const char *control_addr, *addr;
	int ep, control;
	unsigned n_streams, n_live;
	uint64_t duration, deadline;	/* 0 = by bytes */
	uint64_t quota;			/* bytes per stream; 0 = by time */
	uint64_t sent;
	struct stream {
		int fd;
		uint64_t left;
	} *streams;
	char buf[BLOCK];
};

static int
source_options(struct source *s, int argc, char **argv)
{
	uint64_t bytes = 0;
	int c;

	while ((c = getopt(argc, argv, "b:c:n:s:")) != -1) {
		switch (c) {
		case 'b':
			bytes = parse_number("bytes", optarg, INT64_MAX);
			break;
		case 'c':
			s->control_addr = optarg;
			break;
		case 'n':
			s->n_streams = (unsigned)parse_number("streams",
			    optarg, 100000);
			break;
		case 's':
			s->duration = parse_seconds(optarg);
			break;
		default:
			return -1;
		}
	}
	if (bytes > 0) {
		s->quota = (bytes + s->n_streams - 1) / s->n_streams;
		s->duration = 0;
	}
	s->addr = argv[optind];
	return s->addr == NULL || s->control_addr == NULL ? -1 : 0;
}

static void
source_open(struct source *s)
{
	struct stream *st;
	char word[3];
	unsigned i;

	s->control = net_dial(s->control_addr);
	dprintf(s->control, "%u\n", s->n_streams);
	if (read_all(s->control, word, 3) != 3)
		errx(1, "the sink hung up");
	s->streams = calloc(s->n_streams, sizeof(*s->streams));
	if (s->streams == NULL || (s->ep = epoll_create1(EPOLL_CLOEXEC)) == -1)
		err(1, "source");
	for (i = 0; i < s->n_streams; i++) {
		st = &s->streams[i];
		st->fd = net_dial(s->addr);
		st->left = s->quota > 0 ? s->quota : UINT64_MAX;
		net_nonblock(st->fd);
		net_add(s->ep, st->fd, EPOLLOUT, i);
	}
	s->n_live = s->n_streams;
}

static void
source_finish(struct source *s, struct stream *st)
{
	/* Out of the set first: a shut socket is writable for ever. */
	if (epoll_ctl(s->ep, EPOLL_CTL_DEL, st->fd, NULL) == -1)
		err(1, "epoll_ctl");
	if (shutdown(st->fd, SHUT_WR) == -1)
		err(1, "shutdown");
	st->left = 0;
	s->n_live--;
}

static void
source_write(struct source *s, struct stream *st)
{
	size_t len = st->left < BLOCK ? (size_t)st->left : BLOCK;
	ssize_t n = write(st->fd, s->buf, len);

	if (n == -1) {
		if (errno == EAGAIN || errno == EINTR)
			return;
		err(1, "a stream broke after %" PRIu64 " bytes in all",
		    s->sent);
	}
	s->sent += (uint64_t)n;
	st->left -= (uint64_t)n;
	if (st->left == 0)
		source_finish(s, st);
}

static void
source_send(struct source *s)
{
	struct epoll_event ev[64];
	bool told = false;
	unsigned k;
	int i, n;

	s->deadline = s->duration > 0 ? now_ns() + s->duration : 0;
	while (s->n_live > 0) {
		n = epoll_wait(s->ep, ev, 64, s->deadline > 0 ? 10 : -1);
		for (i = 0; i < n; i++)
			source_write(s, &s->streams[ev[i].data.u64]);
		if (!told && s->sent >= 16 * BLOCK) {
			printf("running\n");
			told = true;
		}
		if (s->deadline == 0 || now_ns() < s->deadline)
			continue;
		for (k = 0; k < s->n_streams; k++)
			if (s->streams[k].left > 0)
				source_finish(s, &s->streams[k]);
	}
}

int
load_source(int argc, char **argv)
{
	static struct source s = { .n_streams = 1, .duration = NS_PER_S };
	uint64_t bytes, ns, resets;
	char line[200];
	size_t i;

	if (source_options(&s, argc, argv) == -1)
		errx(125, "usage: load source -c CONTROL [-n STREAMS] "
		    "[-s SECONDS | -b BYTES] ADDR");
	/* A tunnel that stalls must not stall the bench. */
	alarm((unsigned)(s.duration / NS_PER_S) + 10);
	srandom(1);
	for (i = 0; i < BLOCK; i++)
		s.buf[i] = (char)random();
	source_open(&s);
	source_send(&s);
	line[read_all(s.control, line, sizeof(line) - 1)] = '\0';
	if (sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu64, &bytes, &ns,
	    &resets) != 3)
		errx(1, "the sink hung up");
	if (bytes != s.sent || resets > 0)
		errx(1, "sent %" PRIu64 " bytes, %" PRIu64 " arrived, %" PRIu64
		    " streams reset", s.sent, bytes, resets);
	printf("%.4f %" PRIu64 " %.6f\n", (double)bytes / (double)ns, bytes,
	    (double)ns / 1e9);
	return 0;
}
