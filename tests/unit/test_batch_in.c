/*
 * test_batch_in.c - the three forms of a batch, whole and in pieces, and what
 * is wrong with a line.  Each item is written down as
 *	LINE ID LABEL METHOD(ARG,...)BODY	or	LINE ID ! ERROR
 */
#include <stdlib.h>

#include "../../cmd/batch_in.h"
#include "nomem.h"
#include "tap.h"

#define LINE_MAX_HERE	100

struct text {
	char p[16384];
	size_t n;
};

static void
put(struct text *t, const char *p, size_t n)
{
	for (; n > 0 && t->n + 8 < sizeof(t->p); p++, n--) {
		if (*p >= 0x20 && *p <= 0x7e)
			t->p[t->n++] = *p;
		else
			t->n += (size_t)sprintf(t->p + t->n, "<%02x>",
			    (unsigned char)*p);
	}
	t->p[t->n] = '\0';
}

static void
put_str(struct text *t, const char *s)
{
	put(t, s, strlen(s));
}

static void
put_item(struct text *t, const struct batch_item *it)
{
	char num[32];
	size_t i;

	snprintf(num, sizeof(num), "%ju %s ", (uintmax_t)it->line,
	    it->id != NULL ? it->id : "-");
	put_str(t, num);
	put(t, it->label.p, it->label.len);
	if (it->error != NULL) {
		put_str(t, "! ");
		put_str(t, it->error);
	} else {
		put_str(t, " ");
		put(t, it->method.p, it->method.len);
		put_str(t, "(");
		for (i = 0; i < it->n_args; i++) {
			put_str(t, i > 0 ? "," : "");
			put(t, it->args[i].p, it->args[i].len);
		}
		put_str(t, ")");
		put(t, it->body.p, it->body.len);
	}
	t->p[t->n++] = '\n';
	t->p[t->n] = '\0';
}

/* In pieces of `piece` bytes, each in memory of its own. */
static void
parse(struct batch_in *b, const char *in, size_t n, size_t piece,
    struct text *t)
{
	struct batch_item it;
	const char *p;
	char *copy;
	size_t k, left;

	t->n = 0;
	t->p[0] = '\0';
	for (; n > 0; in += k, n -= k) {
		k = n < piece ? n : piece;
		copy = malloc(k);
		memcpy(copy, in, k);
		p = copy;
		left = k;
		while (batch_in_next(b, &p, &left, false, &it) == 1)
			put_item(t, &it);
		if (left != 0)
			put_str(t, "left over");
		free(copy);
	}
	p = NULL;
	left = 0;
	while (batch_in_next(b, &p, &left, true, &it) == 1)
		put_item(t, &it);
}

