/*
 * worker_proto.c: answers that are answers, answers that are not, cut at each
 * byte; and requests, byte by byte as muxctl-serve(1) writes them.
 */
#include <stdlib.h>

#include "mux.h"
#include "tap.h"
#include "../../cmd/worker_proto.h"

static void
answers(void)
{
	static const struct {
		const char *text;
		struct worker_head want;
		int len;
	} rows[] = {
		{ "1 0 0\n", { 1, 0, 0 }, 6 },
		{ "1 0 5\nhello", { 1, 5, 0 }, 6 },
		{ "007 012 3\n", { 7, 3, 12 }, 10 },
		{ "18446744073709551615 255 18446744073709551615\n",
		    { UINT64_MAX, UINT64_MAX, 255 }, 46 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct worker_head h = { 9, 9, 9 };
		size_t cut, len = (size_t)rows[i].len, early = 0;

		for (cut = 0; cut < len; cut++)
			early += worker_get_head(rows[i].text, cut, &h) != 0;
		is_u64(early, 0, "row %zu is not whole before its end", i);
		ok(h.id == 9 && h.len == 9, "and sets nothing");
		ok(worker_get_head(rows[i].text, strlen(rows[i].text), &h) ==
		    rows[i].len && h.id == rows[i].want.id &&
		    h.status == rows[i].want.status &&
		    h.len == rows[i].want.len, "row %zu is read", i);
	}
}

static void
nonsense(void)
{
	static const char *const rows[] = {
		"hello\n", "\n", " 1 0 0\n", "1  0 0\n", "1 0 0 \n", "1 0\n",
		"1 0 0\r\n", "-1 0 0\n", "+1 0 0\n", "1 256 0\n", "1 0 -1\n",
		"1\t0 0\n", "1 0 0x1\n", "18446744073709551616 0 0\n",
		"1 0 99999999999999999999\n", "000000000000000000001 0 0\n",
		"1 cancel\n", "1 1.5 0\n"
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct worker_head h = { 9, 9, 9 };
		size_t n = strlen(rows[i]), cut;
		int first = 0, r;
		bool back = false;

		for (cut = 0; cut <= n; cut++) {
			r = worker_get_head(rows[i], cut, &h);
			back |= first == -1 && r != -1;
			first = r;
		}
		ok(first == -1 && !back && h.id == 9,
		    "nonsense %zu is none, and stays none", i);
	}
}

/* What never ends is found out before it is longer than any answer. */
static void
endless(void)
{
	char digits[64];
	struct worker_head h;

	memset(digits, '0', sizeof(digits));
	ok(worker_get_head(digits, WORKER_HEAD_MAX, &h) == -1,
	    "a line of zeros");
	digits[20] = digits[41] = ' ';
	ok(worker_get_head(digits, WORKER_HEAD_MAX - 1, &h) == 0,
	    "the longest there is");
	ok(worker_get_head(digits, WORKER_HEAD_MAX, &h) == -1,
	    "and not more");
}

static void
requests(void)
{
	struct mux_bytes args[] = { { "a b", 3 }, { NULL, 0 }, { "\n", 1 } };
	struct mux_request q = { .size = sizeof(q), .method = { "up", 2 },
	    .args = args, .n_args = 3 };
	char buf[512];
	size_t n;

	n = worker_put_request(buf, 42, &q, 5, 1500);
	buf[n] = '\0';
	is_str(buf, "42 3 2 5 1500\n3\na b0\n1\n\nup", "a request");
	ok(n <= worker_request_size(&q), "is no longer than it was said");
	q = (struct mux_request){ .size = sizeof(q) };
	n = worker_put_request(buf, UINT64_MAX, &q, SIZE_MAX, UINT64_MAX);
	buf[n] = '\0';
	is_str(buf, "18446744073709551615 0 0 18446744073709551615 "
	    "18446744073709551615\n", "the largest numbers");
	ok(n <= worker_request_size(&q), "neither is this");
	n = worker_put_cancel(buf, UINT64_MAX);
	buf[n] = '\0';
	is_str(buf, "18446744073709551615 cancel\n", "a cancel");
	ok(n <= WORKER_CANCEL_MAX, "that is short, too");
}

int
main(void)
{
	answers();
	nonsense();
	endless();
	requests();
	return tap_done();
}
