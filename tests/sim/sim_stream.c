/*
 * sim_stream.c - streams between two sessions over the simulated link: many
 * seeds, pieces down to one byte, and every byte compared.
 */
#include "link.h"
#include "tap.h"

#define SOON	(3 * SEC)

static uint32_t
mirror(struct sim *sim, const struct mux_open *o, struct end *e)
{
	(void)sim;
	if (o->target_len == 4 && memcmp(o->target, "nope", 4) == 0)
		return MUX_NOT_PERMITTED;
	e->seed_in = (uint64_t)o->target[0];
	e->seed_out = e->seed_in + 1;
	e->size = 70000 + (uint64_t)o->target[0];
	return 0;
}

static void
hello(void)
{
	struct sim sim;

	sim_init(&sim, 1, NULL, NULL);
	sim_run(&sim, SOON);
	ok(sim.a.ready && sim.b.ready, "both sides are ready");
	ok(mux_session_mode(sim.a.s) == MUX_MODE_EXTENDED &&
	    mux_session_mode(sim.b.s) == MUX_MODE_EXTENDED, "extended mode");
	sim_release(&sim);
}

static void
transfer(uint64_t seed, size_t split, uint64_t delay, unsigned n)
{
	struct sim sim;
	struct end *e[32];
	bool good = true;
	char name[2] = "a";

	sim_init(&sim, seed, NULL, NULL);
	sim.split = split;
	sim.delay = delay;
	sim.policy = mirror;
	sim_run(&sim, SOON);
	for (unsigned i = 0; i < n; i++) {
		name[0] = (char)('a' + i);
		e[i] = sim_open(&sim, name, sim_random(&sim) % 300000,
		    (uint64_t)name[0], NULL);
		e[i]->piece = (uint32_t)(sim_random(&sim) % 3 == 0 ? 100 : 0);
	}
	sim_run(&sim, sim.now + 60 * SEC);
	for (unsigned i = 0; i < n; i++) {
		struct end *p = NULL, *q;

		for (q = sim.b.ends; q != NULL; q = q->next)
			if (q->seed_in == (uint64_t)('a' + i))
				p = q;
		good &= p != NULL && e[i]->accepted && e[i]->eof && p->eof &&
		    p->got == e[i]->size && e[i]->got == p->size &&
		    !e[i]->bad && !p->bad && !e[i]->reset && !p->reset;
	}
	ok(good, "seed %llu: %u streams, pieces of %zu, both ways whole",
	    (unsigned long long)seed, n, split);
	ok(sim.a.err == 0 && sim.b.err == 0, "no error: %s / %s",
	    mux_session_error(sim.a.s), mux_session_error(sim.b.s));
	sim_release(&sim);
}

static void
refused(void)
{
	struct sim sim;
	struct end *e;

	sim_init(&sim, 3, NULL, NULL);
	sim.policy = mirror;
	sim_run(&sim, SOON);
	e = sim_open(&sim, "nope", 500000, 'x', NULL);
	sim_run(&sim, sim.now + SEC);
	ok(e->reset && e->code == MUX_NOT_PERMITTED && !e->accepted,
	    "a refused open with early data gets its code");
	ok(sim.a.err == 0 && sim.b.err == 0, "the link lives");
	sim_release(&sim);
}

static void
stalled(void)
{
	struct mux_session_stats stats;
	struct sim sim;
	struct end *e, *f, *p;

	sim_init(&sim, 4, NULL, NULL);
	mux_session_stats(sim.b.s, &stats);
	sim.policy = mirror;
	sim_run(&sim, SOON);
	e = sim_open(&sim, "a", 10000000, 'a', NULL);
	f = sim_open(&sim, "b", 10000000, 'b', NULL);
	e->keep_open = true;
	e->size = 0;
	sim_run(&sim, sim.now + SEC);
	p = sim_peer(&sim, e);
	p->stalled = true;
	e->size = 10000000;
	mux_stream_ready(e->st);
	sim_run(&sim, sim.now + SEC);
	ok(f->eof, "the other stream goes on");
	is_u64(p->got, stats.window, "one window, then it waits");
	e->keep_open = false;
	end_consume(p);
	sim_run(&sim, sim.now + 10 * SEC);
	ok(p->got == 10000000 && p->eof && !p->bad, "and goes on when it may");
	sim_release(&sim);
}

static void
drain(void)
{
	struct sim sim;
	struct end *e;

	sim_init(&sim, 5, NULL, NULL);
	sim.policy = mirror;
	sim_run(&sim, SOON);
	e = sim_open(&sim, "a", 1000000, 'a', NULL);
	mux_session_drain(sim.a.s, 5 * SEC, sim.now);
	ok(e->reset && e->code == MUX_UNAVAILABLE, "not started: told so");
	sim_run(&sim, sim.now + 10 * SEC);
	end_release(e);
	sim_run(&sim, sim.now + 10 * SEC);
	ok(sim.a.err == MUX_E_DONE && sim.b.err == MUX_E_DONE,
	    "an empty session drains at once: %d %d", sim.a.err, sim.b.err);
	sim_release(&sim);
}

static void
cut(void)
{
	struct sim sim;
	struct end *e, *p;

	sim_init(&sim, 6, NULL, NULL);
	sim.policy = mirror;
	sim_run(&sim, SOON);
	e = sim_open(&sim, "a", 1000, 'a', NULL);
	e->keep_open = true;
	sim_run(&sim, sim.now + SEC);
	p = sim_peer(&sim, e);
	ok(p != NULL && p->got == 1000 && !p->eof, "open, half way");
	sim.cut = true;
	sim_run(&sim, sim.now + SEC);
	ok(e->reset && e->code == MUX_CARRIER_LOST && p->reset && !p->eof &&
	    p->code == MUX_CARRIER_LOST, "a lost carrier is never an end");
	sim_release(&sim);
}

int
main(void)
{
	hello();
	transfer(1, 0, 0, 1);
	transfer(2, 1, 0, 1);
	for (uint64_t seed = 10; seed < 30; seed++)
		transfer(seed, 1 + seed * 97, seed % 3 * MS,
		    1 + (unsigned)seed % 20);
	refused();
	stalled();
	drain();
	cut();
	return tap_done();
}
