/*
 * fuzz_dump.c - every input is a capture.  It comes out the same in one piece
 * and in small ones; what is decoded keeps its promises; and each packet is
 * decoded from memory of its own, so that a sanitizer sees its end.
 */
#include <stdlib.h>
#include <string.h>

#include "mux_dump.h"

#define MUST(x)	do { if (!(x)) abort(); } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct outcome {
	uint64_t packets, records, sum;
	int end;
	struct mux_dump_error err;
};

static void
mix(struct outcome *o, uint64_t v)
{
	o->sum = (o->sum ^ v) * UINT64_C(0x100000001b3);
}

static void
walk_tags(const uint8_t *p, size_t n)
{
	struct mux_tag t;
	size_t at = 0, last = 0;

	while (mux_tag_next(p, n, &at, &t) > 0) {
		MUST(at > last && at <= n && t.value + t.len == p + at);
		last = at;
	}
}

static void
take_record(struct outcome *o, const struct mux_dump_record *r)
{
	uint8_t head[MUX_DUMP_HEAD_MAX], tail[MUX_DUMP_TAIL_MAX];

	MUST(r->n <= r->wire && r->n <= MUX_DUMP_PIECE);
	MUST(r->wire <= r->total && r->off <= r->total - r->wire);
	o->records++;
	mix(o, r->number ^ r->off);
	if (r->n > 0)
		mix(o, r->data[r->n - 1]);
	walk_tags(r->data, r->n);
	/* what can be read can be written */
	mux_dump_head(head, r);
	mux_dump_tail(tail, r);
}

static void
take(struct outcome *o, const struct mux_packet *pk)
{
	struct mux_dump_error err = { 0, NULL };
	struct mux_dump_record r;
	struct mux_packet own = *pk;
	uint8_t *copy = malloc(pk->n > 0 ? pk->n : 1);
	int got;

	MUST(copy != NULL);
	if (pk->n > 0)
		memcpy(copy, pk->data, pk->n);
	own.data = copy;
	o->packets++;
	mix(o, pk->at ^ pk->wall ^ pk->wire);
	MUST(pk->wire >= pk->n);
	got = mux_dump_decode(&own, &r, &err);
	if (got > 0)
		take_record(o, &r);
	else
		MUST(got == 0 || (err.reason != NULL && err.at == pk->at));
	free(copy);
}

static void
run(const uint8_t *data, size_t n, size_t piece, struct outcome *o)
{
	struct mux_dump_reader *r;
	struct mux_packet pk;
	size_t at, k, room;
	int got = 0;

	memset(o, 0, sizeof(*o));
	MUST(mux_dump_reader_new(&r) == 0);
	for (at = 0; at < n && got >= 0; at += k) {
		uint8_t *p = mux_dump_reader_room(r, &room);

		MUST(room > 0);
		k = n - at < piece ? n - at : piece;
		k = k < room ? k : room;
		memcpy(p, data + at, k);
		mux_dump_reader_fill(r, k);
		while ((got = mux_dump_reader_next(r, &pk, &o->err)) > 0)
			take(o, &pk);
	}
	o->end = mux_dump_reader_end(r, &o->err);
	MUST(got < 0 ? o->end < 0 : got == 0);
	MUST(o->end == 0 || (o->err.reason != NULL && o->err.at <= n));
	mux_dump_reader_free(r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct outcome whole, pieces;

	run(data, n, n, &whole);
	run(data, n, n < 4096 ? 3 : 1001, &pieces);
	MUST(whole.packets == pieces.packets && whole.sum == pieces.sum &&
	    whole.records == pieces.records && whole.end == pieces.end);
	MUST(whole.end == 0 || (whole.err.at == pieces.err.at &&
	    whole.err.reason == pieces.err.reason));
	return 0;
}
