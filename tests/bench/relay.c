/*
 * relay.c - a plain relay: accept, dial, move bytes both ways with splice(2)
 * through 1 MiB pipes, or with read(2) and write(2) through 256 KiB buffers.
 * Two of these in a row are the limit that a tunnel is measured against.
 *
 * It multiplexes nothing and knows no limits.  FIN is passed on as FIN when
 * all before it has been written, an error as RST.  A pipe or buffer is held
 * only while it has bytes in it, so idle connections cost none.
 */
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

#define PIPE_SIZE	(1024 * 1024)
#define STEPS_PER_TURN	16	/* then it is another pair's turn */

/* Where bytes rest between two sockets. */
struct room {
	SLIST_ENTRY(room) next;
	int rd, wr;		/* the pipe, or -1 */
	char *buf;		/* the buffer, or NULL */
	size_t len, off;	/* bytes held; off: already written of buf */
};

struct end {
	struct pair *pair;	/* NULL: a listener */
	int fd;
	bool in, out;		/* readiness, cached: edges are seen once */
	const char *dial;	/* of a listener */
};

struct half {
	struct end *from, *to;
	struct room *room;	/* NULL = holds nothing */
	bool eof, shut;
};

struct pair {
	TAILQ_ENTRY(pair) next;
	struct end a, b;
	struct half ab, ba;
	bool queued, dead;
};

struct relay {
	int ep;
	bool copy;
	size_t room_size;
	SLIST_HEAD(, room) rooms;
	TAILQ_HEAD(pairs, pair) queue, dead;
};

static struct room *
room_get(struct relay *r)
{
	struct room *room = SLIST_FIRST(&r->rooms);
	int fds[2];

	if (room != NULL) {
		SLIST_REMOVE_HEAD(&r->rooms, next);
		return room;
	}
	if ((room = calloc(1, sizeof(*room))) == NULL)
		err(1, "calloc");
	room->rd = room->wr = -1;
	if (r->copy) {
		if ((room->buf = malloc(r->room_size)) == NULL)
			err(1, "malloc");
		return room;
	}
	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) == -1)
		err(1, "pipe2");
	/* Without it (unprivileged, many pipes) the relay is slower. */
	if (fcntl(fds[1], F_SETPIPE_SZ, PIPE_SIZE) == -1)
		warn("F_SETPIPE_SZ");
	room->rd = fds[0];
	room->wr = fds[1];
	return room;
}

static void
room_put(struct relay *r, struct room *room)
{
	if (room->len > 0 && !r->copy) {
		/* What a broken connection left in it: nobody's any more. */
		close(room->rd);
		close(room->wr);
		free(room);
		return;
	}
	room->len = room->off = 0;
	SLIST_INSERT_HEAD(&r->rooms, room, next);
}

static void
pair_kill(struct relay *r, struct pair *p, bool reset)
{
	struct linger lg = { .l_onoff = 1, .l_linger = 0 };

	if (p->dead)
		return;
	p->dead = true;
	if (reset) {
		setsockopt(p->a.fd, SOL_SOCKET, SO_LINGER, &lg, sizeof(lg));
		setsockopt(p->b.fd, SOL_SOCKET, SO_LINGER, &lg, sizeof(lg));
	}
	close(p->a.fd);
	close(p->b.fd);
	if (p->ab.room != NULL)
		room_put(r, p->ab.room);
	if (p->ba.room != NULL)
		room_put(r, p->ba.room);
	if (p->queued)
		TAILQ_REMOVE(&r->queue, p, next);
	/* Later events of this batch may still point here. */
	TAILQ_INSERT_TAIL(&r->dead, p, next);
}