static const struct example {
	const char *name;
	enum batch_format format;
	char sep;
	const char *in;
	size_t n;
	const char *want;
} examples[] = {
#define IN(text)	text, sizeof(text) - 1
	{ "nothing", BATCH_LINES, '\n', IN(""), "" },
	{ "lines", BATCH_LINES, '\n', IN("a\n\n b \r\n\xff\0x\nlast"),
	    "1 -  ()a\n2 -  ()\n3 -  () b <0d>\n4 -  ()<ff><00>x\n"
	    "5 -  ()last\n" },
	{ "lines, the last one whole", BATCH_LINES, '\n', IN("a\nb\n"),
	    "1 -  ()a\n2 -  ()b\n" },
	{ "an empty one only", BATCH_LINES, '\n', IN("\n"), "1 -  ()\n" },
	{ "between NULs", BATCH_LINES, '\0', IN("a\nb\0\0{c"),
	    "1 -  ()a<0a>b\n2 -  ()\n3 -  (){c\n" },
	{ "tsv", BATCH_TSV, '\n', IN("m\na\tb\n\n \t\r\nc\td\t\te f\t"),
	    "1 -  m()\n2 -  a(b)\n5 -  c(d,,e f,)\n" },
	{ "escapes", BATCH_TSV, '\n',
	    IN("m\\x01\t\\t\\n\\r\\\\\\x41\\xfF\\\\t\n"),
	    "1 -  m<01>(<09><0a><0d>\\A<ff>\\t)\n" },
	{ "none", BATCH_TSV, '\n',
	    IN("m\ta\\q\nm\ta\\\nm\\x4\nm\t\\x4g\nm\\\0\nok\n"),
	    "1 - ! line 1: a backslash without t, n, r, \\ or xHH behind it\n"
	    "2 - ! line 2: a backslash without t, n, r, \\ or xHH behind it\n"
	    "3 - ! line 3: a backslash without t, n, r, \\ or xHH behind it\n"
	    "4 - ! line 4: a backslash without t, n, r, \\ or xHH behind it\n"
	    "5 - ! line 5: a backslash without t, n, r, \\ or xHH behind it\n"
	    "6 -  ok()\n" },
	{ "no method, and NUL", BATCH_TSV, '\n', IN("\ta\nm\ta\\x00\nm\\x00\n"),
	    "1 - ! line 1: no method\n"
	    "2 - ! line 2: an argument has a NUL in it\n"
	    "3 - ! line 3: the method has a NUL in it\n" },
	{ "it is tsv", BATCH_AUTO, '\n', IN("\n  \n m\ta\n{}\n"),
	    "3 -   m(a)\n4 -  {}()\n" },
	{ "it is ndjson", BATCH_AUTO, '\n',
	    IN("\n\t \r\n {\"method\":\"m\"}\r\n"), "3 -  m()\n" },
	{ "an array is none", BATCH_AUTO, '\n', IN("[]\nm\ta\n{}"),
	    "1 - ! line 1: not a JSON object\n2 - ! line 2: no JSON: "
	    "column 1: '[' or '{' expected near 'm'\n3 -  ()\n" },
	{ "objects", BATCH_NDJSON, '\n',
	    IN("{\"args\":[\"x\",\"\"],\"id\":7,\"body\":\"\\u0000\\u00e9"
	    "\\ud83d\\ude00\",\"method\":\"a b\"}\n"
	    "{\"body_b64\":\"AAEC\",\"method\":\"m\"}\n"
	    "{\"body_b64\":\"\",\"args\":[]}\n{}\n{ \"body\" : \"\" }"),
	    "1 7 7 a b(x,)<00><c3><a9><f0><9f><98><80>\n"
	    "2 -  m()<00><01><02>\n3 -  ()\n4 -  ()\n5 -  ()\n" },
	{ "between NULs they may have lines", BATCH_NDJSON, '\0',
	    IN("{\n\"id\":\n[1,\n2]\n}\0\n\0{}\n"),
	    "1 [1,2] [1,2] ()\n3 -  ()\n" },
	{ "ids as they were written", BATCH_NDJSON, '\n',
	    IN("{\"id\":12345678901234567890123}\n{\"id\": 1.0 }\n"
	    "{\"id\":-0.10e1,\"body\":\"id\"}\n{\"id\":\"a\\tb\\\"\"}\n"
	    "{\"id\":[ {\"id\" : \"x y\"}, null]}\n{\"id\":null}\n"
	    "{\"id\":\"\xc3\xa9\x7f\xf0\x9f\x98\x80\"}\n{\"id\":\"\\u0000\"}\n"
	    "{\"body\":\"\\\"id\\\":7,\",\"id\":\"\"}\n{\"id\":{}}\n"),
	    "1 12345678901234567890123 12345678901234567890123 ()\n"
	    "2 1.0 1.0 ()\n3 -0.10e1 -0.10e1 ()id\n"
	    "4 \"a\\tb\\\"\" a<09>b\" ()\n"
	    "5 [{\"id\":\"x y\"},null] [{\"id\":\"x y\"},null] ()\n"
	    "6 null null ()\n7 \"\\u00e9\\u007f\\ud83d\\ude00\" "
	    "<c3><a9><7f><f0><9f><98><80> ()\n8 \"\\u0000\" <00> ()\n"
	    "9 \"\"  ()\"id\":7,\n10 {} {} ()\n" },
	{ "what may not stand there", BATCH_NDJSON, '\n',
	    IN("{\"id\":1,\"meta\":{}}\n{\"id\":2,\"method\":3}\n"
	    "{\"method\":\"\"}\n{\"args\":\"a\"}\n{\"args\":[1]}\n"
	    "{\"args\":[\"\\u0000\"]}\n{\"body\":null}\n{\"body_b64\":[]}\n"
	    "{\"body_b64\":\"A\"}\n{\"body\":\"\",\"body_b64\":\"\"}\n"
	    "{\"body_b64\":\"\",\"body\":\"\"}\n{\"\\u0069d\":1}\n"
	    "{\"method\":\"m\\u0000\"}\n"),
	    "1 1 1! line 1: unknown key 'meta' (expected id, method, args, "
	    "body, body_b64)\n2 2 2! line 2: method is not a string\n"
	    "3 - ! line 3: no method\n"
	    "4 - ! line 4: args is not an array\n"
	    "5 - ! line 5: args has something that is not a string\n"
	    "6 - ! line 6: an argument has a NUL in it\n"
	    "7 - ! line 7: body is not a string\n"
	    "8 - ! line 8: body_b64 is not a string\n"
	    "9 - ! line 9: body_b64 is not base64\n"
	    "10 - ! line 10: both body and body_b64\n"
	    "11 - ! line 11: both body and body_b64\n"
	    "12 - ! line 12: the key id is not written plainly\n"
	    "13 - ! line 13: the method has a NUL in it\n" },
	{ "a line too long is one error", BATCH_LINES, '\n',
	    IN("a\n0123456789012345678901234567890123456789012345678901234"
	    "56789012345678901234567890123456789012345678901234567890\nb\n"),
	    "1 -  ()a\n2 - ! line 2: too long\n3 -  ()b\n" },
	{ "as long as may be", BATCH_TSV, '\n',
	    IN("01234567890123456789012345678901234567890123456789"
	    "01234567890123456789012345678901234567890123456789\n"
	    "{1234567890123456789012345678901234567890123456789"
	    "012345678901234567890123456789012345678901234567890"),
	    "1 -  01234567890123456789012345678901234567890123456789"
	    "01234567890123456789012345678901234567890123456789()\n"
	    "2 - ! line 2: too long\n" },
	{ "it tells its format all the same", BATCH_AUTO, '\n',
	    IN("{1234567890123456789012345678901234567890123456789"
	    "012345678901234567890123456789012345678901234567890\n{}"),
	    "1 - ! line 1: too long\n2 -  ()\n" },
#undef IN
};

