/*
 * sim_call.c - calls between two sessions, bytes in pieces of any size:
 * thousands in flight, answers in any order, cancels that race them, large
 * bodies both ways beside small ones.  Each call gets one answer, its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mux.h"
#include "tap.h"

#define SEC	UINT64_C(1000000000)
#define MS	UINT64_C(1000000)
#define KEEP	64u		/* bytes of a small body */

struct pair;

/* One call: the caller's half, or the callee's. */
struct job {
	struct pair *pair;
	struct mux_call *c;
	struct job *next;
	char body[KEEP];
	size_t len;
	uint64_t no, size, sent, got, big;
	bool bad, done, cancelled;
	bool alone;			/* done() frees it */
	uint64_t took;			/* bytes on the wire until the end */
};

struct pair {
	struct mux_session *s[2];	/* caller, callee */
	uint64_t now, rng, moved;
	size_t split, in_hand, most;
	struct job *waiting;		/* of the callee, to be answered */
	struct job *spare;
	uint64_t n_done, n_ok, n_cancelled, n_callee_done, n_opened;
	bool hold, bad, big_in;
	uint64_t total;
	unsigned cancel_of;		/* one of so many is cancelled */
};

static uint64_t
rnd(struct pair *p)
{
	p->rng ^= p->rng << 13;
	p->rng ^= p->rng >> 7;
	p->rng ^= p->rng << 17;
	return p->rng;
}

static struct job *
job_new(struct pair *p)
{
	struct job *j = p->spare;

	if (j != NULL)
		p->spare = j->next;
	else if ((j = malloc(sizeof(*j))) == NULL)
		abort();
	memset(j, 0, sizeof(*j));
	j->pair = p;
	return j;
}

static void
job_free(struct job *j)
{
	j->next = j->pair->spare;
	j->pair->spare = j;
}

static uint8_t
pattern(uint64_t at)
{
	return (uint8_t)(at * 31 + (at >> 12));
}

/* ---- the callee ---- */

static void
callee_data(struct mux_call *c, const void *p, size_t n, void *arg)
{
	struct job *j = arg;
	size_t k = n < KEEP - j->len ? n : KEEP - j->len;

	memcpy(j->body + j->len, p, k);
	j->len += k;
	if (j->pair->big_in)
		for (size_t i = 0; i < n; i++)
			j->bad |= j->got + i >= KEEP &&
			    ((const uint8_t *)p)[i] != pattern(j->got + i);
	j->got += n;
	mux_call_consume(c, n);
}

static void
answer(struct job *j)
{
	if (j->len >= 3 && memcmp(j->body, "big", 3) == 0) {
		j->size = strtoull(j->body + 4, NULL, 10);
		mux_call_reply(j->c, NULL);
		return;
	}
	if (mux_call_answer(j->c, NULL, j->body, j->len) != 0)
		j->pair->bad = true;
}

/* Answers one of those that wait, not the oldest. */
static void
answer_some(struct pair *p, size_t leave)
{
	struct job **at, *j;
	uint64_t skip;

	while (p->in_hand > leave) {
		at = &p->waiting;
		for (skip = rnd(p) % 8; skip > 0 && (*at)->next != NULL;
		    skip--)
			at = &(*at)->next;
		j = *at;
		*at = j->next;
		p->in_hand--;
		answer(j);
	}
}

static void
callee_eof(struct mux_call *c, void *arg)
{
	struct job *j = arg;

	(void)c;
	if (!j->pair->hold) {
		answer(j);
		return;
	}
	j->next = j->pair->waiting;
	j->pair->waiting = j;
	if (++j->pair->in_hand > j->pair->most)
		j->pair->most = j->pair->in_hand;
}

static size_t
job_fill(struct mux_call *c, void *buf, size_t max, unsigned *flags,
    void *arg)
{
	struct job *j = arg;
	uint64_t n = j->size - j->sent;

	(void)c;
	if (n > max)
		n = max;
	for (uint64_t i = 0; i < n; i++)
		((uint8_t *)buf)[i] = j->sent + i < KEEP && j->pair->big_in ?
		    'x' : pattern(j->sent + i);
	j->sent += n;
	if (j->sent == j->size)
		*flags = MUX_FILL_END;
	return n;
}

static void
callee_cancel(struct mux_call *c, uint32_t code, void *arg)
{
	struct job *j = arg;

	if (j->cancelled)
		j->pair->bad = true;
	j->cancelled = true;
	if (j->pair->hold)
		return;
	mux_call_fail(c, code, NULL, NULL);
	mux_call_release(c);
	j->pair->n_callee_done++;
	job_free(j);
}

static void
callee_done(struct mux_call *c, const struct mux_answer *a, void *arg)
{
	struct job *j = arg;

	if (j->done || j->bad)
		j->pair->bad = true;
	j->done = true;
	(void)a;
	mux_call_release(c);
	j->pair->n_callee_done++;
	job_free(j);
}

static const struct mux_call_ops callee_ops = {
	.size = sizeof(callee_ops), .data = callee_data, .eof = callee_eof,
	.fill = job_fill, .cancel = callee_cancel, .done = callee_done,
};

