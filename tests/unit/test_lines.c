/*
 * test_lines.c - bytes into lines: the same ones however the bytes are cut.
 */
#include <string.h>

#include "../../cmd/lines.h"
#include "tap.h"

static char said[4096];

static void
on_line(const char *line, void *arg)
{
	size_t n = strlen(said);

	(void)arg;
	snprintf(said + n, sizeof(said) - n, "[%s]", line);
}

/* In pieces of `step` bytes. */
static void
check(const void *p, size_t n, size_t step, const char *want)
{
	struct lines l = { 0 };
	const char *s = p;
	size_t k;

	said[0] = '\0';
	for (; n > 0; s += k, n -= k) {
		k = n < step ? n : step;
		lines_put(&l, s, k, on_line, NULL);
	}
	lines_end(&l, on_line, NULL);
	is_str(said, want, "in pieces of %zu", step);
	lines_end(&l, on_line, NULL);
	is_str(said, want, "and no more comes");
}

static void
test_long(void)
{
	char in[2 * LINES_MAX + 10], want[sizeof(in) + 10];

	memset(in, 'x', sizeof(in));
	snprintf(want, sizeof(want), "[%.*s][%.*s][%.*s]", (int)LINES_MAX, in,
	    (int)LINES_MAX, in, 10, in);
	check(in, sizeof(in), 1, want);
	check(in, sizeof(in), sizeof(in), want);
	in[LINES_MAX] = '\n';
	snprintf(want, sizeof(want), "[%.*s][%.*s][%.*s]", (int)LINES_MAX, in,
	    (int)LINES_MAX, in, 9, in);
	check(in, sizeof(in), 7, want);
}

int
main(void)
{
	size_t step;

	for (step = 1; step < 12; step++)
		check("one\n\ntwo\0more\nend", 17, step,
		    "[one][two more][end]");
	check("", 0, 1, "");
	check("\n\n", 2, 1, "");
	test_long();
	return tap_done();
}
