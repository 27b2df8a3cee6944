/*
 * Scenes over the simulated link, once for each allocation that they make:
 * that one fails, or it and all behind it.  Whatever comes of it, no byte is
 * altered, no end is told that was none, nothing leaks and nothing crashes.
 *
 * The linker sends the calls of the library and of the simulation here.
 */
#include <stdio.h>

#include "link.h"
#include "tap.h"

#define SOON	(3 * SEC)

/* ---- failing allocations ---- */

static struct {
	uint64_t n, at;		/* made so far; which one fails, 0 = none */
	bool for_good;		/* and all that follow */
	bool hit;
} heap;

void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__real_aligned_alloc(size_t, size_t);
char *__real_strdup(const char *);
char *__real_strndup(const char *, size_t);
void *__wrap_malloc(size_t);
void *__wrap_calloc(size_t, size_t);
void *__wrap_realloc(void *, size_t);
void *__wrap_aligned_alloc(size_t, size_t);
char *__wrap_strdup(const char *);
char *__wrap_strndup(const char *, size_t);

static bool
fails(void)
{
	heap.n++;
	if (heap.at == 0 || heap.n < heap.at ||
	    (heap.n > heap.at && !heap.for_good))
		return false;
	heap.hit = true;
	return true;
}

void *
__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t k, size_t n)
{
	return fails() ? NULL : __real_calloc(k, n);
}

void *
__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

void *
__wrap_aligned_alloc(size_t align, size_t n)
{
	return fails() ? NULL : __real_aligned_alloc(align, n);
}

char *
__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

char *
__wrap_strndup(const char *s, size_t n)
{
	return fails() ? NULL : __real_strndup(s, n);
}

/* ---- scenes ---- */

#define MOST	40u

struct scene {
	struct sim sim;
	struct end *e[MOST];
	unsigned n;
};

/* Ends answer with as much as they are sent; "no" is refused. */
static uint32_t
mirror(struct sim *sim, const struct mux_open *o, struct end *e)
{
	(void)sim;
	if (memcmp(o->target, "no", 2) == 0)
		return MUX_NOT_PERMITTED;
	e->seed_in = (uint64_t)o->target[0];
	e->seed_out = e->seed_in + 1;
	e->size = 1500;
	return 0;
}

static void
open_one(struct scene *s, const char *target, uint64_t size)
{
	struct end *e;

	/* seeds are as mirror() has them */
	e = sim_open(&s->sim, target, size, (uint64_t)target[0], NULL);
	if (e != NULL)
		s->e[s->n++] = e;
}

static void
run(struct scene *s, uint64_t time)
{
	sim_run(&s->sim, s->sim.now + time);
}

static void
transfer(struct scene *s)
{
	open_one(s, "a", 5000);
	open_one(s, "b", 100000);
	run(s, SEC);
	open_one(s, "c", 0);
}

/* The table grows, and grows again. */
static void
many(struct scene *s)
{
	for (unsigned i = 0; i < MOST; i++)
		open_one(s, "m", 100);
}

static void
refused(struct scene *s)
{
	open_one(s, "no", 5000);
	open_one(s, "a", 5000);
	run(s, SEC);
	open_one(s, "no", 0);
}

/* Resets with words, from both sides, and a handle that is let go. */
static void
resets(struct scene *s)
{
	struct end *p;

	for (unsigned i = 0; i < 4; i++) {
		open_one(s, "r", 1000);
		if (s->n > 0)
			s->e[s->n - 1]->keep_open = true;
	}
	run(s, SEC);
	if (s->n == 4 && s->sim.a.err == 0 && s->sim.b.err == 0) {
		mux_stream_reset(s->e[0]->st, 9, "with words");
		s->e[0]->reset = true;
		p = sim_peer(&s->sim, s->e[1]);
		if (p != NULL)
			mux_stream_reset(p->st, 9, "with words as well");
		end_stop(s->e[2], 9);
		end_release(s->e[3]);
	}
}

