/*
 * test_utf8.c - characters: every one there is, what is none, and where bytes
 * may be cut.
 */
#include "../../cmd/utf8.h"
#include "tap.h"

/* By the definition, from the table of RFC 3629. */
static size_t
encode(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if (c < 0x10000) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | c >> 18);
	out[1] = (char)(0x80 | (c >> 12 & 0x3f));
	out[2] = (char)(0x80 | (c >> 6 & 0x3f));
	out[3] = (char)(0x80 | (c & 0x3f));
	return 4;
}

static void
test_all(void)
{
	uint32_t c, got = 0, bad = 0;
	char p[4];
	size_t n;

	for (c = 0; c < 0x120000; c++) {
		n = encode(p, c);
		if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
			bad += utf8_valid(p, n);
		else if (utf8_char(p, n, &got) != n || got != c ||
		    !utf8_valid(p, n))
			bad++;
	}
	is_u64(bad, 0, "every character, and no surrogate");
}

static void
test_none(void)
{
	static const char *const bad[] = { "\x80", "\xbf", "\xc0\x80",
		"\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf", "\xf5\x80",
		"\xff", "a\xc3", "\xe2\x82", "\xe2\x82(", "\xf0\x9f\x98",
		"ok\xed\xa0\x80" };
	uint32_t c;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!utf8_valid(bad[i], strlen(bad[i])), "none, number %zu", i);
	is_u64(utf8_char("\xe2\x82(", 3, &c), 2, "what was good is taken");
	ok(c == UTF8_BAD && utf8_valid("", 0), "and nothing is fine");
}

static void
test_cut(void)
{
	char p[4 + 1] = "x";
	bool good = true;
	uint32_t c;
	size_t n, i;

	for (c = 0x7f; c < 0x110000; c += 0xfff) {
		n = encode(p + 1, c);
		for (i = 1; i < n; i++)
			good = good && utf8_whole(p, 1 + i) == 1;
		good = good && utf8_whole(p, 1 + n) == 1 + n;
	}
	ok(good, "a character that is not whole stays back");
	is_u64(utf8_whole("\x80\x80\x80\x80", 4), 4, "what is none does not");
	is_u64(utf8_whole("", 0), 0, "nothing");
}

int
main(void)
{
	test_all();
	test_none();
	test_cut();
	return tap_done();
}
