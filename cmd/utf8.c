/*
 * utf8.c - UTF-8 as RFC 3629 has it, strictly.  Nothing about what characters
 * mean.  Invariant: of n > 0 bytes at least one and at most n are taken.
 */
#include "utf8.h"

/* How many bytes a first byte announces; 0: it is none. */
static size_t
announced(unsigned char c)
{
	if (c < 0x80)
		return 1;
	if (c < 0xc2 || c > 0xf4)
		return 0;
	return c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
}

size_t
utf8_char(const void *p, size_t n, uint32_t *out)
{
	static const uint32_t min[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *s = p;
	size_t len = announced(s[0]), i;
	uint32_t c = s[0];

	*out = UTF8_BAD;
	if (len == 0)
		return 1;
	if (len > 1)
		c &= 0x7fu >> len;
	for (i = 1; i < len; i++) {
		if (i >= n || (s[i] & 0xc0) != 0x80)
			return i;
		c = c << 6 | (s[i] & 0x3fu);
	}
	if (c >= min[len] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff))
		*out = c;
	return len;
}

bool
utf8_valid(const void *p, size_t n)
{
	const unsigned char *s = p;
	uint32_t c;
	size_t len;

	while (n > 0) {
		/* Most of it, as a rule. */
		if (*s < 0x80) {
			s++;
			n--;
			continue;
		}
		len = utf8_char(s, n, &c);
		if (c == UTF8_BAD)
			return false;
		s += len;
		n -= len;
	}
	return true;
}

size_t
utf8_whole(const void *p, size_t n)
{
	const unsigned char *s = p;
	size_t back;

	for (back = 1; back <= 3 && back <= n; back++) {
		if ((s[n - back] & 0xc0) == 0x80)
			continue;
		return announced(s[n - back]) > back ? n - back : n;
	}
	return n;
}