/* 1 = moved something, 0 = must wait, -1 = the socket broke. */
static int
half_fill(struct relay *r, struct half *h)
{
	size_t held = h->room == NULL ? 0 : h->room->len;
	ssize_t n;

	if (h->eof || !h->from->in || held >= r->room_size ||
	    (r->copy && held > 0))
		return 0;
	if (h->room == NULL)
		h->room = room_get(r);
	if (r->copy)
		n = read(h->from->fd, h->room->buf, r->room_size);
	else
		n = splice(h->from->fd, NULL, h->room->wr, NULL,
		    r->room_size - held, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	if (n > 0) {
		h->room->len += (size_t)n;
		return 1;
	}
	if (n == -1 && errno != EAGAIN)
		return -1;
	if (n == 0)
		h->eof = true;
	else if (held == 0)
		h->from->in = false;	/* else the pipe may be what is full */
	if (held == 0) {
		room_put(r, h->room);
		h->room = NULL;
	}
	return n == 0;
}

static int
half_empty(struct relay *r, struct half *h)
{
	struct room *room = h->room;
	ssize_t n;

	if (room == NULL || !h->to->out)
		return 0;
	if (r->copy)
		n = write(h->to->fd, room->buf + room->off, room->len);
	else
		n = splice(room->rd, NULL, h->to->fd, NULL, room->len,
		    SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	if (n == -1) {
		if (errno != EAGAIN)
			return -1;
		h->to->out = false;
		return 0;
	}
	room->off += r->copy ? (size_t)n : 0;
	room->len -= (size_t)n;
	if (room->len == 0) {
		room_put(r, room);
		h->room = NULL;
	}
	return 1;
}

static int
half_step(struct relay *r, struct half *h)
{
	int filled = half_fill(r, h);
	int emptied = filled == -1 ? -1 : half_empty(r, h);

	if (emptied == -1)
		return -1;
	if (h->eof && h->room == NULL && !h->shut && h->to->out) {
		h->shut = true;
		if (shutdown(h->to->fd, SHUT_WR) == -1)
			return -1;
	}
	return filled | emptied;
}

static void
pair_turn(struct relay *r, struct pair *p)
{
	int ab, ba, i;

	TAILQ_REMOVE(&r->queue, p, next);
	p->queued = false;
	for (i = 0; i < STEPS_PER_TURN; i++) {
		ab = half_step(r, &p->ab);
		ba = ab == -1 ? -1 : half_step(r, &p->ba);
		if (ba == -1) {
			pair_kill(r, p, true);
			return;
		}
		if (p->ab.shut && p->ba.shut) {
			pair_kill(r, p, false);
			return;
		}
		if (ab == 0 && ba == 0)
			return;
	}
	p->queued = true;
	TAILQ_INSERT_TAIL(&r->queue, p, next);
}

static void
relay_accept(struct relay *r, const struct end *listener)
{
	const uint32_t all = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
	struct pair *p;
	int fd;

	while ((fd = net_accept(listener->fd)) != -1) {
		if ((p = calloc(1, sizeof(*p))) == NULL)
			err(1, "calloc");
		p->a = (struct end){ .pair = p, .fd = fd };
		p->b = (struct end){ .pair = p,
		    .fd = net_dial_begin(listener->dial) };
		p->ab = (struct half){ .from = &p->a, .to = &p->b };
		p->ba = (struct half){ .from = &p->b, .to = &p->a };
		net_add(r->ep, p->a.fd, all, (uintptr_t)&p->a);
		net_add(r->ep, p->b.fd, all, (uintptr_t)&p->b);
	}
}

static void
relay_event(struct relay *r, struct end *e, uint32_t events)
{
	if (e->pair == NULL) {
		relay_accept(r, e);
		return;
	}
	if (e->pair->dead)
		return;
	/* Errors and hang-ups show themselves to whoever tries. */
	if (events & (EPOLLERR | EPOLLHUP))
		e->in = e->out = true;
	e->in |= (events & (EPOLLIN | EPOLLRDHUP)) != 0;
	e->out |= (events & EPOLLOUT) != 0;
	if (!e->pair->queued) {
		e->pair->queued = true;
		TAILQ_INSERT_TAIL(&r->queue, e->pair, next);
	}
}

static void
relay_run(struct relay *r)
{
	struct epoll_event ev[64];
	struct pair *last, *p;
	int i, n;

	for (;;) {
		n = epoll_wait(r->ep, ev, 64, TAILQ_EMPTY(&r->queue) ? -1 : 0);
		for (i = 0; i < n; i++)
			relay_event(r, ev[i].data.ptr, ev[i].events);
		/* Those that queue themselves again have had their turn. */
		last = TAILQ_LAST(&r->queue, pairs);
		while (last != NULL && (p = TAILQ_FIRST(&r->queue)) != NULL) {
			pair_turn(r, p);
			if (p == last)
				break;
		}
		while ((p = TAILQ_FIRST(&r->dead)) != NULL) {
			TAILQ_REMOVE(&r->dead, p, next);
			free(p);
		}
	}
}

int
load_relay(int argc, char **argv)
{
	struct relay r = { .room_size = PIPE_SIZE };
	struct end *e;
	char *target;
	int i, first = 1;

	if (argc > 1 && strcmp(argv[1], "-c") == 0) {
		r.copy = true;
		r.room_size = BLOCK;
		first = 2;
	}
	SLIST_INIT(&r.rooms);
	TAILQ_INIT(&r.queue);
	TAILQ_INIT(&r.dead);
	if ((r.ep = epoll_create1(EPOLL_CLOEXEC)) == -1)
		err(1, "epoll_create1");
	for (i = first; i < argc; i++) {
		if ((target = strchr(argv[i], '=')) == NULL)
			errx(125, "usage: load relay [-c] LISTEN=DIAL...");
		*target++ = '\0';
		if ((e = calloc(1, sizeof(*e))) == NULL)
			err(1, "calloc");
		e->fd = net_listen(argv[i]);
		e->dial = target;
		net_add(r.ep, e->fd, EPOLLIN, (uintptr_t)e);
		printf("%u%c", net_port(e->fd), i + 1 < argc ? ' ' : '\n');
	}
	relay_run(&r);
	return 0;
}
