/*
 * fuzz_worker_proto.c - every input is what a program of --worker writes.  A
 * line decides itself at the same byte however it is cut, is never longer than
 * was said, and a number that was read is written the same way again.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../cmd/worker_proto.h"
#include "mux.h"

#define MUST(cond)	((cond) ? (void)0 : broken(#cond))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
broken(const char *what)
{
	fprintf(stderr, "fuzz_worker_proto: not %s\n", what);
	abort();
}

/* The verdict, at the first byte that allows one. */
static int
slowly(const char *p, size_t n, struct worker_head *h)
{
	int r = 0;

	for (size_t cut = 0; cut <= n && r == 0; cut++)
		r = worker_get_head(p, cut, h);
	return r;
}

static void
round_trip(const struct worker_head *h)
{
	struct mux_request q = { .size = sizeof(q) };
	struct worker_head again;
	char line[128], text[128];
	size_t n;
	int m;

	m = snprintf(line, sizeof(line), "%llu %u %llu\n",
	    (unsigned long long)h->id, h->status,
	    (unsigned long long)h->len);
	MUST(worker_get_head(line, (size_t)m, &again) == m);
	MUST(again.id == h->id && again.status == h->status &&
	    again.len == h->len);
	n = worker_put_request(text, h->id, &q, (size_t)h->len, h->status);
	m = snprintf(line, sizeof(line), "%llu 0 0 %llu %u\n",
	    (unsigned long long)h->id, (unsigned long long)h->len,
	    h->status);
	MUST(n == (size_t)m && memcmp(text, line, n) == 0);
	MUST(n <= worker_request_size(&q));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;
	struct worker_head h = { 0 }, s = { 0 };
	size_t at = 0, left;
	int r;

	while ((left = size - at) > 0) {
		r = worker_get_head(p + at, left, &h);
		MUST(r == slowly(p + at, left, &s));
		MUST(r <= (int)WORKER_HEAD_MAX && r >= -1);
		if (r == 0)
			MUST(left < WORKER_HEAD_MAX);
		if (r <= 0)
			break;
		MUST(h.status <= 255 && p[at + (size_t)r - 1] == '\n');
		MUST(memcmp(&h, &s, sizeof(h)) == 0);
		round_trip(&h);
		at += (size_t)r;
		at += h.len < size - at ? (size_t)h.len : size - at;
	}
	return 0;
}