static void
on_call(struct mux_session *s, struct mux_call *c,
    const struct mux_request *q, void *arg)
{
	struct job *j = job_new(arg);

	(void)s;
	(void)q;
	j->c = c;
	mux_call_attach(c, &callee_ops, j);
}

static const struct mux_session_ops ops = {
	.size = sizeof(ops), .call = on_call,
};

/* ---- the caller ---- */

static void
caller_data(struct mux_call *c, const void *p, size_t n, void *arg)
{
	struct job *j = arg;
	size_t k = n < KEEP - j->len ? n : KEEP - j->len;

	memcpy(j->body + j->len, p, k);
	j->len += k;
	for (size_t i = 0; i < n && j->big > 0; i++)
		j->bad |= ((const uint8_t *)p)[i] != pattern(j->got + i);
	j->got += n;
	mux_call_consume(c, n);
}

static void
caller_done(struct mux_call *c, const struct mux_answer *a, void *arg)
{
	struct job *j = arg;
	struct pair *p = j->pair;
	char want[KEEP];
	size_t n = (size_t)snprintf(want, sizeof(want), "call %llu",
	    (unsigned long long)j->no);

	p->n_done++;
	j->done = true;
	j->took = p->moved;
	if (a->code == MUX_CANCELLED) {
		p->n_cancelled++;
		p->bad |= !j->cancelled;
	} else if (a->code == MUX_OK) {
		p->n_ok++;
		if (j->big == 0)
			p->bad |= j->len != n || memcmp(j->body, want, n) != 0;
		else
			p->bad |= j->bad || j->got != j->big;
	} else {
		printf("# code %u\n", a->code);
		p->bad = true;
	}
	mux_call_release(c);
	j->c = NULL;
	if (j->big == 0 || j->alone)
		job_free(j);
}

static const struct mux_call_ops caller_ops = {
	.size = sizeof(caller_ops), .data = caller_data,
	.fill = job_fill, .done = caller_done,
};

static struct job *
make(struct pair *p, uint64_t big)
{
	char body[KEEP];
	struct mux_request q = { .size = sizeof(q), .method = { "m", 1 },
	    .body = body };
	struct job *j = job_new(p);
	int r;

	j->no = p->n_opened;
	j->big = big;
	q.body_len = (size_t)snprintf(body, sizeof(body), big > 0 ?
	    "big %llu" : "call %llu",
	    (unsigned long long)(big > 0 ? big : j->no));
	r = mux_call_open(p->s[0], &q, &caller_ops, j, &j->c);
	if (r != 0) {
		p->bad |= r != MUX_E_LIMIT;
		job_free(j);
		return NULL;
	}
	p->n_opened++;
	if (p->cancel_of != 0 && rnd(p) % p->cancel_of == 0) {
		j->cancelled = true;
		if (rnd(p) % 4 == 0)	/* before it is sent */
			mux_call_cancel(j->c, 0);
	}
	return j;
}

/* ---- the link ---- */

static bool
carry(struct pair *p, int from)
{
	struct mux_out o;
	const uint8_t *at;
	size_t n, k;

	if (mux_is_fatal(mux_session_pull(p->s[from], p->now)))
		return false;
	mux_session_peek(p->s[from], &o);
	if (o.len == 0)
		return false;
	n = p->split != 0 && o.len > p->split ?
	    1 + (size_t)(rnd(p) % p->split) : o.len;
	for (at = o.data, k = n; k > 0;) {
		size_t piece = p->split == 0 ? k :
		    1 + (size_t)(rnd(p) % (k < 40 ? k : 40));

		mux_session_feed(p->s[!from], at, piece, p->now);
		at += piece;
		k -= piece;
	}
	p->moved += n;
	mux_session_sent(p->s[from], n, p->now);
	return true;
}

/* Until nothing moves; some answers are kept back on the way. */
static void
settle(struct pair *p)
{
	bool moved = true;

	while (moved) {
		moved = carry(p, 0);
		moved |= carry(p, 1);
		p->now += MS / 10;
		if (p->hold && (!moved || rnd(p) % 4 == 0)) {
			moved |= p->in_hand > 0;
			answer_some(p, moved ? p->in_hand / 2 : 0);
		}
	}
}

static void
pair_init(struct pair *p, uint64_t seed, uint32_t n)
{
	struct mux_config cfg = { .size = sizeof(cfg), .max_calls = n,
	    .max_open = n, .memory = UINT64_C(1) << 30,
	    .keepalive = UINT64_MAX };

	memset(p, 0, sizeof(*p));
	p->rng = seed * 2654435761u + 1;
	p->now = SEC;
	if (mux_session_new(&cfg, &ops, p, p->now, &p->s[1]) != 0)
		abort();
	cfg.initiator = true;
	if (mux_session_new(&cfg, &ops, p, p->now, &p->s[0]) != 0)
		abort();
	settle(p);
}

