/*
 * batch_json.c - one JSON object as a request.  Reading it is jansson's work;
 * here is what may stand in it.  The id is echoed as it was written, which a
 * parser does not remember, so it is looked for in the text as well.
 * Invariant: how much memory a line takes is bounded by its length.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "b64.h"
#include "batch_in.h"
#include "batch_json.h"
#include "utf8.h"

/* A value takes more memory than its two bytes of text; bodies are one. */
#define MAX_VALUES	4096u

struct batch_json {
	json_t *doc;		/* what the last item points into */
	char *bytes;		/* of body_b64 */
	size_t bytes_cap;
	/* Each byte may become \uXXXX. */
	char id[BATCH_ID_MAX * 6 + 1];
	char why[500];
};

/* Jansson takes want of memory for bad syntax here and there. */
static bool no_memory;

static void *
noted_malloc(size_t n)
{
	void *p = malloc(n);

	no_memory = no_memory || p == NULL;
	return p;
}

int
batch_json_new(struct batch_json **out)
{
	struct batch_json *j = calloc(1, sizeof(*j));

	if (j == NULL)
		return MUX_E_NOMEM;
	json_set_alloc_funcs(noted_malloc, free);
	*out = j;
	return 0;
}

void
batch_json_free(struct batch_json *j)
{
	if (j == NULL)
		return;
	json_decref(j->doc);
	free(j->bytes);
	free(j);
}

/* ---- what both forms with arguments share ---- */

const char *
batch_args_add(struct batch_args *a, const char *p, size_t n)
{
	if (memchr(p, '\0', n) != NULL)
		return "an argument has a NUL in it";
	if (a->n == BATCH_ARGS)
		return "more than 1024 arguments";
	if (n > BATCH_ARG_BYTES - a->bytes)
		return "arguments of more than 64K";
	a->bytes += n;
	a->v[a->n++] = (struct mux_bytes){ p, n };
	return NULL;
}

const char *
batch_method(const struct mux_bytes *name)
{
	if (name->len == 0)
		return "no method";
	return memchr(name->p, '\0', name->len) != NULL ?
	    "the method has a NUL in it" : NULL;
}

/* ---- the text ---- */

/* What is found on the way through an object, without checking it. */
struct shape {
	unsigned depth;
	size_t n_values;
	bool is_id;		/* the value that comes is that of "id" */
	const char *id, *id_end;
};

