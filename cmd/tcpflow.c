/*
 * tcpflow.c - follows TCP connections through the packets of a capture.  It
 * believes sequence numbers and nothing else; it is no TCP, knows no windows
 * and no timers.  Segments that come early wait in a list, in order; what is
 * repeated is dropped.  Invariant: all that waits is within TCPFLOW_HELD of
 * each direction and TCPFLOW_HELD_ALL, whatever the packets say; beyond that
 * the bytes before it count as lost, and an event says how many.
 */
#include <bsd/sys/queue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mux_dump.h"
#include "packet.h"
#include "tcpflow.h"

#define BUCKETS		4096u		/* a power of 2 */
/* Further ahead than any window: not of this connection. */
#define FAR		(1 << 30)

TAILQ_HEAD(segments, segment);
TAILQ_HEAD(flows, flow);

struct segment {
	TAILQ_ENTRY(segment) next;
	uint32_t seq, wire, n;
	uint8_t data[];
};

struct way {
	struct segments early;
	uint32_t held;		/* by these */
	uint32_t isn, next;	/* the first and the next byte, if known */
	uint32_t fin;		/* where it ends, if that is known */
	bool known, has_fin, over;
};

struct flow {
	LIST_ENTRY(flow) same;	/* in its bucket */
	TAILQ_ENTRY(flow) order;
	struct packet_end ends[2];	/* who dialled, who accepted */
	struct way way[2];	/* c2s, s2c */
	struct deframe frames;
	uint64_t events;
	bool done;		/* only kept to know what is late */
};

struct tcpflow {
	struct tcpflow_ops ops;
	void *arg;
	LIST_HEAD(, flow) buckets[BUCKETS];
	struct flows idle;	/* the idlest one last */
	size_t n_flows;
	uint64_t held;
	uint64_t wall;		/* of the packet */
};

/* ---- what is told ---- */

static struct deframe_at
now(const struct tcpflow *t)
{
	return (struct deframe_at){ t->wall, t->wall, t->ops.record, t->arg };
}

static void
tell_event(struct tcpflow *t, struct flow *f, int event, bool s2c,
    const char *text)
{
	uint32_t n = (uint32_t)strlen(text);
	struct mux_dump_record r = {
		.kind = MUX_DUMP_EVENT, .event = (uint8_t)event, .s2c = s2c,
		.conn = f->frames.conn, .number = ++f->events,
		.mono = t->wall, .wall = t->wall,
		.total = n, .wire = n, .n = n, .data = (const uint8_t *)text
	};

	t->ops.record(&r, t->arg);
}

static void
tell_open(struct tcpflow *t, struct flow *f, bool middle)
{
	char from[PACKET_END_MAX], to[PACKET_END_MAX];
	char text[2 * PACKET_END_MAX + 32];

	packet_end_text(&f->ends[0], from);
	packet_end_text(&f->ends[1], to);
	snprintf(text, sizeof(text), "tcp:%s to tcp:%s%s", from, to,
	    middle ? ", from the middle on" : "");
	tell_event(t, f, MUX_DUMP_OPEN, false, text);
}

/* ---- the segments of a direction ---- */

static uint32_t
weight(const struct segment *s)
{
	uint32_t n = (uint32_t)sizeof(*s) + s->n;

	return n < TCPFLOW_SEGMENT ? TCPFLOW_SEGMENT : n;
}

static void
forget(struct tcpflow *t, struct way *w, struct segment *s)
{
	TAILQ_REMOVE(&w->early, s, next);
	w->held -= weight(s);
	t->held -= weight(s);
	free(s);
}

static int
keep(struct tcpflow *t, struct way *w, const struct segment *head,
    const uint8_t *data)
{
	struct segment *s, *before;

	TAILQ_FOREACH_REVERSE(before, &w->early, segments, next)
		if ((int32_t)(head->seq - before->seq) >= 0)
			break;
	if (before != NULL && before->seq == head->seq &&
	    before->wire >= head->wire && before->n >= head->n)
		return 0;
	s = malloc(sizeof(*s) + head->n);
	if (s == NULL)
		return -1;
	*s = *head;
	if (s->n > 0)
		memcpy(s->data, data, s->n);
	if (before != NULL)
		TAILQ_INSERT_AFTER(&w->early, before, s, next);
	else
		TAILQ_INSERT_HEAD(&w->early, s, next);
	w->held += weight(s);
	t->held += weight(s);
	return 0;
}

