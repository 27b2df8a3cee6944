/*
 * Bytes into records of frames: wherever they are cut, each byte comes once
 * and in order, and what is no frame is a chunk from there on.
 */
#include <stdlib.h>

#include "../../cmd/deframe.h"
#include "tap.h"

#define MAX	(1u << 20)

static struct {
	uint8_t bytes[2][MAX];	/* what came out, c2s and s2c */
	size_t n[2];
	uint64_t frames, chunks;	/* highest numbers */
	size_t pieces, missing;
	uint64_t chunk_bytes;
	bool wrong;		/* a record that cannot be */
	uint32_t next[2];	/* where the next piece of the frame lies */
	uint64_t number[2];
} got;

static void
on_record(const struct mux_dump_record *r, void *arg)
{
	(void)arg;
	got.pieces++;
	got.wrong |= r->wire > r->total || r->off > r->total - r->wire ||
	    r->n > r->wire || r->n > MUX_DUMP_PIECE || r->wire == 0 ||
	    r->conn != 7 || r->mono != 5 || r->wall != 6;
	if (r->kind == MUX_DUMP_CHUNK) {
		got.wrong |= r->off != 0 || r->number != ++got.chunks;
		got.chunk_bytes += r->n;
	} else {
		got.wrong |= r->off == 0 ? r->number != ++got.frames :
		    r->off != got.next[r->s2c] ||
		    r->number != got.number[r->s2c];
		got.next[r->s2c] = r->off + r->wire;
		got.number[r->s2c] = r->number;
	}
	got.missing += r->wire - r->n;
	if (r->n > 0)
		memcpy(got.bytes[r->s2c] + got.n[r->s2c], r->data, r->n);
	got.n[r->s2c] += r->n;
}

static const struct deframe_at at = { 5, 6, on_record, NULL };
static struct deframe d;

static void
begin(void)
{
	memset(&got, 0, sizeof(got));
	deframe_init(&d, 7);
}

static size_t
frame(uint8_t *p, uint8_t type, uint8_t flags, uint32_t len)
{
	struct mux_frame f = { .id = 3, .len = len, .type = type,
	    .flags = flags };
	uint32_t i;

	mux_frame_put(p, &f);
	for (i = 0; i < len; i++)
		p[MUX_FRAME_HEADER + i] = (uint8_t)tap_rnd(256);
	return MUX_FRAME_HEADER + len;
}

static bool
came(bool s2c, const uint8_t *p, size_t n)
{
	return !got.wrong && got.n[s2c] == n &&
	    (n == 0 || memcmp(got.bytes[s2c], p, n) == 0);
}

static void
frames_in_pieces(void)
{
	static const size_t sizes[] = { 1, 2, 13, 14, 15, 1000, 200000 };
	static uint8_t in[MAX / 2];
	size_t n = 0, i, k, at_byte;

	n += frame(in + n, 8, 0, 0);
	n += frame(in + n, 0, MUX_FRAME_MORE, 5);
	n += frame(in + n, 3, 0, 300000);
	n += frame(in + n, 4, 0x40, 0);		/* reserved: later it may */
	n += frame(in + n, 200, 0, 3);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		begin();
		for (at_byte = 0; at_byte < n; at_byte += k) {
			k = n - at_byte < sizes[i] ? n - at_byte : sizes[i];
			deframe_push(&d, false, in + at_byte, k, &at);
		}
		deframe_end(&d, false, &at);
		ok(came(false, in, n) && got.frames == 5 &&
		    got.chunks == 0, "five frames in pieces of %zu",
		    sizes[i]);
	}
}

static void
both_ways(void)
{
	uint8_t a[64], b[64];
	size_t n = frame(a, 0, 0, 20), m = frame(b, 1, 0, 30);

	begin();
	deframe_push(&d, false, a, 9, &at);
	deframe_push(&d, true, b, 20, &at);
	deframe_push(&d, false, a + 9, n - 9, &at);
	deframe_push(&d, true, b + 20, m - 20, &at);
	ok(came(false, a, n) && came(true, b, m) && got.frames == 2,
	    "the directions do not touch each other");
}

static void
no_frames(void)
{
	static const uint8_t http[] = "GET / HTTP/1.1\r\n\r\n";
	static const uint8_t zeros[20];
	uint8_t bad[64];
	size_t n;

	begin();
	deframe_push(&d, false, http, 4, &at);
	ok(came(false, http, 4) && got.chunks == 1,
	    "four bytes are enough to see that it is something else");
	deframe_push(&d, true, zeros, 3, &at);
	ok(came(true, zeros, 3) && got.chunks == 2,
	    "then the other direction is, too");

	begin();
	deframe_push(&d, true, zeros, 13, &at);
	deframe_push(&d, false, http, 1, &at);
	ok(got.pieces == 0, "what may be a header waits");
	deframe_push(&d, false, http + 1, 3, &at);
	ok(came(true, zeros, 13) && came(false, http, 4),
	    "until it is known, in both directions");

	begin();
	n = frame(bad, 12, 0, 4);
	deframe_push(&d, false, bad, n, &at);
	ok(came(false, bad, n) && got.frames == 0, "a type that is not");
	begin();
	n = frame(bad, 0, 0x04, 4);
	deframe_push(&d, false, bad, n, &at);
	ok(came(false, bad, n) && got.frames == 0,
	    "nobody begins with a reserved flag");
	begin();
	n = frame(bad, 0, 0, 4);
	memset(bad + n, 0xff, 20);
	deframe_push(&d, false, bad, n + 20, &at);
	ok(came(false, bad, n + 20) && got.frames == 1 && got.chunks == 1,
	    "frames, then none");
	deframe_push(&d, true, bad, n, &at);
	ok(came(true, bad, n) && got.frames == 2,
	    "the other direction still has some");
}

static void
ends(void)
{
	uint8_t a[64];

	frame(a, 0, 0, 20);
	begin();
	deframe_push(&d, false, a, 10, &at);
	deframe_end(&d, false, &at);
	ok(came(false, a, 10) && got.chunks == 1,
	    "half a header at the end is a chunk");
	deframe_end(&d, false, &at);
	ok(got.chunks == 1, "once");
}

static void
holes(void)
{
	uint8_t a[64];
	size_t n = frame(a, 3, 0, 20);

	begin();
	deframe_push(&d, false, a, 20, &at);
	deframe_skip(&d, false, 5, &at);
	deframe_push(&d, false, a + 25, n - 25, &at);
	deframe_push(&d, false, a, n, &at);
	ok(!got.wrong && got.frames == 2 && got.chunks == 0 &&
	    got.missing == 5, "a hole inside a frame is a piece of it");

	begin();
	deframe_push(&d, false, a, 20, &at);
	deframe_skip(&d, false, n - 20, &at);
	deframe_push(&d, false, a, n, &at);
	ok(!got.wrong && got.frames == 2 && got.chunks == 0,
	    "also at its end");

	begin();
	deframe_push(&d, false, a, 20, &at);
	deframe_skip(&d, false, n - 20 + 1, &at);
	deframe_push(&d, false, a + 1, n - 1, &at);
	ok(!got.wrong && got.frames == 1 && got.chunk_bytes == n - 1,
	    "beyond it nobody knows where a frame begins");
}

int
main(void)
{
	frames_in_pieces();
	both_ways();
	no_frames();
	ends();
	holes();
	return tap_done();
}
