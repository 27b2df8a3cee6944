/*
 * fuzz_batch_in.c - every input is a batch, whose first byte says in which
 * form and how it is cut.  It is read whole and in pieces, which must give
 * the same items; and an item must be as batch_in.h promises.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../cmd/batch_in.h"

#define MUST(cond)	((cond) ? (void)0 : broken(#cond))
#define MAX_LINE	300u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
broken(const char *what)
{
	fprintf(stderr, "fuzz_batch_in: not %s\n", what);
	abort();
}

/* What came of a way to read it. */
struct sum {
	uint64_t hash, items, line;
};

static void
add(struct sum *s, const void *p, size_t n)
{
	const uint8_t *b = p;

	MUST(n == 0 || p != NULL);
	s->hash = (s->hash ^ (p == NULL) ^ n << 8) * 1099511628211u;
	for (size_t i = 0; i < n; i++)
		s->hash = (s->hash ^ b[i]) * 1099511628211u;
}

/* A JSON value in ASCII, if not checked further. */
static void
check_id(const char *id)
{
	MUST(*id != '\0' && strlen(id) <= BATCH_ID_MAX * 6);
	for (; *id != '\0'; id++)
		MUST(*id >= 0x20 && *id <= 0x7e);
}

static void
check(struct sum *s, const struct batch_item *it)
{
	MUST(it->line > s->line);
	s->line = it->line;
	s->items++;
	MUST((it->id != NULL) == (it->label.p != NULL));
	if (it->id != NULL) {
		check_id(it->id);
		add(s, it->id, strlen(it->id));
	}
	add(s, it->label.p, it->label.len);
	add(s, it->error, it->error != NULL ? strlen(it->error) : 0);
	if (it->error != NULL)
		return;
	add(s, it->method.p, it->method.len);
	add(s, it->body.p, it->body.len);
	MUST(it->n_args <= 1024 && it->body.len <= MAX_LINE);
	for (size_t i = 0; i < it->n_args; i++) {
		MUST(memchr(it->args[i].p, '\0', it->args[i].len) == NULL);
		add(s, it->args[i].p, it->args[i].len);
	}
}

static void
take(struct batch_in *b, const uint8_t *p, size_t n, bool eof, struct sum *s)
{
	char *copy = malloc(n > 0 ? n : 1);
	const char *at = copy;
	struct batch_item it;
	int r;

	if (n > 0)
		memcpy(copy, p, n);
	while ((r = batch_in_next(b, &at, &n, eof, &it)) == 1)
		check(s, &it);
	MUST(r == 0 && n == 0);
	free(copy);
}

static struct sum
run(unsigned how, size_t piece, const uint8_t *p, size_t n)
{
	struct sum s = { .hash = 14695981039346656037u };
	struct batch_in *b;
	size_t k;

	MUST(batch_in_new(how & 3, (how & 4) != 0 ? '\0' : '\n', MAX_LINE,
	    &b) == 0);
	for (; n > 0; p += k, n -= k) {
		k = n < piece ? n : piece;
		take(b, p, k, false, &s);
	}
	take(b, NULL, 0, true, &s);
	batch_in_free(b);
	return s;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	unsigned how = n > 0 ? *p : 0;
	struct sum whole, cut;

	if (n > 0) {
		p++;
		n--;
	}
	whole = run(how, n + 1, p, n);
	cut = run(how, (how >> 3) + 1, p, n);
	MUST(whole.items == cut.items && whole.line == cut.line &&
	    whole.hash == cut.hash);
	return 0;
}
