/*
 * rest.c against a plain array: what goes in comes out, in order, and the
 * memory behind it follows what waits.
 */
#include <malloc.h>
#include <stdlib.h>

#include "rest.h"
#include "tap.h"

#define LIMIT	(1024u * 1024u)

/* Bytes are numbered; `first` is the oldest that waits. */
static uint8_t
byte_at(uint64_t at)
{
	return (uint8_t)(at * 2654435761u >> 13);
}

static void
put(struct rest *r, uint64_t first, size_t n)
{
	static uint8_t buf[LIMIT];
	size_t i, room, have = r->len;
	uint8_t *p;

	for (i = 0; i < n; i++)
		buf[i] = byte_at(first + have + i);
	if (tap_rnd(2) == 0) {
		rest_append(r, buf, n);
		return;
	}
	for (i = 0; i < n; i += room) {
		room = n - i;
		p = rest_reserve(r, &room);
		memcpy(p, buf + i, room);
		rest_commit(r, room);
	}
}

/* Takes up to n, as a short write would. */
static size_t
take(struct rest *r, uint64_t first, size_t n, uint64_t *bad)
{
	struct iovec iov[3];
	size_t i, done = 0;
	int k, n_iov;

	n_iov = rest_peek(r, iov, 3);
	for (k = 0; k < n_iov; k++)
		for (i = 0; i < iov[k].iov_len && done < n; i++, done++)
			*bad += ((uint8_t *)iov[k].iov_base)[i] !=
			    byte_at(first + done);
	rest_drop(r, done);
	return done;
}

static void
model(void)
{
	uint64_t first = 0, len = 0, bad = 0, wrong_len = 0;
	struct rest r;
	size_t n;
	int i;

	rest_init(&r);
	for (i = 0; i < 20000; i++) {
		n = tap_rnd(1u << tap_rnd(17)) + 1;
		if (tap_rnd(5) < 2 && len + n <= LIMIT) {
			put(&r, first, n);
			len += n;
		} else if (len > 0) {
			n = take(&r, first, n, &bad);
			first += n;
			len -= n;
		}
		wrong_len += r.len != len;
	}
	is_u64(bad, 0, "bytes come out as they went in");
	is_u64(wrong_len, 0, "and are counted");
	ok(first > 10 * LIMIT, "in a run of some size");
	rest_drop(&r, r.len);
	ok(r.first == NULL && r.last == NULL, "empty, it owns nothing");
	rest_release(&r);
}

static size_t
heap(void)
{
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

/* Many small pieces must not cost much more than they hold. */
static void
waste(size_t piece, size_t total)
{
	size_t before = heap(), after;
	uint8_t buf[65536] = { 0 };
	struct rest r;

	rest_init(&r);
	while (r.len < total)
		rest_append(&r, buf, piece);
	after = heap();
	ok(before == 0 /* the malloc of sanitizers does not say */ ||
	    after - before <= total + total / 2 + 8192,
	    "%zu bytes in pieces of %zu take %zu", total, piece,
	    after - before);
	rest_release(&r);
	ok(heap() <= before, "and none when released");
}

int
main(void)
{
	model();
	waste(1, 100);
	waste(1, 65536);
	waste(1400, 65536);
	waste(65536, 65536);
	waste(333, 4 * LIMIT);
	waste(65536, 4 * LIMIT);
	return tap_done();
}
