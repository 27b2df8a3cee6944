/*
 * jout.c - writes one JSON object per line.  Not a JSON library: flat
 * objects, keys in the order of the calls.  What comes out is ASCII without
 * control characters whatever goes in, and always valid JSON.
 */
#include <inttypes.h>
#include <string.h>

#include "out.h"

#define REPLACEMENT	0xfffd

/*
 * Decodes one character; *cp is REPLACEMENT for bytes that are none.  Gives
 * the number of bytes taken, at least 1.
 */
static size_t
utf8(const unsigned char *p, size_t n, uint32_t *cp)
{
	static const uint32_t min[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len, i;
	uint32_t c = p[0];

	*cp = REPLACEMENT;
	len = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	if ((c >= 0x80 && c < 0xc2) || c > 0xf4)
		return 1;
	if (len > 1)
		c &= 0x7fu >> len;
	for (i = 1; i < len; i++) {
		if (i >= n || (p[i] & 0xc0) != 0x80)
			return i;
		c = c << 6 | (p[i] & 0x3fu);
	}
	/* Overlong, a surrogate, or beyond Unicode: no character. */
	if (c >= min[len] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff))
		*cp = c;
	return len;
}

static void
put_char(FILE *f, uint32_t c)
{
	static const char plain[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
	const char *p;

	if (c > 0xffff) {
		c -= 0x10000;
		fprintf(f, "\\u%04" PRIx32 "\\u%04" PRIx32,
		    0xd800 + (c >> 10), 0xdc00 + (c & 0x3ff));
	} else if (c != 0 && c < 0x80 && (p = strchr(plain, (int)c)) != NULL)
		fprintf(f, "\\%c", letter[p - plain]);
	else if (c < 0x20 || c > 0x7e)
		fprintf(f, "\\u%04" PRIx32, c);
	else
		fputc((int)c, f);
}

void
jout_begin(struct jout *j, FILE *f)
{
	j->f = f;
	fputs("{\"v\":1", f);
}

void
jout_mem(struct jout *j, const char *key, const void *p, size_t n)
{
	const unsigned char *s = p;
	uint32_t c;
	size_t len;

	fprintf(j->f, ",\"%s\":\"", key);
	for (; n > 0; s += len, n -= len) {
		len = utf8(s, n, &c);
		put_char(j->f, c);
	}
	fputc('"', j->f);
}

void
jout_str(struct jout *j, const char *key, const char *val)
{
	jout_mem(j, key, val, strlen(val));
}

void
jout_u64(struct jout *j, const char *key, uint64_t val)
{
	fprintf(j->f, ",\"%s\":%" PRIu64, key, val);
}

void
jout_bool(struct jout *j, const char *key, bool val)
{
	fprintf(j->f, ",\"%s\":%s", key, val ? "true" : "false");
}

int
jout_end(struct jout *j)
{
	fputs("}\n", j->f);
	return ferror(j->f) ? -1 : 0;
}