static void
pair_end(struct pair *p, const char *what)
{
	struct mux_session_stats a, b;
	struct job *j;

	mux_session_stats(p->s[0], &a);
	mux_session_stats(p->s[1], &b);
	ok(p->n_done == p->n_opened && !p->bad && a.streams == 0 &&
	    b.streams == 0 && a.calls_out == 0 && b.calls_in == 0 &&
	    p->n_callee_done == b.calls_taken,
	    "%s: %llu calls, each has its own answer (%llu ok, %llu "
	    "cancelled), nothing is left", what,
	    (unsigned long long)p->n_opened, (unsigned long long)p->n_ok,
	    (unsigned long long)p->n_cancelled);
	ok(mux_session_code(p->s[0]) == 0 && mux_session_code(p->s[1]) == 0,
	    "%s: no error: %s%s", what, mux_session_error(p->s[0]),
	    mux_session_error(p->s[1]));
	mux_session_free(p->s[0]);
	mux_session_free(p->s[1]);
	while ((j = p->spare) != NULL) {
		p->spare = j->next;
		free(j);
	}
}

static void
pipelined(uint64_t seed, size_t split, uint64_t total)
{
	struct pair p;

	pair_init(&p, seed, 4000);
	p.split = split;
	p.hold = true;
	while (p.n_opened < total) {
		while (p.n_opened < total && make(&p, 0) != NULL)
			;
		carry(&p, 0);
		carry(&p, 1);
		if (p.in_hand > 2000 || rnd(&p) % 100 == 0)
			answer_some(&p, p.in_hand / 2);
	}
	settle(&p);
	ok(p.most > 1000, "seed %llu: thousands at once (%zu)",
	    (unsigned long long)seed, p.most);
	pair_end(&p, "pipelined");
}

/* Cancels at every stage: unsent, on its way, being answered, answered. */
static void
cancelled(uint64_t seed, size_t split, uint64_t total)
{
	enum { WINDOW = 256 };
	struct job *window[WINDOW] = { NULL };
	struct pair p;

	pair_init(&p, seed, 1000);
	p.split = split;
	p.cancel_of = 2;
	while (p.n_opened < total) {
		struct job **slot = &window[rnd(&p) % WINDOW];
		uint64_t big = rnd(&p) % 50 == 0 ? 1 + rnd(&p) % 200000 : 1;

		if (*slot != NULL && !(*slot)->done) {
			(*slot)->cancelled = (*slot)->alone = true;
			mux_call_cancel((*slot)->c, 0);
			*slot = NULL;	/* done() frees it */
		} else if (*slot != NULL) {
			job_free(*slot);
			*slot = NULL;
		}
		if ((*slot = make(&p, big)) == NULL)
			settle(&p);
		for (uint64_t n = rnd(&p) % 3; n > 0; n--)
			carry(&p, (int)(rnd(&p) % 2));
	}
	settle(&p);
	pair_end(&p, "cancelled");
	for (size_t i = 0; i < WINDOW; i++)
		free(window[i]);
}

/* What is large delays what is small by what is in flight, not by itself. */
static void
big_beside_small(void)
{
	const uint64_t size = 100u << 20;
	struct job *big;
	struct pair p;
	uint64_t began, most = 0, before;

	pair_init(&p, 77, 64);
	big = make(&p, size);
	for (int i = 0; i < 50; i++)
		carry(&p, i & 1);
	for (int i = 0; i < 100; i++) {
		began = p.moved;
		before = p.n_done;
		make(&p, 0);
		while (p.n_done == before) {
			carry(&p, 0);
			carry(&p, 1);
		}
		if (p.moved - began > most)
			most = p.moved - began;
	}
	ok(!big->done, "100 small calls, and the answer of 100 MiB is not out");
	ok(most < 512 * 1024, "a small one waited for %llu bytes",
	    (unsigned long long)most);
	settle(&p);
	ok(big->done && big->got == size && !big->bad, "then it is, whole");
	free(big);
	pair_end(&p, "big beside small");
}

static void
big_request(void)
{
	struct mux_request q = { .size = sizeof(q), .method = { "m", 1 } };
	struct job *j;
	struct pair p;

	pair_init(&p, 5, 64);
	p.big_in = true;
	j = job_new(&p);
	j->size = 20u << 20;
	j->big = KEEP;
	if (mux_call_open(p.s[0], &q, &caller_ops, j, &j->c) != 0)
		abort();
	p.n_opened++;
	settle(&p);
	ok(j->done && j->sent == j->size && j->len == KEEP &&
	    j->body[0] == 'x', "a request of 20 MiB comes whole");
	p.bad = false;	/* its answer is no pattern */
	free(j);
	pair_end(&p, "big request");
}

int
main(void)
{
	pipelined(1, 0, 20000);
	for (uint64_t seed = 2; seed < 6; seed++)
		pipelined(seed, 3000, 5000);
	cancelled(10, 0, 100000);
	for (uint64_t seed = 11; seed < 15; seed++)
		cancelled(seed, 1000, 5000);
	big_beside_small();
	big_request();
	return tap_done();
}