static void
run(const struct example *e, size_t piece, struct text *t)
{
	struct batch_in *b;

	t->n = 0;
	if (batch_in_new(e->format, e->sep, LINE_MAX_HERE, &b) != 0)
		return;
	parse(b, e->in, e->n, piece, t);
	batch_in_free(b);
}

static void
test_examples(void)
{
	static struct text t;
	const struct example *e;
	size_t i, piece;
	bool same;

	for (i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		e = &examples[i];
		run(e, e->n + 1, &t);
		is_str(t.p, e->want, "%s", e->name);
		for (same = true, piece = 1; same && piece < e->n; piece++) {
			run(e, piece, &t);
			same = strcmp(t.p, e->want) == 0;
		}
		ok(same, "%s: and in pieces", e->name);
	}
}

/* One line of ndjson; its item. */
static const char *
one(const char *in, size_t n)
{
	static struct text t;
	struct batch_in *b;

	t.n = 0;
	t.p[0] = '\0';
	if (batch_in_new(BATCH_NDJSON, '\n', BATCH_LINE_MAX, &b) != 0)
		return "";
	parse(b, in, n, n, &t);
	batch_in_free(b);
	return t.p;
}

static void
test_bad_json(void)
{
	static const char *const bad[] = { "{", "{\"a\"}", "{} {}", "nul",
		"{\"body\":\"\xff\"}", "{\"body\":\"\xed\xa0\x80\"}",
		"{\"body\":\"\\ud800\"}", "{\"id\":1,\"id\":2}",
		"{\"body\":\"\t\"}", "{\"id\":01}", "{\"id\":1e999}",
		"{\"id\":tru}", "{,}", "\"", "{\"a\":\"\\", "{\"id\":",
		"}", "]]]]", "{\"id\":[1,{\"a\":1,\"a\":2}]}",
		"{\"\\u0000\":1}" };
	const char *got;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		got = one(bad[i], strlen(bad[i]));
		ok(strncmp(got, "1 - ! line 1: no JSON: column ", 30) == 0,
		    "%s: %s", bad[i], got);
	}
	got = one("{\0}", 3);
	ok(strncmp(got, "1 - ! line 1: no JSON: ", 23) == 0, "NUL: %s", got);
}

