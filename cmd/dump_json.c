/*
 * dump_json.c - frames as the fields of fields.h: one JSON object a line, or
 * the values of -e between tabs.  It knows no field by name.  Invariant: the
 * keys of an object come in the order of the table, or of -e.
 */
#include <bsd/string.h>
#include <stdlib.h>
#include <string.h>

#include "dump.h"
#include "fields.h"
#include "out.h"

#define MAX_VALUES	1024u	/* of one field of one frame */

struct columns {
	FILE *f;
	size_t n;
	struct field_ref *list;
};

static const char *
next_field(void *arg)
{
	size_t *i = arg;

	return *i < n_fields ? fields[(*i)++].name : NULL;
}

/* Names become keys of JSON as they are. */
static bool
is_plain(const char *name, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (name[i] < 0x20 || name[i] > 0x7e || name[i] == '"' ||
		    name[i] == '\\')
			return false;
	return true;
}

static bool
find(const char *name, size_t n, struct field_ref *ref)
{
	char word[64];
	const char *near;
	size_t i = 0;

	if (field_ref(name, n, ref) && is_plain(name, n))
		return true;
	strlcpy(word, name, n + 1 < sizeof(word) ? n + 1 : sizeof(word));
	near = opt_nearest(word, next_field, &i);
	if (near != NULL)
		say(SAY_ERROR, "-e: no such field: '%s' (did you mean '%s'?)",
		    word, near);
	else
		say(SAY_ERROR, "-e: no such field: '%s' (see "
		    "muxctl-dump(1))", word);
	return false;
}

/* "a,b,c" into c->list, which is large enough. */
static bool
parse(struct columns *c, const char *names)
{
	size_t n;

	for (;;) {
		n = strcspn(names, ",");
		if (!find(names, n, &c->list[c->n++]))
			return false;
		if (names[n] == '\0')
			return true;
		names += n + 1;
	}
}

/* Times differ from run to run. */
static void
take_all(struct columns *c, bool no_time)
{
	size_t i;

	for (i = 0; i < n_fields; i++)
		if (!no_time || fields[i].kind != FIELD_TIME)
			c->list[c->n++].field = &fields[i];
}

static void *
columns_begin(const struct dump_opts *o, FILE *f)
{
	size_t room = n_fields + (o->fields != NULL ?
	    strlen(o->fields) + 1 : 0);
	struct columns *c = calloc(1, sizeof(*c));

	if (c == NULL || (c->list = calloc(room, sizeof(*c->list))) == NULL) {
		free(c);
		say(SAY_ERROR, "out of memory");
		return NULL;
	}
	c->f = f;
	if (o->fields == NULL)
		take_all(c, o->no_time);
	else if (!parse(c, o->fields)) {
		free(c->list);
		free(c);
		return NULL;
	}
	return c;
}

static int
columns_end(void *sink)
{
	struct columns *c = sink;

	free(c->list);
	free(c);
	return 0;
}

/* ---- NDJSON ---- */

static void
put_key(struct jout *j, const char *key, const struct value *v)
{
	switch (v->kind) {
	case FIELD_NUMBER:
		jout_u64(j, key, v->num);
		break;
	case FIELD_TIME:
		jout_ns(j, key, v->num);
		break;
	case FIELD_WORD:
		jout_mem(j, key, v->p, v->n);
		break;
	case FIELD_BYTES:
		jout_bytes(j, key, v->p, v->n);
		break;
	case FIELD_FLAG:
		jout_bool(j, key, v->num != 0);
		break;
	}
}

/* Fields that there may be several of are lists. */
static void
put_list(struct jout *j, const char *key, const struct field_ref *ref,
    const struct seen *s)
{
	struct value v;
	bool text = true;
	size_t i;

	for (i = 0; i < MAX_VALUES && field_get(ref, s, i, &v); i++)
		text &= v.kind == FIELD_BYTES ? jout_is_text(v.p, v.n) : true;
	if (i == 0)
		return;
	jout_list_begin(j, key, text);
	for (i = 0; i < MAX_VALUES && field_get(ref, s, i, &v); i++) {
		if (v.kind == FIELD_BYTES)
			jout_list_bytes(j, v.p, v.n);
		else
			jout_list_u64(j, v.num);
	}
	jout_list_end(j);
}

static void
ndjson_frame(const struct seen *s, void *sink)
{
	const struct columns *c = sink;
	const struct field_ref *f;
	const char *name;
	char whole[256];
	struct value v;
	struct jout j;

	jout_begin(&j, c->f);
	for (f = c->list; f < c->list + c->n; f++) {
		name = f->field->name;
		if (f->sub != NULL) {
			snprintf(whole, sizeof(whole), "%s.%.*s", name,
			    (int)f->n_sub, f->sub);
			name = whole;
		}
		if (f->field->nth != NULL)
			put_list(&j, name, f, s);
		else if (f->field->get(s, &v))
			put_key(&j, name, &v);
	}
	jout_end(&j);
}

const struct sink sink_ndjson = {
	.begin = columns_begin,
	.frame = ndjson_frame,
	.end = columns_end
};

/* ---- values between tabs ---- */

/* Of several values one is behind the other, with a comma between. */
static void
fields_frame(const struct seen *s, void *sink)
{
	const struct columns *c = sink;
	const struct field_ref *f;
	struct value v;
	size_t i;

	for (f = c->list; f < c->list + c->n; f++) {
		if (f != c->list)
			putc('\t', c->f);
		for (i = 0; i < MAX_VALUES && field_get(f, s, i, &v); i++) {
			if (i > 0)
				putc(',', c->f);
			field_print(&v, c->f);
		}
	}
	putc('\n', c->f);
}

const struct sink sink_fields = {
	.begin = columns_begin,
	.frame = fields_frame,
	.end = columns_end
};
