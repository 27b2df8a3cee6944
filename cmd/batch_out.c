/*
 * batch_out.c - results as lines.  It writes to memory only and decides
 * nothing about order.  Invariant: a line is whole, ASCII without control
 * characters in JSON, and harmless on a terminal in text: of what is not
 * ASCII only characters are left as they are, and of those none that end a
 * line, control a terminal or change the direction of writing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "batch_in.h"
#include "batch_out.h"
#include "utf8.h"

/* Of an event; of three bytes each, so that pieces of base64 fit together. */
#define CHUNK		((size_t)48 * 1024)
/* A line of standard error that is longer becomes several. */
#define ERR_LINE	((size_t)4096)

/* ---- ids ---- */

int
batch_id_init(struct batch_id *id, const struct batch_item *item)
{
	size_t len = item->id != NULL ? strlen(item->id) + 1 : 0;
	char *p;

	*id = (struct batch_id){ 0 };
	if (item->id == NULL)
		return snprintf(id->num, sizeof(id->num), "%ju",
		    (uintmax_t)item->line) < 0;
	if ((p = malloc(len + item->label.len)) == NULL)
		return MUX_E_NOMEM;
	id->json = memcpy(p, item->id, len);
	memcpy(p + len, item->label.p, item->label.len);
	id->label = (struct mux_bytes){ p + len, item->label.len };
	return 0;
}

void
batch_id_release(struct batch_id *id)
{
	free(id->json);
	id->json = NULL;
}

static const char *
json_of(const struct batch_id *id)
{
	return id->json != NULL ? id->json : id->num;
}

struct mux_bytes
batch_id_label(const struct batch_id *id)
{
	return id->json != NULL ? id->label :
	    (struct mux_bytes){ id->num, strlen(id->num) };
}

/* ---- memory ---- */

static ssize_t
put_cookie(void *buf, const char *p, size_t n)
{
	return buf_put(buf, p, n) ? (ssize_t)n : 0;
}

int
batch_out_init(struct batch_out *o, bool json)
{
	const cookie_io_functions_t io = { .write = put_cookie };

	*o = (struct batch_out){ .json = json };
	o->f = fopencookie(&o->buf, "w", io);
	return o->f != NULL ? 0 : MUX_E_NOMEM;
}

void
batch_out_release(struct batch_out *o)
{
	if (o->f != NULL)
		fclose(o->f);
	o->f = NULL;
	buf_release(&o->buf);
}

static void
json_begin(struct batch_out *o, struct jout *j)
{
	clearerr(o->f);
	jout_begin(j, o->f);
}

static bool
json_end(struct jout *j)
{
	int err = jout_end(j);

	return fflush(j->f) == 0 && err == 0;
}

/* ---- text ---- */

enum escape { ESCAPE_ALL, ESCAPE_FOR_PEOPLE };

static bool
is_plain(unsigned char c, enum escape how)
{
	return (c >= 0x20 && c <= 0x7e && c != '\\') ||
	    (how == ESCAPE_FOR_PEOPLE && (c == '\\' || c == '\t'));
}

/* Ends of lines, controls, and what turns the direction of writing. */
static bool
is_harmful(uint32_t c)
{
	return c < 0xa0 || c == 0x61c || c == 0x200e || c == 0x200f ||
	    (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

static size_t
escape(char *to, unsigned char c)
{
	static const char in[] = "\t\n\r\\", out[] = "tnr\\";
	const char *at = c != '\0' ? strchr(in, c) : NULL;

	if (at == NULL)
		return (size_t)sprintf(to, "\\x%02x", c);
	to[0] = '\\';
	to[1] = out[at - in];
	return 2;
}

/* Bytes of one character, or one that is none. */
static bool
put_odd(struct buf *b, const unsigned char *s, size_t *len, size_t n)
{
	char text[4 * 4 + 1];
	size_t used = 0, i;
	uint32_t c;

	*len = utf8_char(s, n, &c);
	if (c != UTF8_BAD && !is_harmful(c))
		return buf_put(b, s, *len);
	for (i = 0; i < *len; i++)
		used += escape(text + used, s[i]);
	return buf_put(b, text, used);
}

static bool
put_text(struct buf *b, const void *p, size_t n, enum escape how)
{
	const unsigned char *s = p;
	bool good = true;
	size_t len;

	for (; good && n > 0; s += len, n -= len) {
		for (len = 0; len < n && is_plain(s[len], how);)
			len++;
		good = len > 0 ? buf_put(b, s, len) : put_odd(b, s, &len, n);
	}
	return good;
}

static bool
text_result(struct batch_out *o, const struct batch_id *id,
    const struct result *r, const struct result_json *more)
{
	struct mux_bytes label = batch_id_label(id);
	bool ran = r->kind == RESULT_EXIT || r->kind == RESULT_SIGNAL;
	struct buf *b = &o->buf;
	char middle[64];

	snprintf(middle, sizeof(middle), "\t%d\t%s\t", r->code,
	    result_kind_name(r->kind));
	if (!put_text(b, label.p, label.len, ESCAPE_ALL) || !buf_str(b, middle))
		return false;
	if (more->body_len > 0 || ran || r->error == NULL)
		return put_text(b, more->body, more->body_len, ESCAPE_ALL) &&
		    buf_str(b, "\n");
	return put_text(b, r->error, strlen(r->error), ESCAPE_ALL) &&
	    buf_str(b, "\n");
}

/* ---- lines ---- */

bool
batch_out_result(struct batch_out *o, const struct batch_id *id,
    const struct result *r, const struct result_json *more)
{
	struct result_json all = *more;
	struct jout j;

	if (!o->json)
		return text_result(o, id, r, more);
	all.id = json_of(id);
	json_begin(o, &j);
	result_json(r, &all, &j);
	return json_end(&j);
}

/* How much of it goes into the next event. */
static size_t
chunk(const char *p, size_t n)
{
	size_t k = n < CHUNK ? n : CHUNK, whole = utf8_whole(p, k);

	/* Better no character is torn than one that was whole. */
	return whole > 0 && jout_is_text(p, whole) ? whole : k;
}

bool
batch_out_data(struct batch_out *o, const struct batch_id *id, const void *p,
    size_t n, bool last, size_t *taken)
{
	const char *s = p;
	struct jout j;
	size_t k;

	for (*taken = 0; n >= CHUNK || (last && n > 0); s += k, n -= k) {
		k = chunk(s, n);
		json_begin(o, &j);
		jout_str(&j, "event", "data");
		jout_raw(&j, "id", json_of(id));
		jout_bytes(&j, "body", s, k);
		if (!json_end(&j))
			return false;
		*taken += k;
	}
	return true;
}

bool
batch_out_err(struct buf *to, const struct batch_id *id, const void *p,
    size_t n, bool last, size_t *taken)
{
	struct mux_bytes label = batch_id_label(id);
	const char *s = p, *end;
	size_t k;

	for (*taken = 0; n > 0; s += k, n -= k, *taken += k) {
		end = memchr(s, '\n', n < ERR_LINE ? n : ERR_LINE);
		if (end == NULL && !last && n < ERR_LINE)
			break;
		k = end != NULL ? (size_t)(end - s) : n < ERR_LINE ? n :
		    utf8_whole(s, ERR_LINE);
		if (!put_text(to, label.p, label.len, ESCAPE_ALL) ||
		    !buf_str(to, ": ") ||
		    !put_text(to, s, k, ESCAPE_FOR_PEOPLE) ||
		    !buf_str(to, "\n"))
			return false;
		k += end != NULL;
	}
	return true;
}