/* prefix, n times text, suffix */
static char *
repeat(const char *prefix, const char *text, size_t n, const char *suffix)
{
	size_t len = strlen(text), at = strlen(prefix);
	char *p = malloc(at + len * n + strlen(suffix) + 1);

	memcpy(p, prefix, at);
	for (; n > 0; n--, at += len)
		memcpy(p + at, text, len);
	memcpy(p + at, suffix, strlen(suffix) + 1);
	return p;
}

static void
test_limits(void)
{
	static const struct {
		const char *prefix, *text;
		size_t n;
		const char *suffix, *want;
	} cases[] = {
		{ "{\"id\":\"", "x", 4094, "\"}", "1 \"xxx" },
		{ "{\"id\":\"", "x", 4095, "\"}",
		    "1 - ! line 1: the id is longer than 4096 bytes\n" },
		{ "{\"args\":[\"\"", ",\"\"", 1023, "]}", "1 -  (,,," },
		{ "{\"args\":[\"\"", ",\"\"", 1024, "]}",
		    "1 - ! line 1: more than 1024 arguments\n" },
		{ "{\"args\":[\"", "x", 65536, "\"]}", "1 -  (xxx" },
		{ "{\"args\":[\"", "x", 65537, "\"]}",
		    "1 - ! line 1: arguments of more than 64K\n" },
		{ "{\"x\":[", "1,", 5000, "1]}",
		    "1 - ! line 1: too many values\n" },
		{ "", "[", 5000, "", "1 - ! line 1: too many values\n" },
		{ "{\"", "x", 5000, "\":1}", "1 - ! line 1: unknown key 'xx" },
		{ "{\"id\":\"", "\x7f", 4094, "\"}", "1 \"\\u007f\\u00" }
	};
	const char *got;
	char *in;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		in = repeat(cases[i].prefix, cases[i].text, cases[i].n,
		    cases[i].suffix);
		got = one(in, strlen(in));
		ok(strncmp(got, cases[i].want, strlen(cases[i].want)) == 0,
		    "%zu of %s: %.60s", cases[i].n, cases[i].text, got);
		free(in);
	}
}

/* An error of one line leaves nothing behind in the next one. */
static void
test_fresh(void)
{
	static const char in[] =
	    "{\"id\":1,\"args\":[\"a\"],\"body\":\"b\",\"x\":1}\n{}\n";

	is_str(one(in, sizeof(in) - 1), "1 1 1! line 1: unknown key 'x' "
	    "(expected id, method, args, body, body_b64)\n2 -  ()\n",
	    "each line is new");
}

#ifndef SANITIZED

/* Tries again after each failure, as if nothing had been. */
static void
retry(struct batch_in *b, const char *p, size_t n, bool eof, struct text *t)
{
	struct batch_item it;
	int r;

	while ((r = batch_in_next(b, &p, &n, eof, &it)) != 0)
		if (r == 1)
			put_item(t, &it);
}

/* Did an allocation fail? */
static bool
parse_nomem(const struct example *e, long fail, struct text *t)
{
	struct batch_in *b;
	bool failed;

	t->n = 0;
	t->p[0] = '\0';
	n_left = fail;
	while (batch_in_new(e->format, e->sep, LINE_MAX_HERE, &b) != 0)
		continue;
	retry(b, e->in, e->n / 2, false, t);
	retry(b, e->in + e->n / 2, e->n - e->n / 2, true, t);
	failed = n_left < 0;
	n_left = -1;
	batch_in_free(b);
	return failed;
}

static void
test_nomem(void)
{
	static struct text t;
	bool failed, good;
	long n, live;
	size_t i;

	for (i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		live = n_live;
		good = failed = true;
		for (n = 0; good && failed; n++) {
			failed = parse_nomem(&examples[i], n, &t);
			good = strcmp(t.p, examples[i].want) == 0;
		}
	ok(good && n > 2, "%s: %ld allocations fail",
		    examples[i].name, n - 1);
		is_u64((uint64_t)(n_live - live), 0, "and nothing is left");
	}
}

#endif

int
main(void)
{
	test_examples();
	test_bad_json();
	test_limits();
	test_fresh();
#ifndef SANITIZED
	test_nomem();
#endif
	return tap_done();
}
