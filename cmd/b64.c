/*
 * b64.c - base64, strictly: no blanks, no missing padding, no bits that stand
 * for nothing.  Invariant: what is decoded is encoded to the same text.
 */
#include <stdint.h>
#include <string.h>

#include "b64.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void
b64_encode(char *out, const void *p, size_t n)
{
	const uint8_t *s = p;
	uint32_t v;
	size_t i;

	for (i = 0; i < n; i += 3) {
		v = (uint32_t)s[i] << 16;
		v |= i + 1 < n ? (uint32_t)s[i + 1] << 8 : 0;
		v |= i + 2 < n ? s[i + 2] : 0;
		*out++ = alphabet[v >> 18];
		*out++ = alphabet[v >> 12 & 63];
		*out++ = i + 1 < n ? alphabet[v >> 6 & 63] : '=';
		*out++ = i + 2 < n ? alphabet[v & 63] : '=';
	}
}

static int
digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four characters, of which the last `pad` are '=', make 3 - pad bytes. */
static bool
quad(uint8_t *out, const char *text, size_t pad)
{
	uint32_t v = 0;
	size_t i;
	int d;

	for (i = 0; i < 4; i++) {
		d = i < 4 - pad ? digit(text[i]) : 0;
		if (d < 0)
			return false;
		v = v << 6 | (uint32_t)d;
	}
	if ((v & ((UINT32_C(1) << 8 * pad) - 1)) != 0)
		return false;
	for (i = 0; i < 3 - pad; i++)
		out[i] = (uint8_t)(v >> (16 - 8 * i));
	return true;
}

bool
b64_decode(void *out, size_t *len, const char *text, size_t n)
{
	uint8_t *to = out;
	size_t pad = 0, i;

	if (n % 4 != 0)
		return false;
	if (n > 0)
		pad = text[n - 1] != '=' ? 0 : text[n - 2] != '=' ? 1 : 2;
	for (i = 0; i < n; i += 4) {
		if (!quad(to, text + i, i + 4 == n ? pad : 0))
			return false;
		to += 3;
	}
	*len = n / 4 * 3 - pad;
	return true;
}
