/*
 * Bytes may come in pieces of any size: random conversations, legal and not,
 * fed whole, byte by byte and in random pieces, must give the same bytes,
 * the same figures and the same words to every owner.
 */
#include "raw.h"

#define MOST	(64 * KIB)
#define RUNS	400

static uint8_t talk[MOST];
static size_t talk_len;

/* A payload that is mostly legal for its type. */
static size_t
random_payload(uint8_t *p, unsigned type, unsigned *flags)
{
	size_t n = tap_rnd(20);

	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)tap_rnd(256);
	switch (type) {
	case START:
		*flags = EXT | (tap_rnd(4) == 0 ? FIN : 0);
		n = 4 + put_tag(p + 4, 0x29, "target", 6);
		if (tap_rnd(3) == 0)
			n += put_tag_n(p + n, 0x25, tap_rnd(8), 1);
		put_n(p, n - 4, 4);
		return n;
	case DATA:
		*flags = tap_rnd(10) == 0 ? FIN : 0;
		n = tap_rnd(3) == 0 ? tap_rnd(2000) : n;
		memset(p, 'x', n);
		return n;
	case CREDIT: case OK: case STOP: case RESET: case ERROR: case READY:
		put_n(p, 1 + tap_rnd(3000), 4);
		return 4;
	case PRIORITY:
		p[0] = (uint8_t)tap_rnd(8);
		return 1;
	case END: case PAUSE: case RESUME: case LEAVE: case CANCEL:
		return 0;
	case GOODBYE:
		put_n(p, 0, 4);
		put_n(p + 4, 40, 8);
		return 12;
	default:
		return n;
	}
}

/* Mostly streams; now and then something that ends it all. */
static unsigned
random_type(void)
{
	static const uint8_t types[] = { START, START, START, DATA, DATA,
		DATA, DATA, DATA, END, CREDIT, CREDIT, RESET, STOP, PAUSE,
		RESUME, PRIORITY, PING, PONG, ERROR, OK, OK, REQUEST, CANCEL,
		DATAGRAM, 64, 200 };
	static const uint8_t rare[] = { GOODBYE, RESPONSE, JOIN, MSG, LEAVE,
		READY, 12, 40, CONNECT };

	if (tap_rnd(100) == 0)
		return rare[tap_rnd(sizeof(rare))];
	return types[tap_rnd(sizeof(types))];
}

static void
random_talk(void)
{
	uint8_t p[4096];
	uint64_t next = 1, id;
	unsigned flags;

	talk_len = 0;
	for (id = 2; id <= 6; id += 2) {
		put_n(p, 0, 4);
		talk_len += put_head(talk + talk_len, OK, 0, id, 4);
		memcpy(talk + talk_len, p, 4);
		talk_len += 4;
	}
	for (unsigned i = 0; i < 60; i++) {
		unsigned type = random_type();
		size_t n;

		flags = 0;
		n = random_payload(p, type, &flags);
		id = tap_rnd(2) == 0 ? 1 + 2 * tap_rnd((uint32_t)next) :
		    2 + 2 * tap_rnd(3);
		if (id >= next && id % 2 == 1)
			id = next > 2 ? next - 2 : 1;
		if (type == START || type == REQUEST || type == JOIN) {
			id = next;
			next += 2;
		} else if (type == GOODBYE) {
			id = 0;
		} else if (type == CONNECT) {
			id = UINT64_C(1) << 48;
		}
		talk_len += put_head(talk + talk_len, type, flags, id, n);
		memcpy(talk + talk_len, p, n);
		talk_len += n;
	}
}

static void
converse(struct raw *r, uint32_t seed, unsigned how)
{
	size_t n;

	tap.seed = seed;
	raw_begin(r, false);
	for (unsigned i = 0; i < 3; i++) {
		struct own *o = raw_open(r);

		o->to_send = 500;
		o->end = i == 1;
		mux_stream_ready(o->st);
	}
	/* what was fed decides what is sent, not when it was */
	for (size_t at = 0; at < talk_len; at += n) {
		n = how == 0 ? talk_len : how == 1 ? 1 :
		    1 + tap_rnd(how == 2 ? 40 : 4000);
		if (n > talk_len - at)
			n = talk_len - at;
		raw_bytes(r, talk + at, n);
	}
	raw_pull(r, SIZE_MAX);
}

static bool
same_owners(const struct raw *a, const struct raw *b)
{
	const struct own *x = a->owns, *y = b->owns;

	for (; x != NULL && y != NULL; x = x->next, y = y->next)
		if (x->got != y->got || x->sent != y->sent ||
		    x->n_accepted != y->n_accepted || x->n_eof != y->n_eof ||
		    x->n_stopped != y->n_stopped ||
		    x->n_reset != y->n_reset || x->code != y->code ||
		    memcmp(x->first, y->first, sizeof(x->first)) != 0 ||
		    strcmp(x->text, y->text) != 0)
			return false;
	return x == NULL && y == NULL;
}

static bool
same(const struct raw *a, const struct raw *b)
{
	struct mux_session_stats s = raw_stats(a), t = raw_stats(b);

	return a->err == b->err && a->out_len == b->out_len &&
	    memcmp(a->out, b->out, a->out_len) == 0 &&
	    mux_session_code(a->s) == mux_session_code(b->s) &&
	    strcmp(mux_session_error(a->s), mux_session_error(b->s)) == 0 &&
	    memcmp(&s, &t, sizeof(s)) == 0 && same_owners(a, b);
}

int
main(void)
{
	unsigned died = 0, lived = 0;
	struct raw whole, other;

	for (uint32_t run = 1; run <= RUNS; run++) {
		bool good = true;

		tap.seed = run * 7919;
		random_talk();
		converse(&whole, run, 0);
		for (unsigned how = 1; how < 4; how++) {
			converse(&other, run, how);
			good &= same(&whole, &other);
			raw_free(&other);
		}
		if (whole.err != 0)
			died++;
		else
			lived++;
		raw_free(&whole);
		if (!good || run % 50 == 0)
			ok(good, "seed %u, %zu bytes", run, talk_len);
	}
	ok(died > RUNS / 10 && lived > RUNS / 10,
	    "%u conversations came to their end, %u did not", lived, died);
	return tap_done();
}
