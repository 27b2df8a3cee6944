/*
 * The tap: put together again, its records are the bytes of the carrier in
 * both directions, HELLO included, however they were cut.  And the counters
 * of frames and bytes, which count the same.
 */
#include "raw.h"

#define MOST	(512 * KIB)

/* What the tap told, as bytes again. */
struct tape {
	uint8_t bytes[MOST];
	size_t n;
	unsigned n_frames;
	uint64_t expect;	/* bytes of a frame that are still to come */
	bool wrong;
};

struct set {
	struct raw r;
	struct tape in, out;
};

static void
on_tap(struct mux_session *s, const struct mux_tap *rec, void *arg)
{
	struct set *set = arg;
	struct tape *t = rec->out ? &set->out : &set->in;

	(void)s;
	t->wrong |= rec->now != set->r.now || rec->off + rec->n > rec->len;
	if (rec->off == 0 && t->expect == 0) {
		put_head(t->bytes + t->n, rec->type, rec->flags, rec->id,
		    rec->len);
		t->n += HEAD;
		t->n_frames++;
		t->expect = rec->len;
	}
	t->wrong |= t->expect != rec->len - rec->off;
	t->expect -= rec->n;
	if (rec->data != NULL)
		memcpy(t->bytes + t->n, rec->data, rec->n);
	else
		memset(t->bytes + t->n, '?', rec->n);
	t->n += rec->n;
}

static const struct mux_session_ops tapped = {
	.size = sizeof(tapped), .ready = raw_on_ready, .open = raw_on_open,
	.drain = raw_on_drain, .pong = raw_on_pong, .wake = raw_on_wake,
	.tap = on_tap,
};

/* A conversation of the peer's; the session answers as it likes. */
static size_t
talk(uint8_t *p)
{
	static const struct greeting g = { .window = 64 * KIB };
	size_t n = put_hello(p, true, &g);

	for (uint64_t id = 1; id < 8; id += 2) {
		n += put_head(p + n, START, EXT, id, 9);
		memcpy(p + n, "\5\0\0\0\x29\0\1\0t", 9);
		n += 9;
		n += put_head(p + n, DATA, 0, id, 3000);
		memset(p + n, 'a' + (int)id, 3000);
		n += 3000;
		n += put_head(p + n, DATA, FIN, id, 0);
	}
	n += put_head(p + n, 70, 0x55, 9, 5);
	memcpy(p + n, "other", 5);
	n += 5;
	n += put_head(p + n, PING, 0, 8, 2);
	memcpy(p + n, "hi", 2);
	n += 2;
	n += put_head(p + n, RESET, 0, 3, 4);
	n += put_n(p + n, 9, 4);
	return n;
}

static void
listens(size_t piece)
{
	static struct set set;
	static uint8_t p[MOST];
	struct mux_config cfg = { .size = sizeof(cfg) };
	struct mux_session_stats st;
	size_t n = talk(p), k;

	memset(&set, 0, sizeof(set));
	set.r.now = SEC;
	if (mux_session_new(&cfg, &tapped, &set, SEC, &set.r.s) != 0)
		abort();
	for (size_t at = 0; at < n; at += k) {
		k = n - at < piece ? n - at : piece;
		raw_bytes(&set.r, p + at, k);
		for (struct own *o = set.r.owns; o != NULL; o = o->next) {
			o->to_send = 100000;
			o->end = true;
			mux_stream_ready(o->st);
		}
	}
	raw_pull(&set.r, SIZE_MAX);
	ok(set.r.err == 0 && set.in.n == n && !set.in.wrong &&
	    memcmp(set.in.bytes, p, n) == 0,
	    "pieces of %zu: all that came", piece);
	ok(set.out.n == set.r.out_len && !set.out.wrong &&
	    memcmp(set.out.bytes, set.r.out, set.out.n) == 0,
	    "and all that was sent, are on the tape");
	st = raw_stats(&set.r);
	ok(st.frames_in == set.in.n_frames &&
	    st.frames_out == set.out.n_frames, "as many frames");
	ok(st.bytes_in == 4 * 3000 && st.bytes_out == 3 * 64 * KIB,
	    "bytes are those of DATA: %llu, %llu",
	    (unsigned long long)st.bytes_in,
	    (unsigned long long)st.bytes_out);
	raw_free(&set.r);
}

/* Bytes that pass the session by have a place and a number, and no memory. */
static void
foreign(void)
{
	static struct set set;
	struct mux_config cfg = { .size = sizeof(cfg) };
	static uint8_t p[MOST];
	size_t n = talk(p);

	memset(&set, 0, sizeof(set));
	set.r.now = SEC;
	if (mux_session_new(&cfg, &tapped, &set, SEC, &set.r.s) != 0)
		abort();
	raw_bytes(&set.r, p, n);
	n = put_head(p, START, EXT, 11, 9);
	memcpy(p + n, "\5\0\0\0\x29\0\1\0t", 9);
	n += 9;
	n += put_head(p + n, DATA, 0, 11, 40000);
	raw_bytes(&set.r, p, n);
	set.in.n = 0;
	mux_session_moved(set.r.s, 30000, SEC);
	ok(set.in.n == HEAD + 30000 && set.in.bytes[HEAD] == '?' &&
	    !set.in.wrong, "30000 foreign bytes");
	memset(p, 'z', 10000);
	raw_bytes(&set.r, p, 10000);
	ok(set.in.n == HEAD + 40000 && set.in.bytes[HEAD + 30000] == 'z' &&
	    !set.in.wrong && set.in.expect == 0, "then bytes again");
	mux_stream_consume(set.r.owns->st, 30000);
	raw_free(&set.r);
}

int
main(void)
{
	listens(SIZE_MAX);
	listens(1);
	listens(13);
	listens(1000);
	foreign();
	return tap_done();
}
