/*
 * Two sessions whose users do anything at any time: open, close, reset, stop,
 * pause, stall, let go, drain, from both sides, over links of every kind.
 * Whatever they do, nothing is fatal, no byte is lost or altered, no end is
 * invented, and when all is over nothing is left: neither streams nor credit.
 *
 * sim_random SEED runs that one, with what happened in it.
 */
#include <stdio.h>

#include "link.h"
#include "tap.h"

#ifdef __SANITIZE_ADDRESS__
#define RUNS	2000u
#else
#define RUNS	3000u
#endif
#define STREAMS	24u

static bool loud;
static uint64_t serial;		/* of the streams of a run; patterns too */

/* Sizes as they come: most are small, some are bulk, 0 is one.  Where bytes
 * travel one by one there is no bulk. */
static uint64_t
random_size(struct sim *sim)
{
	uint64_t dice = sim_random(sim) % 16;

	if (dice == 0)
		return 0;
	if (sim->split < 100)
		return sim_random(sim) % 500;
	if (dice == 1)
		return sim_random(sim) % 200000;
	if (dice == 2)
		return 65534 + sim_random(sim) % 4;
	return sim_random(sim) % 5000;
}

/* The target says what the opener will send, and how it wants to be met. */
static uint32_t
policy(struct sim *sim, const struct mux_open *o, struct end *e)
{
	char text[64] = "";
	unsigned long long seed;

	memcpy(text, o->target, o->target_len < 63 ? o->target_len : 63);
	if (sscanf(text, "%llu", &seed) != 1)
		return MUX_INVALID_PAYLOAD;
	e->seed_in = seed;
	e->seed_out = seed + 1;
	if (sim_random(sim) % 10 == 0)
		return MUX_NOT_PERMITTED;
	e->size = random_size(sim);
	e->piece = (uint32_t)(sim_random(sim) % 4 == 0 ? 700 : 0);
	e->keep_open = sim_random(sim) % 3 == 0;
	e->stalled = sim_random(sim) % 6 == 0;
	return 0;
}

static void
do_open(struct sim *sim, struct side *side)
{
	char target[32];
	struct end *e;

	serial += 2;
	snprintf(target, sizeof(target), "%llu", (unsigned long long)serial);
	e = side_open(side, target, random_size(sim), serial, NULL);
	if (e == NULL)
		return;
	e->piece = (uint32_t)(sim_random(sim) % 4 == 0 ? 1000 : 0);
	e->keep_open = sim_random(sim) % 3 == 0;
	e->stalled = sim_random(sim) % 6 == 0;
}

/* A stream that is still held, chosen by lot; NULL if there is none. */
static struct end *
any_end(struct sim *sim, struct side *side)
{
	struct end *e;
	uint64_t n = 0;

	for (e = side->ends; e != NULL; e = e->next)
		n += e->st != NULL;
	if (n == 0)
		return NULL;
	n = sim_random(sim) % n;
	for (e = side->ends; e != NULL; e = e->next)
		if (e->st != NULL && n-- == 0)
			break;
	return e;
}

static const char *
do_stream(struct sim *sim, struct end *e)
{
	switch (sim_random(sim) % 12) {
	case 0:
		mux_stream_reset(e->st, MUX_ENDPOINT_RESET, "by lot");
		e->reset = true;	/* nothing may be told any more */
		return "reset";
	case 1:
		end_stop(e, MUX_CANCELLED);
		return "stop";
	case 2: case 3:
		mux_stream_pause(e->st, sim_random(sim) % 2 == 0);
		return "pause";
	case 4:
		e->stalled = true;
		return "stall";
	case 5: case 6:
		end_consume(e);
		return "consume";
	case 7:
		mux_stream_priority(e->st, sim_random(sim) % 8);
		return "priority";
	case 8: case 9:
		e->keep_open = false;
		mux_stream_ready(e->st);
		return "end";
	case 10:
		if (!e->eof && !e->reset)
			return "hold";
		end_release(e);
		return "let go";
	default:
		if (sim_random(sim) % 4 != 0)
			return "hold";
		end_release(e);
		return "let go in the middle";
	}
}

static void
step(struct sim *sim)
{
	struct side *side = sim_random(sim) % 2 == 0 ? &sim->a : &sim->b;
	struct end *e = any_end(sim, side);
	const char *what = "wait";
	uint64_t dice = sim_random(sim) % 16;

	if (dice < 4) {
		what = "open";
		do_open(sim, side);
	} else if (dice == 4) {
		what = "ping";
		mux_session_ping(side->s, sim->now);
	} else if (dice < 13 && e != NULL) {
		what = do_stream(sim, e);
	} else {
		sim_run(sim, sim->now + sim_random(sim) % (30 * MS));
	}
	if (loud)
		printf("# %12llu %c: %s\n", (unsigned long long)sim->now,
		    side == &sim->a ? 'a' : 'b', what);
}

