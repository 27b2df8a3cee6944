/*
 * test_methods.c - the list of methods: what is a name, what is not, and what
 * is run in the end.
 */
#include <stdlib.h>

#include "../../cmd/cmd.h"
#include "../../cmd/methods.h"
#include "mux_io.h"
#include "tap.h"

const struct verb *const cmd_verbs[] = { NULL };

static struct mux_why why;

static bool
refuses(struct methods *m, enum method_kind kind, const char *word,
    const char *want)
{
	int err = methods_add(m, kind, word, &why);

	if (err < 0 && strstr(why.text, want) != NULL)
		return true;
	printf("# %d: %s\n", err, err < 0 ? why.text : "taken");
	return false;
}

/* The words of a method, in brackets. */
static const char *
words(struct methods *m, const char *name)
{
	static char buf[400];
	const struct method *me = methods_find(m, name, strlen(name));

	buf[0] = '\0';
	for (char **p = me != NULL ? me->argv : NULL; p && *p; p++) {
		strcat(buf, "[");
		strcat(buf, *p);
		strcat(buf, "]");
	}
	return buf;
}

static void
names(void)
{
	struct methods *m = methods_new();
	struct method *me = NULL;
	char order[200] = "";

	ok(!methods_any(m), "none at first");
	ok(methods_add(m, METHOD_SHELL, "b=x", &why) == 0 &&
	    methods_add(m, METHOD_SHELL, "a=x", &why) == 0 &&
	    methods_add(m, METHOD_SHELL, "a b\n\xff=x", &why) == 0 &&
	    methods_add(m, METHOD_SHELL, "ab=x", &why) == 0, "any bytes");
	while ((me = methods_next(m, me)) != NULL)
		if (me->kind == METHOD_SHELL) {
			strcat(order, me->name);
			strcat(order, "|");
		}
	is_str(order, "a|a b\n\xff|ab|b|", "in order");
	ok(methods_find(m, "a", 1) != NULL && methods_find(m, "ab", 1) ==
	    methods_find(m, "a", 1), "found by its length");
	ok(methods_find(m, "", 0) == NULL && methods_find(m, "c", 1) == NULL &&
	    methods_find(m, "a\0", 2) == NULL, "and no others");
	ok(methods_unnamed(m, "c") == -1 && methods_find(m, "", 0) == NULL,
	    "no name means none that is not there");
	ok(methods_unnamed(m, "ab") == 0 && methods_find(m, "", 0) ==
	    methods_find(m, "ab", 2), "but one that is");
	ok(refuses(m, METHOD_PROGRAM, "a=y", "a method of this name already"),
	    "two of one name");
	ok(refuses(m, METHOD_SHELL, "mux.x=y", "built in"), "mux.");
	ok(methods_add(m, METHOD_SHELL, "mux=y", &why) == 0, "but not mux");
	ok(refuses(m, METHOD_SHELL, "x", "expected NAME="), "no '='");
	ok(refuses(m, METHOD_SHELL, "=x", "expected NAME="), "no name");
	ok(methods_any(m), "there are some");
	methods_unref(methods_ref(m));
	ok(methods_find(m, "a", 1) != NULL, "they are counted");
	methods_unref(m);
}

static void
commands(void)
{
	struct methods *m = methods_new();

	methods_add(m, METHOD_SHELL, "s=echo \"$1\" = 'x", &why);
	is_str(words(m, "s"), "[/bin/sh][-c][echo \"$1\" = 'x][s]",
	    "a shell gets its text untouched");
	methods_add(m, METHOD_PROGRAM, "p=a 'b c' d\\ e =", &why);
	is_str(words(m, "p"), "[a][b c][d e][=]", "a program gets words");
	ok(refuses(m, METHOD_PROGRAM, "q=a 'b", ""), "an open quote");
	ok(refuses(m, METHOD_PROGRAM, "q=", "expected a "), "nothing");
	ok(refuses(m, METHOD_PROGRAM, "q=''", "expected a "), "an empty one");
	ok(methods_find(m, "q", 1) == NULL, "none of them is there");
	is_str(methods_find(m, "p", 1)->line, "a 'b c' d\\ e =", "as given");
	methods_unref(m);
}

static void
limits(void)
{
	static const char *const bad[] = { "a", "a=", "a=jobs", "a=jobs:",
	    "a=jobs:-1", "a=jobs:1,", "a=jobs:1,what:2", "a=timeout:x" };
	struct methods *m = methods_new();
	struct method *me;

	methods_add(m, METHOD_SHELL, "a=x", &why);
	me = methods_find(m, "a", 1);
	ok(me->jobs == 0 && me->queue == 0 && me->timeout == UINT64_MAX,
	    "none of its own");
	ok(methods_limit(m, "a=jobs:3,timeout:2s,queue:4", &why) == 0 &&
	    me->jobs == 3 && me->queue == 4 &&
	    me->timeout == UINT64_C(2000000000), "all three");
	ok(methods_limit(m, "a=timeout:0", &why) == 0 && me->timeout == 0 &&
	    me->jobs == 3, "one at a time");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(methods_limit(m, bad[i], &why) == MUX_E_INVAL, "%s",
		    bad[i]);
	ok(methods_limit(m, "b=jobs:1", &why) == MUX_E_INVAL &&
	    strstr(why.text, "no method of this name") != NULL,
	    "of one that is not there");
	methods_unref(m);
}

int
main(void)
{
	names();
	commands();
	limits();
	return tap_done();
}