/* A segment that begins at the next byte or before it. */
static void
take(struct tcpflow *t, struct flow *f, bool s2c, const struct segment *s,
    const uint8_t *data)
{
	struct way *w = &f->way[s2c];
	uint32_t old = w->next - s->seq;
	struct deframe_at at = now(t);

	if (old >= s->wire)
		return;
	if (old < s->n)
		deframe_push(&f->frames, s2c, data + old, s->n - old, &at);
	/* What was not captured of it. */
	if (s->wire > s->n)
		deframe_skip(&f->frames, s2c,
		    s->wire - (old > s->n ? old : s->n), &at);
	w->next = s->seq + s->wire;
}

/* Whatever is next now. */
static void
take_early(struct tcpflow *t, struct flow *f, bool s2c)
{
	struct way *w = &f->way[s2c];
	struct segment *s;

	while ((s = TAILQ_FIRST(&w->early)) != NULL &&
	    (int32_t)(s->seq - w->next) <= 0) {
		take(t, f, s2c, s, s->data);
		forget(t, w, s);
	}
}

/* What is missing before the first early one will not come. */
static void
give_up(struct tcpflow *t, struct flow *f, bool s2c)
{
	struct way *w = &f->way[s2c];
	uint32_t n = TAILQ_FIRST(&w->early)->seq - w->next;
	struct deframe_at at = now(t);
	char text[64];

	snprintf(text, sizeof(text), "%u bytes are missing", n);
	tell_event(t, f, MUX_DUMP_BROKEN, s2c, text);
	deframe_skip(&f->frames, s2c, n, &at);
	w->next += n;
	take_early(t, f, s2c);
}

static void
flush(struct tcpflow *t, struct flow *f)
{
	struct deframe_at at = now(t);
	int i;

	for (i = 0; i < 2; i++) {
		while (!TAILQ_EMPTY(&f->way[i].early))
			give_up(t, f, i);
		deframe_end(&f->frames, i, &at);
	}
}

/* ---- connections ---- */

static unsigned
hash_end(const struct packet_end *e)
{
	const uint8_t *p = e->addr;
	uint32_t h = 2166136261u;
	size_t i;

	for (i = 0; i < sizeof(e->addr); i++)
		h = (h ^ p[i]) * 16777619u;
	return (h ^ e->port) * 16777619u;
}

/* The same for both directions. */
static unsigned
bucket_of(const struct packet *p)
{
	uint32_t h = hash_end(&p->from) + hash_end(&p->to);

	return (h ^ h >> 16) & (BUCKETS - 1);
}

