/*
 * chars.c - the characters of address words.  It knows no grammar.  Invariant:
 * chars_decode() undoes chars_encode(), for every string and every `also`.
 */
#include <string.h>

#include "chars.h"

bool
chars_is(const char *s, size_t n, const char *name)
{
	if (strlen(name) != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (to_lower(s[i]) != name[i])
			return false;
	return true;
}

bool
chars_plain(const char *s, const char *also)
{
	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++)
		if (!is_alnum(*s) && strchr(also, *s) == NULL)
			return false;
	return true;
}

bool
chars_digits(const char *s)
{
	return *s != '\0' && s[strspn(s, "0123456789")] == '\0';
}

bool
chars_number(const char *s, uint64_t max, uint64_t *out)
{
	uint64_t digit, v = 0;

	if (!chars_digits(s))
		return false;
	for (; *s != '\0'; s++) {
		digit = (uint64_t)(*s - '0');
		/* Before it happens: max may be UINT64_MAX. */
		if (v > max / 10 || v * 10 > max - digit)
			return false;
		v = v * 10 + digit;
	}
	*out = v;
	return true;
}

static int
hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c = to_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
chars_decode(char *s, const char **bad)
{
	char *to = s;
	int hi, lo;

	for (; *s != '\0'; s++) {
		if (*s != '%') {
			*to++ = *s;
			continue;
		}
		hi = hex_value(s[1]);
		lo = hi < 0 ? -1 : hex_value(s[2]);
		/* A NUL would end the string for some and not for others. */
		if (lo < 0 || hi + lo == 0) {
			*bad = s;
			return false;
		}
		*to++ = (char)(hi << 4 | lo);
		s += 2;
	}
	*to = '\0';
	return true;
}

char *
chars_encode(char *p, const char *s, const char *also)
{
	static const char hex[] = "0123456789ABCDEF";
	unsigned char c;

	for (; *s != '\0'; s++) {
		c = (unsigned char)*s;
		if (c > ' ' && c != 0x7f && c != '%' &&
		    strchr(also, c) == NULL) {
			*p++ = *s;
			continue;
		}
		*p++ = '%';
		*p++ = hex[c >> 4];
		*p++ = hex[c & 15];
	}
	*p = '\0';
	return p;
}

char *
chars_put(char *p, const char *s)
{
	size_t n = strlen(s);

	memcpy(p, s, n + 1);
	return p + n;
}
