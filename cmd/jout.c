/*
 * jout.c - writes one JSON object per line.  Not a JSON library: flat
 * objects, keys in the order of the calls.  What comes out is ASCII without
 * control characters whatever goes in, and always valid JSON.
 */
#include <inttypes.h>
#include <string.h>

#include "b64.h"
#include "out.h"
#include "utf8.h"

#define REPLACEMENT	0xfffd

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

/* How many bytes may go out as they are. */
static size_t
plain_run(const unsigned char *s, size_t n)
{
	size_t i = 0;

	while (i < n && s[i] >= 0x20 && s[i] <= 0x7e && s[i] != '"' &&
	    s[i] != '\\')
		i++;
	return i;
}

/* A million frames have as many numbers and keys: printf(3) took most of the
 * time that it takes to show them. */
static void
put_u64(FILE *f, uint64_t val)
{
	char digits[20], *p = digits + sizeof(digits);

	do
		*--p = (char)('0' + val % 10);
	while ((val /= 10) != 0);
	fwrite(p, 1, (size_t)(digits + sizeof(digits) - p), f);
}

static void
put_key(FILE *f, const char *key, const char *behind)
{
	fwrite(",\"", 1, 2, f);
	fputs(key, f);
	fputs(behind, f);
}

static void
put_text(FILE *f, const void *p, size_t n)
{
	const unsigned char *s = p;
	uint32_t c;
	size_t len;

	fputc('"', f);
	for (; n > 0; s += len, n -= len) {
		if ((len = plain_run(s, n)) > 0) {
			fwrite(s, 1, len, f);
			continue;
		}
		len = utf8_char(s, n, &c);
		put_char(f, c != UTF8_BAD ? c : REPLACEMENT);
	}
	fputc('"', f);
}

static void
put_b64(FILE *f, const void *p, size_t n)
{
	const unsigned char *s = p;
	char text[B64_LEN(3 * 256)];
	size_t k;

	fputc('"', f);
	for (; n > 0; s += k, n -= k) {
		k = n < 3 * 256 ? n : 3 * 256;
		b64_encode(text, s, k);
		fwrite(text, 1, B64_LEN(k), f);
	}
	fputc('"', f);
}

void
jout_mem(struct jout *j, const char *key, const void *p, size_t n)
{
	put_key(j->f, key, "\":");
	put_text(j->f, p, n);
}

/* Shells drop a NUL, and so do programs that keep strings as C does. */
bool
jout_is_text(const void *p, size_t n)
{
	return memchr(p, '\0', n) == NULL && utf8_valid(p, n);
}

void
jout_bytes(struct jout *j, const char *key, const void *p, size_t n)
{
	if (jout_is_text(p, n)) {
		jout_mem(j, key, p, n);
		return;
	}
	put_key(j->f, key, "_b64\":");
	put_b64(j->f, p, n);
}

void
jout_list_begin(struct jout *j, const char *key, bool text)
{
	put_key(j->f, key, text ? "\":[" : "_b64\":[");
	j->b64 = !text;
	j->n_items = 0;
}

void
jout_list_bytes(struct jout *j, const void *p, size_t n)
{
	if (j->n_items++ > 0)
		fputc(',', j->f);
	if (j->b64)
		put_b64(j->f, p, n);
	else
		put_text(j->f, p, n);
}

void
jout_list_u64(struct jout *j, uint64_t val)
{
	if (j->n_items++ > 0)
		fputc(',', j->f);
	put_u64(j->f, val);
}

void
jout_list_end(struct jout *j)
{
	fputc(']', j->f);
}

void
jout_raw(struct jout *j, const char *key, const char *json)
{
	put_key(j->f, key, "\":");
	fputs(json, j->f);
}

void
jout_str(struct jout *j, const char *key, const char *val)
{
	jout_mem(j, key, val, strlen(val));
}

void
jout_u64(struct jout *j, const char *key, uint64_t val)
{
	put_key(j->f, key, "\":");
	put_u64(j->f, val);
}

void
jout_ns(struct jout *j, const char *key, uint64_t ns)
{
	char frac[] = ".000000000", *p = frac + sizeof(frac) - 1;
	uint64_t rest = ns % UINT64_C(1000000000);

	for (; rest > 0; rest /= 10)
		*--p = (char)('0' + rest % 10);
	put_key(j->f, key, "\":");
	put_u64(j->f, ns / UINT64_C(1000000000));
	fputs(frac, j->f);
}

void
jout_bool(struct jout *j, const char *key, bool val)
{
	put_key(j->f, key, val ? "\":true" : "\":false");
}

int
jout_end(struct jout *j)
{
	fputs("}\n", j->f);
	return ferror(j->f) ? -1 : 0;
}