static bool
same_end(const struct packet_end *a, const struct packet_end *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static struct flow *
find(struct tcpflow *t, const struct packet *p, bool *s2c)
{
	struct flow *f;
	int i;

	LIST_FOREACH(f, &t->buckets[bucket_of(p)], same)
		for (i = 0; i < 2; i++)
			if (same_end(&f->ends[i], &p->from) &&
			    same_end(&f->ends[!i], &p->to)) {
				*s2c = i;
				return f;
			}
	return NULL;
}

static void
drop_flow(struct tcpflow *t, struct flow *f)
{
	struct segment *s;
	int i;

	for (i = 0; i < 2; i++)
		while ((s = TAILQ_FIRST(&f->way[i].early)) != NULL)
			forget(t, &f->way[i], s);
	LIST_REMOVE(f, same);
	TAILQ_REMOVE(&t->idle, f, order);
	t->n_flows--;
	free(f);
}

/* It is over: tells the rest, and why. */
static void
finish(struct tcpflow *t, struct flow *f, const char *why)
{
	if (f->done)
		return;
	flush(t, f);
	tell_event(t, f, MUX_DUMP_CLOSE, false, why);
	f->done = true;
}

static struct flow *
new_flow(struct tcpflow *t, const struct packet *p, bool s2c, bool middle)
{
	struct flow *f;

	if (t->n_flows == TCPFLOW_FLOWS) {
		f = TAILQ_LAST(&t->idle, flows);
		finish(t, f, "given up: too many connections");
		drop_flow(t, f);
	}
	f = calloc(1, sizeof(*f));
	if (f == NULL)
		return NULL;
	f->ends[s2c] = p->from;
	f->ends[!s2c] = p->to;
	TAILQ_INIT(&f->way[0].early);
	TAILQ_INIT(&f->way[1].early);
	deframe_init(&f->frames, t->ops.number(t->arg));
	LIST_INSERT_HEAD(&t->buckets[bucket_of(p)], f, same);
	TAILQ_INSERT_HEAD(&t->idle, f, order);
	t->n_flows++;
	tell_open(t, f, middle);
	return f;
}

/* Nobody saw the connection begin: which direction is this? */
static bool
guess_s2c(const struct packet *p)
{
	return p->from.port < p->to.port;
}

/*
 * The connection of a packet; NULL: none, *err = -1 if for lack of memory.  A
 * SYN that is not a repetition begins a new one in the place of the old.
 */
static struct flow *
flow_of(struct tcpflow *t, const struct packet *p, bool *s2c, int *err)
{
	struct flow *f = find(t, p, s2c);
	bool opens = p->syn && !p->has_ack;

	if (f != NULL && opens && !(f->way[*s2c].known &&
	    f->way[*s2c].isn == p->seq)) {
		finish(t, f, "a new connection in its place");
		drop_flow(t, f);
		f = NULL;
	}
	if (f != NULL) {
		TAILQ_REMOVE(&t->idle, f, order);
		TAILQ_INSERT_HEAD(&t->idle, f, order);
		return f->done ? NULL : f;
	}
	/* The last acknowledgements of what is over begin nothing. */
	if (!p->syn && p->wire == 0)
		return NULL;
	*s2c = p->syn ? p->has_ack : guess_s2c(p);
	f = new_flow(t, p, *s2c, !p->syn);
	*err = f == NULL ? -1 : 0;
	return f;
}

/* ---- a packet ---- */

static void
learn(struct flow *f, bool s2c, const struct packet *p)
{
	struct way *w = &f->way[s2c], *back = &f->way[!s2c];

	if (!w->known) {
		w->known = true;
		w->isn = p->seq;
		w->next = p->seq + p->syn;
	}
	if (p->has_ack && !back->known) {
		back->known = true;
		back->isn = p->ack - 1;
		back->next = p->ack;
	}
}

static int
take_data(struct tcpflow *t, struct flow *f, bool s2c,
    const struct packet *p)
{
	struct way *w = &f->way[s2c];
	struct segment s = {
		.seq = p->seq + p->syn, .wire = p->wire, .n = p->n
	};
	int32_t ahead = (int32_t)(s.seq - w->next);

	if (s.wire == 0 || w->over || ahead > FAR || ahead < -FAR)
		return 0;
	if (ahead <= 0) {
		take(t, f, s2c, &s, p->data);
		take_early(t, f, s2c);
		return 0;
	}
	if (keep(t, w, &s, p->data) != 0)
		return -1;
	while (w->held > TCPFLOW_HELD || (t->held > TCPFLOW_HELD_ALL &&
	    !TAILQ_EMPTY(&w->early)))
		give_up(t, f, s2c);
	return 0;
}

static void
take_end(struct tcpflow *t, struct flow *f, bool s2c, const struct packet *p)
{
	struct way *w = &f->way[s2c];
	struct deframe_at at = now(t);

	if (p->fin && !w->has_fin) {
		w->has_fin = true;
		w->fin = p->seq + p->syn + p->wire;
	}
	if (!w->has_fin || w->over || (int32_t)(w->next - w->fin) < 0)
		return;
	w->over = true;
	deframe_end(&f->frames, s2c, &at);
	tell_event(t, f, MUX_DUMP_EOF, s2c, "fin");
	if (f->way[!s2c].over)
		finish(t, f, "fin");
}

int
tcpflow_packet(struct tcpflow *t, const struct mux_packet *pkt)
{
	struct packet p;
	struct flow *f;
	bool s2c = false;
	int err = 0;

	if (!packet_tcp(pkt, &p))
		return 0;
	t->wall = pkt->wall;
	f = flow_of(t, &p, &s2c, &err);
	if (f == NULL)
		return err != 0 ? -1 : 1;
	if (p.rst) {
		flush(t, f);
		tell_event(t, f, MUX_DUMP_BROKEN, s2c, "reset");
		finish(t, f, "reset");
		return 1;
	}
	learn(f, s2c, &p);
	if (take_data(t, f, s2c, &p) != 0)
		return -1;
	take_end(t, f, s2c, &p);
	return 1;
}

/* ---- life ---- */

void
tcpflow_end(struct tcpflow *t)
{
	struct flow *f;

	TAILQ_FOREACH_REVERSE(f, &t->idle, flows, order)
		if (!f->done)
			flush(t, f);
}

struct tcpflow *
tcpflow_new(const struct tcpflow_ops *ops, void *arg)
{
	struct tcpflow *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->ops = *ops;
	t->arg = arg;
	TAILQ_INIT(&t->idle);
	return t;
}

void
tcpflow_free(struct tcpflow *t)
{
	struct flow *f;

	if (t == NULL)
		return;
	while ((f = TAILQ_FIRST(&t->idle)) != NULL)
		drop_flow(t, f);
	free(t);
}
