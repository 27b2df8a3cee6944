/*
 * batch_in.c - cuts the input of a batch into lines, and lines into requests.
 * It reads and sends nothing.  Invariant: every line that is not blank, and
 * every line of BATCH_LINES, becomes one item, however the bytes were cut;
 * no byte is looked at twice while its line is incomplete.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch_in.h"
#include "batch_json.h"

struct batch_in {
	enum batch_format format;
	char sep;
	size_t line_max;
	uint64_t line;		/* of the last item, or skipped */
	char *part;		/* of a line that came in pieces */
	size_t part_len, part_cap;
	bool over;		/* and it has got too long */
	char *text;		/* fields without their escapes */
	size_t text_cap;
	struct batch_json *json;
	struct batch_args args;
	char why[600];
};

int
batch_in_new(enum batch_format format, char sep, size_t line_max,
    struct batch_in **out)
{
	struct batch_in *b = calloc(1, sizeof(*b));

	if (b == NULL || batch_json_new(&b->json) != 0) {
		free(b);
		return MUX_E_NOMEM;
	}
	b->format = format;
	b->sep = sep;
	b->line_max = line_max;
	*out = b;
	return 0;
}

void
batch_in_free(struct batch_in *b)
{
	if (b == NULL)
		return;
	batch_json_free(b->json);
	free(b->part);
	free(b->text);
	free(b);
}

static bool
reserve(char **p, size_t *cap, size_t want)
{
	size_t n = *cap > 0 ? *cap : 4096;
	char *more;

	if (want <= *cap)
		return true;
	while (n < want)
		n *= 2;
	if ((more = realloc(*p, n)) == NULL)
		return false;
	*p = more;
	*cap = n;
	return true;
}

/* ---- lines ---- */

/* The beginning of a line that is too long stays, to tell its format. */
static bool
keep(struct batch_in *b, const char *p, size_t n)
{
	if (n > b->line_max - b->part_len) {
		n = b->line_max - b->part_len;
		b->over = true;
	}
	if (!reserve(&b->part, &b->part_cap, b->part_len + n))
		return false;
	if (n > 0)
		memcpy(b->part + b->part_len, p, n);
	b->part_len += n;
	return true;
}

/* As batch_in_next(). */
static int
next_line(struct batch_in *b, const char **p, size_t *n, bool eof,
    struct mux_bytes *line)
{
	const char *end = *n > 0 ? memchr(*p, b->sep, *n) : NULL;
	size_t len = end != NULL ? (size_t)(end - *p) : *n;
	bool whole = end != NULL || eof;

	if (end == NULL && eof && *n == 0 && b->part_len == 0 && !b->over)
		return 0;
	*line = (struct mux_bytes){ *p, len };
	if (!whole || b->part_len > 0 || b->over || len > b->line_max) {
		if (!keep(b, *p, len))
			return MUX_E_NOMEM;
		*line = (struct mux_bytes){ b->part, b->part_len };
	}
	len += end != NULL;
	*p += len;
	*n -= len;
	return whole;
}

static const char *
skip_blanks(struct mux_bytes line)
{
	const char *p = line.p, *end = p + line.len;

	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r' ||
	    *p == '\n'))
		p++;
	return p < end ? p : NULL;
}

/* ---- tsv ---- */

static int
hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
	    c >= 'a' && c <= 'f' ? c - 'a' + 10 :
	    c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* What stands behind a backslash: how long it is, 0 if it is no escape. */
static size_t
unescape(const char *p, size_t n, char *out)
{
	static const char letter[] = "tnr\\", value[] = "\t\n\r\\";
	const char *at = n > 0 && *p != '\0' ? strchr(letter, *p) : NULL;

	if (at != NULL) {
		*out = value[at - letter];
		return 1;
	}
	if (n < 3 || *p != 'x' || hex(p[1]) < 0 || hex(p[2]) < 0)
		return 0;
	*out = (char)(hex(p[1]) << 4 | hex(p[2]));
	return 3;
}

/* One field, up to a tab; what it takes, and its bytes at `to`. */
static const char *
field(const char *p, const char *end, char *to, size_t *len)
{
	char *start = to;
	size_t n;

	for (; p < end && *p != '\t'; p++) {
		if (*p != '\\') {
			*to++ = *p;
			continue;
		}
		n = unescape(p + 1, (size_t)(end - p - 1), to++);
		if (n == 0)
			return NULL;
		p += n;
	}
	*len = (size_t)(to - start);
	return p;
}

