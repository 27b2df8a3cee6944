/*
 * fuzz_filter.c - every input is an expression, asked about a frame or two,
 * or it is wrong at a place that is within it, for a reason that is printable.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../cmd/filter.h"
#include "../../cmd/seen.h"

#define MUST(cond)	((cond) ? (void)0 : broken(#cond))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
broken(const char *what)
{
	fprintf(stderr, "fuzz_filter: not %s\n", what);
	abort();
}

/* A call with everything that fields look at, and a chunk. */
static void
ask(const struct filter *f)
{
	static const uint8_t head[] = "\65\0\0\0" "\x20\0\3\0get"
	    "\x2d\x80\2\0-r" "\x21\0\12\0\0\0\4\0userxx"
	    "\x21\0\15\0\2\0\1\0n\1\2\3\4\5\6\7\0" "\x21\0\3\0\0\0\1body";
	struct mux_frame frame = { .id = 3, .len = sizeof(head) - 1,
	    .flags = 0x80 };
	struct mux_dump_record rec = { .number = 7, .mono = 5, .wall = 9 };
	struct seen_conn conn = { .number = 1 };
	struct seen_thing of = { .id = 3, .ordinal = 2, .method = "get",
	    .method_len = 3, .answered = 5, .done = true, .code = 4,
	    .exit_kind = -1, .exact = true };
	struct seen s = { .rec = &rec, .frame = &frame, .head = head,
	    .n_head = sizeof(head) - 1, .whole = true, .ext = head,
	    .n_ext = sizeof(head) - 5, .body = head + sizeof(head) - 5,
	    .n_body = 4, .conn = &conn, .of = &of, .index = 1 };
	bool first = filter_test(f, &s);

	MUST(filter_test(f, &s) == first);
	s.frame = NULL;
	s.of = NULL;
	s.ext = NULL;
	rec.kind = MUX_DUMP_CHUNK;
	(void)filter_test(f, &s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct filter_error err;
	struct filter *f;
	char *expr = malloc(n + 1);
	size_t i;

	if (expr == NULL)
		abort();
	if (n > 0)
		memcpy(expr, p, n);
	expr[n] = '\0';
	if ((f = filter_new(expr, &err)) != NULL) {
		ask(f);
		filter_free(f);
	} else {
		MUST(err.at <= strlen(expr));
		n = strlen(err.text);
		MUST(n > 0 && n < sizeof(err.text));
		for (i = 0; i < n; i++)
			MUST(err.text[i] != '\n' || strchr(expr, '\n'));
	}
	free(expr);
	return 0;
}