/* Frames that have to be put together, and calls that are refused. */
static void
drained(struct scene *s)
{
	open_one(s, "a-long-name-that-comes-in-many-pieces", 1000);
	run(s, SEC / 100);
	mux_session_drain(s->sim.b.s, SEC, s->sim.now);
	run(s, SEC / 100);
	open_one(s, "late", 1000);
	mux_session_drain(s->sim.a.s, SEC, s->sim.now);
}

static void
cut(struct scene *s)
{
	open_one(s, "a", 5000);
	open_one(s, "b", 5000);
	s->sim.cut = true;
}

static const struct {
	const char *name;
	void (*play)(struct scene *);
	size_t split;
} scenes[] = {
	{ "transfer", transfer, 0 }, { "transfer, in bytes", transfer, 1 },
	{ "many streams", many, 0 }, { "refusals", refused, 7 },
	{ "resets", resets, 0 }, { "draining", drained, 3 },
	{ "a cut", cut, 100 },
};

/* ---- what must hold ---- */

/* An end is told only behind the last byte, and bytes are what was sent. */
static bool
honest(const struct side *side)
{
	for (const struct end *e = side->ends; e != NULL; e = e->next) {
		const struct end *p = side->peer->ends;

		if (e->bad)
			return false;
		if (e->deaf)
			continue;
		while (p != NULL && p->st != NULL && e->st != NULL &&
		    mux_stream_id(p->st) != mux_stream_id(e->st))
			p = p->next;
		if (p != NULL && p->st != NULL && e->st != NULL && e->eof &&
		    !p->stopped && e->got != p->size)
			return false;
	}
	return true;
}

/* Where the link lives on, nobody waits for ever. */
static bool
settled(const struct sim *sim)
{
	if (sim->a.err != 0 || sim->b.err != 0)
		return true;
	for (const struct end *e = sim->a.ends; e != NULL; e = e->next)
		if (e->st != NULL && !e->keep_open && !e->deaf && !e->eof &&
		    !e->reset)
			return false;
	return true;
}

static bool
whole(const struct side *side)
{
	for (const struct end *e = side->ends; e != NULL; e = e->next)
		if (e->bad || (e->st != NULL && !e->eof && !e->reset))
			return false;
	return side->err == 0 || side->err == MUX_E_DONE;
}

/* One run; true if it was honest. */
static bool
play(unsigned k, uint64_t at, bool for_good)
{
	static struct scene s;
	bool good = true;

	memset(&s, 0, sizeof(s));
	heap.n = 0;
	heap.at = at;
	heap.for_good = for_good;
	heap.hit = false;
	if (sim_init(&s.sim, k + 1, NULL, NULL) < 0)
		return at != 0;
	s.sim.split = scenes[k].split;
	s.sim.policy = mirror;
	run(&s, SOON);
	scenes[k].play(&s);
	run(&s, 60 * SEC);
	good = honest(&s.sim.a) && honest(&s.sim.b);
	good &= for_good || settled(&s.sim);
	if (at == 0 && scenes[k].play == transfer)
		good &= whole(&s.sim.a) && whole(&s.sim.b);
	heap.at = 0;
	sim_release(&s.sim);
	return good;
}

static void
scene(unsigned k, bool for_good)
{
	uint64_t at = 1;
	bool good = true;

	ok(play(k, 0, false), "%s: nothing fails", scenes[k].name);
	do
		good &= play(k, at, for_good);
	while (good && heap.hit && at++ < 100000);
	ok(good && at > 10, "%s: each of %llu allocations fails%s",
	    scenes[k].name, (unsigned long long)at - 1,
	    for_good ? ", and all behind it" : "");
}

int
main(void)
{
	for (unsigned k = 0; k < sizeof(scenes) / sizeof(scenes[0]); k++) {
		scene(k, false);
		scene(k, true);
	}
	return tap_done();
}