/* Nobody holds anything back any more. */
static void
let_it_end(struct side *side)
{
	for (struct end *e = side->ends; e != NULL; e = e->next) {
		if (e->st == NULL)
			continue;
		mux_stream_pause(e->st, false);
		end_consume(e);
		e->keep_open = false;
		mux_stream_ready(e->st);
	}
}

static void
let_go(struct side *side)
{
	for (struct end *e = side->ends; e != NULL; e = e->next)
		if (e->st != NULL)
			end_release(e);
}

static const struct end *
other_end(const struct end *e)
{
	const struct end *p = e->side->peer->ends;

	while (p != NULL && p->seed_in != e->seed_out)
		p = p->next;
	return p;
}

/* Before anyone lets go: each stream has ended, and only as it may. */
static bool
honest(const struct side *side)
{
	bool good = true;

	for (const struct end *e = side->ends; e != NULL; e = e->next) {
		const struct end *p = other_end(e);

		good &= !e->bad;
		if (e->eof && !e->deaf && p != NULL && !p->stopped)
			good &= e->got == p->size;
		if (e->st != NULL && !e->reset && !e->deaf)
			good &= e->eof && p != NULL;
		if (!good && loud)
			printf("# end %llu: got %llu of %llu, eof %d, reset "
			    "%d, bad %d\n", (unsigned long long)e->seed_in,
			    (unsigned long long)e->got, p == NULL ? 0 :
			    (unsigned long long)p->size, e->eof, e->reset,
			    e->bad);
	}
	return good;
}

static bool
empty(const struct side *side, int err)
{
	struct mux_session_stats st;

	mux_session_stats(side->s, &st);
	if (loud)
		printf("# %d %s: streams %llu, live %llu, charge %llu, "
		    "budget %llu\n", side->err, mux_session_error(side->s),
		    (unsigned long long)st.streams,
		    (unsigned long long)st.wire_live,
		    (unsigned long long)st.charge,
		    (unsigned long long)st.budget);
	return side->err == err && st.streams == 0 && st.wire_live == 0 &&
	    st.peer_slots == 0 && st.charge == 0 && st.budget == 0;
}

static void
config(struct sim *sim, struct mux_config *c, bool small)
{
	memset(c, 0, sizeof(*c));
	c->max_streams = small ? 4 : STREAMS;
	c->max_open = STREAMS;
	c->max_calls = MUX_NONE;
	c->memory = (sim_random(sim) % 2 == 0 ? 512 : 4096) * 1024;
	if (sim_random(sim) % 3 == 0)
		c->window = 4096;
	if (sim_random(sim) % 3 == 0)
		c->max_frame = 4096;
}

static bool
run(uint64_t seed)
{
	struct mux_config a, b;
	struct sim lot = { .rng = seed }, sim;
	bool good, drain, by_a;

	serial = 0;
	config(&lot, &a, sim_random(&lot) % 4 == 0);
	config(&lot, &b, sim_random(&lot) % 4 == 0);
	if (sim_init(&sim, seed, &a, &b) < 0)
		return false;
	sim.split = sim_random(&lot) % 6 == 0 ? 1 + sim_random(&lot) % 50 :
	    100 + sim_random(&lot) % 30000;
	sim.delay = sim_random(&lot) % 3 * 3 * MS;
	sim.carrier = sim_random(&lot) % 2 == 0 ? 2000 : 256 * 1024;
	sim.policy = policy;
	sim_run(&sim, 3 * SEC);
	for (uint64_t i = 10 + sim_random(&lot) % 60; i > 0; i--)
		step(&sim);
	drain = sim_random(&lot) % 2 == 0;
	by_a = sim_random(&lot) % 2 == 0;
	if (drain)
		mux_session_drain(by_a ? sim.a.s : sim.b.s, 3600 * SEC,
		    sim.now);
	for (int i = 0; i < 4; i++) {
		let_it_end(&sim.a);
		let_it_end(&sim.b);
		sim_run(&sim, sim.now + 600 * SEC);
	}
	good = honest(&sim.a) && honest(&sim.b);
	let_go(&sim.a);
	let_go(&sim.b);
	sim_run(&sim, sim.now + 60 * SEC);
	good &= empty(&sim.a, drain ? MUX_E_DONE : 0);
	good &= empty(&sim.b, drain ? MUX_E_DONE : 0);
	sim_release(&sim);
	return good;
}

int
main(int argc, char **argv)
{
	unsigned n_bad = 0;

	if (argc > 1) {
		loud = true;
		ok(run(strtoull(argv[1], NULL, 0)), "seed %s", argv[1]);
		return tap_done();
	}
	for (unsigned seed = 1; seed <= RUNS && n_bad < 10; seed++)
		if (!run(seed))
			n_bad += !ok(false, "seed %u", seed);
	ok(n_bad == 0, "%u runs", RUNS);
	return tap_done();
}
