/*
 * worker_proto.c - reads what a program of --worker answers and writes what it
 * is asked.  It keeps nothing: where bytes come from and who waits for them is
 * worker.c's.  Invariant: of any bytes, the same prefix decides the same way,
 * however they are cut into pieces.
 */
#include <string.h>

#include "mux.h"
#include "worker_proto.h"

#define DIGITS_MAX	20u	/* of a 64-bit number */

/* A number up to max and the character behind it: how many bytes that is, 0
 * if they are not there yet, -1 if there is something else. */
static int
get_number(const char *p, size_t n, char end, uint64_t max, uint64_t *out)
{
	uint64_t val = 0;
	size_t i;

	for (i = 0; i < n && p[i] >= '0' && p[i] <= '9'; i++) {
		const unsigned digit = (unsigned)(p[i] - '0');

		if (i == DIGITS_MAX || val > (max - digit) / 10)
			return -1;
		val = val * 10 + digit;
	}
	if (i == n)
		return 0;
	if (i == 0 || p[i] != end)
		return -1;
	*out = val;
	return (int)i + 1;
}

int
worker_get_head(const char *p, size_t n, struct worker_head *head)
{
	uint64_t id, status, len;
	int a, b, c;

	if ((a = get_number(p, n, ' ', UINT64_MAX, &id)) <= 0)
		return a;
	p += a;
	n -= (size_t)a;
	if ((b = get_number(p, n, ' ', 255, &status)) <= 0)
		return b;
	p += b;
	n -= (size_t)b;
	if ((c = get_number(p, n, '\n', UINT64_MAX, &len)) <= 0)
		return c;
	head->id = id;
	head->status = (unsigned)status;
	head->len = len;
	return a + b + c;
}

static char *
put_number(char *p, uint64_t val, char end)
{
	char digits[DIGITS_MAX];
	size_t n = 0;

	do
		digits[n++] = (char)('0' + val % 10);
	while ((val /= 10) > 0);
	while (n > 0)
		*p++ = digits[--n];
	*p++ = end;
	return p;
}

static char *
put_bytes(char *p, const struct mux_bytes *b)
{
	if (b->len > 0)
		memcpy(p, b->p, b->len);
	return p + b->len;
}

size_t
worker_request_size(const struct mux_request *q)
{
	size_t n = 5 * (DIGITS_MAX + 1) + q->method.len;

	for (size_t i = 0; i < q->n_args; i++)
		n += DIGITS_MAX + 1 + q->args[i].len;
	return n;
}

size_t
worker_put_request(char *to, uint64_t id, const struct mux_request *q,
    size_t body_len, uint64_t ms)
{
	char *p = put_number(to, id, ' ');

	p = put_number(p, q->n_args, ' ');
	p = put_number(p, q->method.len, ' ');
	p = put_number(p, body_len, ' ');
	p = put_number(p, ms, '\n');
	for (size_t i = 0; i < q->n_args; i++) {
		p = put_number(p, q->args[i].len, '\n');
		p = put_bytes(p, &q->args[i]);
	}
	p = put_bytes(p, &q->method);
	return (size_t)(p - to);
}

size_t
worker_put_cancel(char *to, uint64_t id)
{
	char *p = put_number(to, id, ' ');

	memcpy(p, "cancel\n", 7);
	return (size_t)(p + 7 - to);
}
