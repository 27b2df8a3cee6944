/*
 * test_methods_list.c - what is shown of an answer of mux.methods: a list in
 * each form, and nothing at all of an answer that is none.
 */
#include <stdlib.h>

#include "../../cmd/cmd.h"
#include "../../cmd/one.h"
#include "../../cmd/out.h"
#include "captive.h"
#include "tap.h"

const struct verb *const cmd_verbs[] = { NULL };

static struct captive c;

struct answer {
	const char *text;
	size_t len;
	const char *describe;	/* NULL: --list */
	bool json;
};

static int
show(void *arg)
{
	const struct answer *a = arg;

	out_verb("call");
	return a->describe == NULL ? methods_list(a->text, a->len, a->json) :
	    methods_describe(a->describe, a->text, a->len, a->json);
}

static void
run(const char *text, const char *describe, bool json)
{
	struct answer a = { text, strlen(text), describe, json };

	captive_run(&c, show, &a);
}

/* Keys in another order, one that is not known, and values of other types. */
static const char list[] =
    "{\"about\":\"caf\\u00e9\\u001b[31m\",\"name\":\"a\\tb\",\"v\":1,"
    "\"kind\":\"shell\",\"jobs\":3,\"new\":[1,\"\\u001b\"]}\n\n"
    "{\"v\":1,\"name\":\"z\",\"kind\":7,\"jobs\":-1,\"queue\":true,"
    "\"timeout_ns\":250000000,\"command\":\"cat\"}";

static void
test_list(void)
{
	run(list, NULL, false);
	is_str(c.said, "a\\tb\tshell\tcaf\\303\\251\\033[31m\nz\t\t\n",
	    "lines for people");
	is_u64((uint64_t)c.status, 0, "all is well");
	run(list, NULL, true);
	is_str(c.said, "{\"v\":1,\"name\":\"a\\tb\",\"kind\":\"shell\","
	    "\"about\":\"caf\\u00e9\\u001b[31m\",\"jobs\":3}\n"
	    "{\"v\":1,\"name\":\"z\",\"timeout_ns\":250000000,"
	    "\"command\":\"cat\"}\n", "objects, keys in their order");
	is_u64((uint64_t)c.status, 0, "all is well");
	run("", NULL, true);
	is_str(c.said, "", "nothing at all is a list, too");
	is_u64((uint64_t)c.status, 0, "and no error");
}

static void
test_describe(void)
{
	run(list, "a\tb", false);
	is_str(c.said, "about: caf\\303\\251\\033[31m\nname: a\\tb\n"
	    "kind: shell\njobs: 3\nnew: [1, \"\\\\u001B\"]\n", "facts");
	run(list, "z", true);
	is_str(c.said, "{\"v\":1,\"name\":\"z\",\"timeout_ns\":250000000,"
	    "\"command\":\"cat\"}\n", "one object");
	run(list, "a", true);
	is_str(c.said, "muxctl: call: a: unknown method\n", "none");
	is_u64((uint64_t)c.status, CMD_NO_METHOD, "is 127");
}

static void
test_garbage(void)
{
	static char lng[(1 << 20) + 64];
	static const char *const bad[] = {
		"\033]0;evil\a\n", "[]", "7", "\"name\"", "null", "{}",
		"{\"name\":7}", "{\"name\":\"a\"", "{\"name\":\"a\"} x",
		"{\"name\":\"a\",\"name\":\"b\"}", "{\"name\":\"\\u0000\"}",
		"{\"name\":\"\377\"}", " ", lng,
		"{\"name\":\"a\"}\n\033[2J", "{\"name\":\"a\"}\n{}\n"
	};
	size_t i;

	memset(lng, ' ', sizeof(lng) - 1);
	memcpy(lng, "{\"name\":\"a\"}", 12);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]) * 4; i++) {
		run(bad[i / 4], i % 2 != 0 ? "a" : NULL, i % 4 > 1);
		is_str(c.said, "muxctl: call: mux.methods: the answer is no "
		    "list of methods\n", "garbage %zu", i);
		is_u64((uint64_t)c.status, CMD_LOST, "is 255");
	}
}

int
main(void)
{
	test_list();
	test_describe();
	test_garbage();
	return tap_done();
}
