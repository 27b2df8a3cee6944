/*
 * methods_list.c - what the built-in mux.methods answers, shown to people and
 * to programs: a line for each method, or all about one.  The answer is
 * another's: nothing of it is passed on as it came, and nothing is shown
 * unless all of it is a list.  Invariant: how much memory it takes is bounded
 * by the longest line that is allowed.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "one.h"
#include "out.h"

/* A command of 128 KiB, each byte as \u00XX, and the rest. */
#define LINE_MAX_BYTES	((size_t)1 << 20)

/* ---- reading ---- */

/* The object of one method, or NULL. */
static json_t *
read_method(const char *p, size_t n)
{
	json_t *o = n <= LINE_MAX_BYTES ?
	    json_loadb(p, n, JSON_REJECT_DUPLICATES, NULL) : NULL;

	if (json_is_string(json_object_get(o, "name")))
		return o;
	json_decref(o);
	return NULL;
}

/* The next one, or NULL at the end; *bad if that is none. */
static json_t *
next_method(const char **text, size_t *len, bool *bad)
{
	const char *p = *text, *end;
	json_t *o;
	size_t n;

	*bad = false;
	while (*len > 0 && *p == '\n') {
		p++;
		--*len;
	}
	if (*len == 0)
		return NULL;
	end = memchr(p, '\n', *len);
	n = end != NULL ? (size_t)(end - p) : *len;
	o = read_method(p, n);
	*text = p + n;
	*len -= n;
	*bad = o == NULL;
	return o;
}

static bool
is_list(const char *text, size_t len)
{
	json_t *o;
	bool bad;

	while ((o = next_method(&text, &len, &bad)) != NULL)
		json_decref(o);
	return !bad;
}

static int
no_list(void)
{
	return say_exit(CMD_LOST, "mux.methods: the answer is no list of "
	    "methods");
}

/* ---- for programs ---- */

static const struct key {
	const char *name;
	bool number;
} keys[] = {
	{ "name", false },
	{ "kind", false },
	{ "about", false },
	{ "jobs", true },
	{ "queue", true },
	{ "timeout_ns", true },
	{ "command", false }
};

static void
put_key(const struct key *k, const json_t *v, struct jout *j)
{
	if (!k->number && json_is_string(v))
		jout_str(j, k->name, json_string_value(v));
	else if (k->number && json_integer_value(v) > 0)
		jout_u64(j, k->name, (uint64_t)json_integer_value(v));
}

static void
put_object(const json_t *o)
{
	const struct key *k;
	struct jout j;

	jout_begin(&j, stdout);
	for (k = keys; k < keys + sizeof(keys) / sizeof(keys[0]); k++)
		put_key(k, json_object_get(o, k->name), &j);
	jout_end(&j);
}

/* ---- for people ---- */

static void
put_vis(const char *text)
{
	char *safe = out_vis(text != NULL ? text : "");

	fputs(safe != NULL ? safe : "", stdout);
	free(safe);
}

static void
put_line(const json_t *o)
{
	put_vis(json_string_value(json_object_get(o, "name")));
	putchar('\t');
	put_vis(json_string_value(json_object_get(o, "kind")));
	putchar('\t');
	put_vis(json_string_value(json_object_get(o, "about")));
	putchar('\n');
}

static void
put_facts(const json_t *o)
{
	const char *key;
	json_t *value;
	char *text;

	json_object_foreach((json_t *)(uintptr_t)o, key, value) {
		if (strcmp(key, "v") == 0)
			continue;
		put_vis(key);
		fputs(": ", stdout);
		text = json_is_string(value) ? NULL :
		    json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
		put_vis(text != NULL ? text : json_string_value(value));
		free(text);
		putchar('\n');
	}
}

/* ---- public ---- */

int
methods_list(const char *text, size_t len, bool json)
{
	json_t *o;
	bool bad;

	if (!is_list(text, len))
		return no_list();
	while ((o = next_method(&text, &len, &bad)) != NULL) {
		if (json)
			put_object(o);
		else
			put_line(o);
		json_decref(o);
	}
	return CMD_OK;
}

int
methods_describe(const char *name, const char *text, size_t len, bool json)
{
	bool bad, found = false;
	json_t *o;

	if (!is_list(text, len))
		return no_list();
	while (!found && (o = next_method(&text, &len, &bad)) != NULL) {
		found = strcmp(json_string_value(json_object_get(o, "name")),
		    name) == 0;
		if (found && json)
			put_object(o);
		else if (found)
			put_facts(o);
		json_decref(o);
	}
	return found ? CMD_OK : say_exit(CMD_NO_METHOD,
	    "%s: unknown method", name);
}