static int
read_tsv(struct batch_in *b, struct mux_bytes line, struct batch_item *item)
{
	const char *p = line.p, *end;
	char *to;
	size_t len;

	/* One that is meant is written as \r. */
	if (b->sep == '\n' && line.len > 0 && p[line.len - 1] == '\r')
		line.len--;
	end = p + line.len;
	if (!reserve(&b->text, &b->text_cap, line.len + 1))
		return MUX_E_NOMEM;
	to = b->text;
	for (; item->error == NULL; p++) {
		if ((p = field(p, end, to, &len)) == NULL) {
			item->error = "a backslash without t, n, r, \\ or xHH "
			    "behind it";
			return 0;
		}
		if (item->method.p == NULL)
			item->method = (struct mux_bytes){ to, len };
		else
			item->error = batch_args_add(&b->args, to, len);
		to += len;
		if (p == end)
			break;
	}
	if (item->error == NULL)
		item->error = batch_method(&item->method);
	return 0;
}

/* ---- one item ---- */

static void
detect(struct batch_in *b, const char *p)
{
	if (b->format == BATCH_AUTO)
		b->format = *p == '{' || *p == '[' ? BATCH_NDJSON : BATCH_TSV;
}

static int
read_line(struct batch_in *b, struct mux_bytes line, struct batch_item *item)
{
	int err = 0;

	b->args.n = b->args.bytes = 0;
	if (b->over)
		item->error = "too long";
	else if (b->format == BATCH_LINES)
		item->body = line;
	else if (b->format == BATCH_TSV)
		err = read_tsv(b, line, item);
	else
		err = batch_json_read(b->json, &b->args, line.p, line.len,
		    item);
	item->args = b->args.v;
	item->n_args = b->args.n;
	if (err != 0 || item->error == NULL)
		return err;
	snprintf(b->why, sizeof(b->why), "line %ju: %s",
	    (uintmax_t)item->line, item->error);
	item->error = b->why;
	return 0;
}

/* Editors put it in front of the first line; nobody sees it. */
static void
skip_bom(struct mux_bytes *line)
{
	if (line->len < 3 || memcmp(line->p, "\xef\xbb\xbf", 3) != 0)
		return;
	line->p = (const char *)line->p + 3;
	line->len -= 3;
}

/* 1; 0: it was blank; or MUX_E_NOMEM. */
static int
one_line(struct batch_in *b, struct mux_bytes line, struct batch_item *item)
{
	const char *first = NULL;
	int err;

	*item = (struct batch_item){ .line = b->line + 1 };
	if (b->format != BATCH_LINES) {
		if (b->line == 0)
			skip_bom(&line);
		first = skip_blanks(line);
		if (first == NULL && !b->over)
			goto taken;
		if (first != NULL)
			detect(b, first);
	}
	if ((err = read_line(b, line, item)) != 0)
		return err;
taken:
	b->line++;
	b->part_len = 0;
	b->over = false;
	return b->format == BATCH_LINES || first != NULL || item->error != NULL;
}

int
batch_in_next(struct batch_in *b, const char **p, size_t *n, bool eof,
    struct batch_item *item)
{
	struct mux_bytes line;
	const char *p0;
	size_t n0, part0;
	bool over0;
	int r;

	do {
		p0 = *p;
		n0 = *n;
		part0 = b->part_len;
		over0 = b->over;
		if ((r = next_line(b, p, n, eof, &line)) <= 0)
			return r;
		r = one_line(b, line, item);
	} while (r == 0);
	if (r < 0) {
		*p = p0;
		*n = n0;
		b->part_len = part0;
		b->over = over0;
	}
	return r;
}

bool
batch_in_gives_ids(const struct batch_in *b)
{
	return b->format == BATCH_NDJSON;
}

bool
batch_in_is_request(struct batch_in *b, struct mux_bytes line)
{
	const char *first = skip_blanks(line);
	struct batch_item item = { 0 };

	b->args.n = b->args.bytes = 0;
	return first != NULL && *first == '{' && batch_json_read(b->json,
	    &b->args, line.p, line.len, &item) == 0 && item.error == NULL &&
	    (item.method.p != NULL || item.body.p != NULL || b->args.n > 0);
}
