/*
 * test_buf.c - a queue of bytes: what goes in comes out, in order, and its
 * memory follows what waits, not what passed through.
 */
#include "../../cmd/buf.h"
#include "tap.h"

static void
test_random(void)
{
	struct buf b = { 0 };
	unsigned char in = 0, out = 0, piece[300];
	bool good = true;
	size_t n, i, turn, most = 0;

	for (turn = 0; good && turn < 20000; turn++) {
		n = tap_rnd(b.len > 2000 ? 1 : sizeof(piece));
		for (i = 0; i < n; i++)
			piece[i] = in++;
		good = buf_put(&b, piece, n);
		n = tap_rnd((uint32_t)b.len + 1);
		n = n > 400 ? 400 : n;
		for (i = 0; i < n; i++)
			good = good && (unsigned char)b.p[i] == out++;
		buf_drop(&b, n);
		most = b.len > most ? b.len : most;
	}
	ok(good && b.len % 256 == (unsigned char)(in - out),
	    "20000 turns, in order");
	ok(most > 300 && b.cap <= 8192, "in %zu bytes for %zu", b.cap, most);
	buf_release(&b);
	ok(b.p == NULL && b.len == 0 && b.cap == 0, "empty again");
}

static void
test_edges(void)
{
	struct buf b = { 0 };

	ok(buf_put(&b, NULL, 0) && b.len == 0, "nothing");
	ok(buf_str(&b, "abc") && b.len == 3, "a string");
	buf_drop(&b, 3);
	ok(b.p == NULL, "nothing waits");
	ok(buf_str(&b, "d") && *b.p == 'd', "its memory is used again");
	buf_release(&b);
}

int
main(void)
{
	test_random();
	test_edges();
	return tap_done();
}
