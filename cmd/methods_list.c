/*
 * methods_list.c - what the built-in mux.methods answers, shown to people: a
 * line for each method, or all about one.  The answer is another's: whatever
 * is in it comes out harmless, and what is no NDJSON is an error.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "one.h"
#include "out.h"

/* The next line as an object, or NULL at the end; *bad if it is none. */
static json_t *
next_object(const char **text, size_t *len, bool *bad)
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
	o = json_loadb(p, n, JSON_REJECT_DUPLICATES, NULL);
	*text = p + n;
	*len -= n;
	*bad = !json_is_object(o);
	if (*bad)
		json_decref(o);
	return *bad ? NULL : o;
}

static int
no_list(void)
{
	return say_exit(CMD_LOST, "mux.methods: the answer is no list of "
	    "methods");
}

static void
put_vis(const char *text)
{
	char *safe = out_vis(text != NULL ? text : "");

	fputs(safe != NULL ? safe : "", stdout);
	free(safe);
}

int
methods_list(const char *text, size_t len)
{
	json_t *o;
	bool bad;

	while ((o = next_object(&text, &len, &bad)) != NULL) {
		put_vis(json_string_value(json_object_get(o, "name")));
		putchar('\t');
		put_vis(json_string_value(json_object_get(o, "kind")));
		putchar('\t');
		put_vis(json_string_value(json_object_get(o, "about")));
		putchar('\n');
		json_decref(o);
	}
	return bad ? no_list() : CMD_OK;
}

static void
describe(const json_t *o)
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

int
methods_describe(const char *name, const char *text, size_t len, bool json)
{
	const char *its;
	bool bad, found = false;
	json_t *o;

	while (!found && (o = next_object(&text, &len, &bad)) != NULL) {
		its = json_string_value(json_object_get(o, "name"));
		found = its != NULL && strcmp(its, name) == 0;
		if (found && json) {
			json_dumpf(o, stdout, JSON_COMPACT | JSON_ENSURE_ASCII);
			putchar('\n');
		} else if (found)
			describe(o);
		json_decref(o);
	}
	if (!found && bad)
		return no_list();
	return found ? CMD_OK : say_exit(CMD_NO_METHOD,
	    "%s: unknown method", name);
}
