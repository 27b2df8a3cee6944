/*
 * link.c - the simulated carrier.  A round pulls from both sessions, moves
 * random pieces to the other side when they are due, and, when nothing can
 * move, jumps to the next deadline.  Invariant: what one side sent arrives
 * at the other in order and whole, or not at all after a cut.
 */
#include <stdio.h>

#include "link.h"

#define ROUNDS	20000000u

uint64_t
sim_random(struct sim *sim)
{
	uint64_t z = sim->rng += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint8_t
sim_pattern(uint64_t seed, uint64_t at)
{
	uint64_t z = seed * UINT64_C(0x9e3779b97f4a7c15) + at;

	return (uint8_t)(z ^ z >> 9 ^ z >> 17);
}

/* ---- the owner of a stream ---- */

static void
on_accepted(struct mux_stream *st, void *arg)
{
	struct end *e = arg;

	(void)st;
	e->accepted = true;
}

static size_t
on_fill(struct mux_stream *st, void *buf, size_t max, size_t limit,
    unsigned *flags, void *arg)
{
	struct end *e = arg;
	uint64_t n = e->size - e->sent;
	uint8_t *p = buf;

	(void)st;
	(void)limit;
	if (n > max)
		n = max;
	if (e->piece != 0 && n > e->piece)
		n = e->piece;
	for (uint64_t i = 0; i < n; i++)
		p[i] = sim_pattern(e->seed_out, e->sent + i);
	e->sent += n;
	if (e->sent == e->size && !e->keep_open)
		*flags = MUX_FILL_END;
	return n;
}

static void
on_data(struct mux_stream *st, const void *buf, size_t n, void *arg)
{
	struct end *e = arg;
	const uint8_t *p = buf;

	for (size_t i = 0; i < n; i++)
		if (p[i] != sim_pattern(e->seed_in, e->got + i))
			e->bad = true;
	e->bad |= e->eof || e->reset;
	e->got += n;
	if (e->stalled)
		e->held += n;
	else
		mux_stream_consume(st, n);
}

static void
on_eof(struct mux_stream *st, void *arg)
{
	struct end *e = arg;

	(void)st;
	e->bad |= e->eof;
	e->eof = true;
}

static void
on_stopped(struct mux_stream *st, uint32_t code, void *arg)
{
	struct end *e = arg;

	(void)st;
	e->stopped = true;
	e->code = code;
}

static void
on_reset(struct mux_stream *st, uint32_t code, const char *text, void *arg)
{
	struct end *e = arg;

	(void)st;
	e->bad |= e->reset;
	e->reset = true;
	e->code = code;
	snprintf(e->text, sizeof(e->text), "%s", text);
}

static const struct mux_stream_ops stream_ops = {
	.size = sizeof(stream_ops),
	.accepted = on_accepted, .fill = on_fill, .data = on_data,
	.eof = on_eof, .stopped = on_stopped, .reset = on_reset,
};

void
end_consume(struct end *e)
{
	e->stalled = false;
	mux_stream_consume(e->st, e->held);
	e->held = 0;
}

void
end_stop(struct end *e, uint32_t code)
{
	e->deaf = true;
	mux_stream_stop(e->st, code);
}

void
end_release(struct end *e)
{
	if (e->released)
		return;
	e->released = true;
	mux_stream_release(e->st);
	e->st = NULL;
}

static struct end *
end_new(struct side *side)
{
	struct end *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->side = side;
	e->next = side->ends;
	side->ends = e;
	return e;
}

/* ---- the sessions ---- */

static void
on_ready(struct mux_session *s, void *arg)
{
	struct side *side = arg;

	(void)s;
	side->ready = true;
}

static void
on_open(struct mux_session *s, struct mux_stream *st,
    const struct mux_open *o, void *arg)
{
	struct side *side = arg;
	struct end *e;
	uint32_t code = 0;

	(void)s;
	side->n_opens++;
	if ((e = end_new(side)) == NULL) {
		mux_stream_refuse(st, MUX_INTERNAL, "no memory");
		return;
	}
	if (side->sim->policy != NULL)
		code = side->sim->policy(side->sim, o, e);
	if (code != 0) {
		e->released = true;
		mux_stream_refuse(st, code, "policy");
		return;
	}
	e->st = st;
	mux_stream_attach(st, &stream_ops, e);
	mux_stream_accept(st);
	mux_stream_ready(st);
}

static void
on_drain(struct mux_session *s, void *arg)
{
	struct side *side = arg;

	(void)s;
	side->drained = true;
}

static void
on_tap(struct mux_session *s, const struct mux_tap *tap, void *arg)
{
	struct side *side = arg;

	(void)s;
	if (side->sim->tap != NULL)
		side->sim->tap(side->sim, side, tap);
}

static const struct mux_session_ops session_ops = {
	.size = sizeof(session_ops),
	.ready = on_ready, .open = on_open, .drain = on_drain, .tap = on_tap,
};

static int
side_init(struct sim *sim, struct side *side, struct side *peer,
    const struct mux_config *given, bool initiator)
{
	struct mux_config cfg = { 0 };

	if (given != NULL)
		cfg = *given;
	cfg.size = sizeof(cfg);
	cfg.initiator = initiator;
	side->sim = sim;
	side->peer = peer;
	return mux_session_new(&cfg, &session_ops, side, sim->now, &side->s);
}

int
sim_init(struct sim *sim, uint64_t seed, const struct mux_config *a,
    const struct mux_config *b)
{
	int r;

	memset(sim, 0, sizeof(*sim));
	sim->rng = seed;
	sim->now = SEC;
	sim->carrier = 256 * 1024;
	if ((r = side_init(sim, &sim->a, &sim->b, a, true)) < 0)
		return r;
	r = side_init(sim, &sim->b, &sim->a, b, false);
	if (r < 0)
		mux_session_free(sim->a.s);
	return r;
}

static void
side_release(struct side *side)
{
	struct end *e;

	for (e = side->ends; e != NULL; e = e->next)
		if (e->st != NULL)
			end_release(e);
	mux_session_free(side->s);
	while ((e = side->ends) != NULL) {
		side->ends = e->next;
		free(e);
	}
	free(side->wire);
	side->s = NULL;
	side->wire = NULL;
}

void
sim_release(struct sim *sim)
{
	side_release(&sim->a);
	side_release(&sim->b);
}

struct end *
side_open(struct side *side, const char *target, uint64_t size,
    uint64_t seed, int *err)
{
	struct mux_open o = { .size = sizeof(o), .target = target,
	    .target_len = strlen(target) };
	struct end *e = end_new(side);
	int r = MUX_E_NOMEM;

	if (e != NULL) {
		e->size = size;
		e->seed_out = seed;
		e->seed_in = seed + 1;
		r = mux_stream_open(side->s, &o, &stream_ops, e, &e->st);
	}
	if (r < 0) {
		if (e != NULL)
			side->ends = e->next;
		free(e);
		if (err != NULL)
			*err = r;
		return NULL;
	}
	mux_stream_ready(e->st);
	return e;
}

struct end *
sim_open(struct sim *sim, const char *target, uint64_t size, uint64_t seed,
    int *err)
{
	return side_open(&sim->a, target, size, seed, err);
}

struct end *
sim_find(struct side *side, const struct mux_stream *st)
{
	struct end *e;

	for (e = side->ends; e != NULL; e = e->next)
		if (e->st == st)
			return e;
	return NULL;
}

struct end *
sim_peer(struct sim *sim, const struct end *e)
{
	struct side *other = e->side == &sim->a ? &sim->b : &sim->a;
	struct end *p;

	for (p = other->ends; p != NULL; p = p->next)
		if (p->st != NULL && e->st != NULL &&
		    mux_stream_id(p->st) == mux_stream_id(e->st))
			return p;
	return NULL;
}

/* ---- moving ---- */

static bool
wire_put(struct side *side, const void *p, size_t n)
{
	size_t cap = side->wire_len + n;
	uint8_t *wire = side->wire;

	if (cap > side->wire_cap) {
		cap *= 2;
		if ((wire = realloc(wire, cap)) == NULL)
			return false;
		side->wire = wire;
		side->wire_cap = cap;
	}
	if (side->wire_off + side->wire_len + n > side->wire_cap) {
		memmove(wire, wire + side->wire_off, side->wire_len);
		side->wire_off = 0;
	}
	memcpy(wire + side->wire_off + side->wire_len, p, n);
	side->wire_len += n;
	return true;
}

/* Session -> wire, as much as the carrier holds.  True if bytes moved. */
static bool
side_send(struct side *side)
{
	struct sim *sim = side->sim;
	struct mux_out out;
	bool moved = false;
	int r;

	for (;;) {
		r = mux_session_pull(side->s, sim->now);
		if (mux_is_fatal(r) && side->err == 0)
			side->err = r;
		mux_session_peek(side->s, &out);
		if (out.len > sim->carrier - side->wire_len)
			out.len = sim->carrier - side->wire_len;
		if (out.len == 0 || sim->cut)
			break;
		if (!wire_put(side, out.data, out.len))
			break;
		mux_session_sent(side->s, out.len, sim->now);
		moved = true;
	}
	return moved;
}

static bool
side_end(struct side *side)
{
	struct sim *sim = side->sim;

	if (side->wire_len > 0 || side->eof_sent ||
	    (side->err == 0 && !sim->cut))
		return false;
	side->eof_sent = true;
	if (side->peer->err == 0)
		side->peer->err = mux_session_feed_eof(side->peer->s,
		    sim->now);
	return true;
}

/* Wire -> the peer's session, one random piece if it is due. */
static bool
side_deliver(struct side *side)
{
	struct sim *sim = side->sim;
	size_t n = side->wire_len;
	int r;

	if (n == 0)
		return side_end(side);
	if (side->due > sim->now)
		return false;
	if (sim->split != 0 && n > sim->split)
		n = 1 + sim_random(sim) % sim->split;
	r = mux_session_feed(side->peer->s, side->wire + side->wire_off, n,
	    sim->now);
	if (mux_is_fatal(r) && side->peer->err == 0)
		side->peer->err = r;
	side->wire_off += n;
	side->wire_len -= n;
	if (side->wire_len == 0)
		side->wire_off = 0;
	side->delivered += n;
	if (sim->delay != 0)
		side->due = sim->now + sim_random(sim) % sim->delay;
	return true;
}

static uint64_t
min_time(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t
side_next(const struct side *side)
{
	uint64_t at = mux_session_deadline(side->s);

	if (side->wire_len > 0)
		at = min_time(at, side->due);
	return at;
}

static void
side_tick(struct side *side)
{
	int r;

	if (side->sim->now < mux_session_deadline(side->s))
		return;
	r = mux_session_tick(side->s, side->sim->now);
	if (mux_is_fatal(r) && side->err == 0)
		side->err = r;
}

void
sim_run(struct sim *sim, uint64_t until)
{
	uint64_t at;
	bool moved;

	for (unsigned i = 0; i < ROUNDS; i++) {
		moved = side_send(&sim->a);
		moved |= side_send(&sim->b);
		moved |= side_deliver(&sim->a);
		moved |= side_deliver(&sim->b);
		if (moved)
			continue;
		at = min_time(side_next(&sim->a), side_next(&sim->b));
		if (at > until)
			return;
		if (at > sim->now)
			sim->now = at;
		side_tick(&sim->a);
		side_tick(&sim->b);
	}
	abort();	/* the simulation does not end */
}