/* Behind the string that begins at p. */
static const char *
skip_string(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\' && p + 1 < end)
			p++;
	return p < end ? p + 1 : end;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void
value_ends(struct shape *s, const char *p)
{
	if (s->depth != 1 || !s->is_id)
		return;
	s->is_id = false;
	while (p > s->id && is_space(p[-1]))
		p--;
	s->id_end = p;
}

static void
punctuation(struct shape *s, const char *p)
{
	if (*p == ',' || *p == '}')
		value_ends(s, p);
	if (*p == '{' || *p == '[')
		s->depth++;
	else if ((*p == '}' || *p == ']') && s->depth > 0)
		s->depth--;
	s->n_values += *p == ',' || *p == ':' || *p == '[' || *p == '{';
}

static void
look(struct shape *s, const char *p, const char *end)
{
	const char *string = NULL;	/* the last one, if nothing followed */
	size_t len = 0;

	while (p < end) {
		if (*p == '"') {
			string = p;
			p = skip_string(p, end);
			len = (size_t)(p - string);
			continue;
		}
		if (*p == ':' && s->depth == 1 && !s->is_id && string != NULL &&
		    len == 4 && memcmp(string, "\"id\"", 4) == 0) {
			s->is_id = true;
			s->id = p + 1;
		}
		if (!is_space(*p))
			string = NULL;
		punctuation(s, p++);
	}
}

/* The character as an escape; what it takes. */
static size_t
put_escape(char *to, uint32_t c)
{
	if (c <= 0xffff)
		return (size_t)sprintf(to, "\\u%04x", (unsigned)c);
	c -= 0x10000;
	return (size_t)sprintf(to, "\\u%04x\\u%04x",
	    (unsigned)(0xd800 + (c >> 10)), (unsigned)(0xdc00 + (c & 0x3ff)));
}

/* The same value, in ASCII and without blanks between its parts. */
static void
copy_id(char *to, const char *p, const char *end)
{
	bool quoted = false;
	uint32_t c;

	while (p < end) {
		p += utf8_char(p, (size_t)(end - p), &c);
		if (!quoted && c < 0x80 && is_space((char)c))
			continue;
		if (c == '"')
			quoted = !quoted;
		if (c < 0x20 || c > 0x7e) {
			to += put_escape(to, c);
			continue;
		}
		*to++ = (char)c;
		if (c == '\\')
			*to++ = *p++;
	}
	*to = '\0';
}

/* ---- what may stand in it ---- */

static struct mux_bytes
string_of(const json_t *v)
{
	return (struct mux_bytes){ json_string_value(v),
		json_string_length(v) };
}

static void
set_id(struct batch_json *j, const struct shape *s, struct batch_item *item)
{
	json_t *v = json_object_get(j->doc, "id");

	if (v == NULL)
		return;
	/* "\u0069d" is the same key. */
	if (s->id_end == NULL) {
		item->error = "the key id is not written plainly";
		return;
	}
	copy_id(j->id, s->id, s->id_end);
	item->id = j->id;
	item->label = json_is_string(v) ? string_of(v) :
	    (struct mux_bytes){ j->id, strlen(j->id) };
}

static const char *
set_method(struct batch_json *j, json_t *v, struct batch_item *item)
{
	(void)j;
	if (!json_is_string(v))
		return "method is not a string";
	item->method = string_of(v);
	return batch_method(&item->method);
}

static const char *
set_body(struct batch_json *j, json_t *v, struct batch_item *item)
{
	(void)j;
	if (!json_is_string(v))
		return "body is not a string";
	if (item->body.p != NULL)
		return "both body and body_b64";
	item->body = string_of(v);
	return NULL;
}

static const char *
set_body_b64(struct batch_json *j, json_t *v, struct batch_item *item)
{
	struct mux_bytes text;
	size_t len;

	if (!json_is_string(v))
		return "body_b64 is not a string";
	if (item->body.p != NULL)
		return "both body and body_b64";
	text = string_of(v);
	if (!b64_decode(j->bytes, &len, text.p, text.len))
		return "body_b64 is not base64";
	item->body = (struct mux_bytes){ j->bytes, len };
	return NULL;
}

static const char *
add_args(struct batch_args *args, json_t *list)
{
	const char *why;
	json_t *v;
	size_t i;

	if (!json_is_array(list))
		return "args is not an array";
	json_array_foreach(list, i, v) {
		if (!json_is_string(v))
			return "args has something that is not a string";
		why = batch_args_add(args, json_string_value(v),
		    json_string_length(v));
		if (why != NULL)
			return why;
	}
	return NULL;
}

static const struct key {
	const char *name;
	const char *(*set)(struct batch_json *, json_t *, struct batch_item *);
} keys[] = {
	{ "method", set_method },
	{ "body", set_body },
	{ "body_b64", set_body_b64 }
};

static const char *
set_key(struct batch_json *j, struct batch_args *args, const char *name,
    json_t *v, struct batch_item *item)
{
	if (strcmp(name, "id") == 0)
		return NULL;
	if (strcmp(name, "args") == 0)
		return add_args(args, v);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(name, keys[i].name) == 0)
			return keys[i].set(j, v, item);
	snprintf(j->why, sizeof(j->why), "unknown key '%.100s' (expected id, "
	    "method, args, body, body_b64)", name);
	return j->why;
}

/* ---- one line ---- */

/* What jansson says names the file that it thinks it reads. */
static int
parse(struct batch_json *j, const char *line, size_t n,
    struct batch_item *item)
{
	const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL |
	    JSON_DECODE_INT_AS_REAL;
	json_error_t e = { .line = 0 };

	no_memory = false;
	j->doc = json_loadb(line, n, flags, &e);
	if (j->doc == NULL) {
		if (no_memory)
			return MUX_E_NOMEM;
		snprintf(j->why, sizeof(j->why), "no JSON: column %d: %s",
		    e.column, e.text);
		item->error = j->why;
	} else if (!json_is_object(j->doc))
		item->error = "not a JSON object";
	return 0;
}

static int
make_room(struct batch_json *j, size_t n)
{
	char *more;

	if (n <= j->bytes_cap)
		return 0;
	if ((more = realloc(j->bytes, n)) == NULL)
		return MUX_E_NOMEM;
	j->bytes = more;
	j->bytes_cap = n;
	return 0;
}

int
batch_json_read(struct batch_json *j, struct batch_args *args,
    const char *line, size_t n, struct batch_item *item)
{
	struct shape s = { 0 };
	const char *name;
	json_t *v;
	int err;

	json_decref(j->doc);
	j->doc = NULL;
	look(&s, line, line + n);
	if (s.n_values > MAX_VALUES)
		item->error = "too many values";
	else if (s.id_end != NULL &&
	    (size_t)(s.id_end - s.id) > BATCH_ID_MAX)
		item->error = "the id is longer than 4096 bytes";
	if (item->error != NULL)
		return 0;
	if ((err = make_room(j, n)) != 0 ||
	    (err = parse(j, line, n, item)) != 0 || item->error != NULL)
		return err;
	set_id(j, &s, item);
	json_object_foreach(j->doc, name, v) {
		if (item->error != NULL)
			break;
		item->error = set_key(j, args, name, v, item);
	}
	return 0;
}
