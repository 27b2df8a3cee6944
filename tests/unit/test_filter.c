/*
 * test_filter.c - expressions about the frames of a small session: how many
 * of them each one chooses; and what is said of those that are wrong, and
 * where.
 */
#include <unistd.h>

#include "../../cmd/cmd.h"
#include "../../cmd/fields.h"
#include "../../cmd/filter.h"
#include "../../cmd/opt.h"
#include "../../cmd/out.h"
#include "made.h"
#include "nomem.h"
#include "tap.h"

static struct {
	const struct filter *filter;
	char types[512];	/* of those that were chosen */
} run;

static bool
on_frame(const struct seen *s, void *arg)
{
	const struct field *type = field_find("type", 4);
	struct value v;

	(void)arg;
	if (!filter_test(run.filter, s))
		return true;
	type->get(s, &v);
	strcat(run.types, run.types[0] != '\0' ? " " : "");
	strncat(run.types, v.p, v.n);
	return true;
}

static const struct seen_ops ops = { .frame = on_frame };

/* Frame n comes at n ms, less the one of the first. */
static void
session(void)
{
	memset(&made.number, 0, sizeof(made.number));
	made.now = 0;
	while ((made.to = seen_new(&ops, NULL)) == NULL)
		continue;
	event(MUX_DUMP_OPEN, "unix:a.sock");
	hellos();
	put_tag_text(0x2d, "-r");
	put_tag_text(0x2d, "a b");
	put_tag(0x21, "\0\0\4\0userann", 11);
	put_tag(0x21, "\0\0\4\0userbob", 11);
	put_tag(0x21, "\0\1\3\0keyxyz", 10);
	put_tag(0x21, "\2\0\1\0n\5\0\0\0\0\0\0\0", 13);
	put_tag_text(0x20, "get.user");
	put_text("body\n");
	c2s(REQUEST, EXT, 1);
	respond(1, 0, 3, "answer");
	start(3, "db");
	put_u32(10);
	s2c(OK, 0, 3);
	put_fill(3000);
	c2s(DATA, 0, 3);
	put_fill(66000 - 3000 - 454);
	c2s(DATA, 0, 3);
	put_bytes("x\0y", 3);
	s2c(DATA, FIN, 3);
	put_u32(16);
	put_text("gone\033[m");
	s2c(RESET, 0, 3);
	request(5, "set", "", 0);
	put_u32(4);
	put_text("no");
	s2c(ERROR, 0, 5);
	s2c(200, 4, 9);
	seen_end(made.to);
	seen_free(made.to);
	made.to = NULL;
}

static const struct {
	const char *expr, *types;
} good[] = {
	{ "type==data", "data data data" },
	{ "type == data && stream==3 && dir==c2s && len>1000 && t<8ms",
	    "data" },
	{ "method~\"get.*\"", "request response" },
	{ "method~^.et$", "request error" },
	{ "method!~user", "request error" },
	{ "call == 1", "request response" },
	{ "stream", "start ok data data data reset" },
	{ "type!=data && stream", "start ok reset" },
	{ "!(stream || call)", "event ping pong unknown" },
	{ "!stream && !call && !(type==event)", "ping pong unknown" },
	{ "fin", "data" },
	{ "fin==1", "data" },
	{ "fin!=no && type!=ping", "data" },
	{ "fin==0 && type==data", "data data" },
	{ "stream!=3", "" },
	{ "len>=3000", "data data" },
	{ "len > 61K", "data" },
	{ "id==0x3 && dir==s2c", "ok data reset" },
	{ "n==2", "request error" },
	{ "code", "reset error" },
	{ "code==16 || code_name==\"unknown method\"", "reset error" },
	{ "text~gone", "reset" },
	{ "text==\"gone\\x1b[m\"", "reset" },
	{ "text == unix:a.sock", "event" },
	{ "event==open", "event" },
	{ "arg==\"a b\"", "request" },
	{ "arg!=x", "request" },
	{ "arg!=-r", "" },
	{ "meta.user==bob", "request" },
	{ "meta.user~^a", "request" },
	{ "meta.key==\"***\"", "request" },
	{ "meta.n==5", "request" },
	{ "meta.nn", "" },
	{ "meta==n", "request" },
	{ "data==\"body\\n\"", "request" },
	{ "data~\"y$\"", "data" },
	{ "data~\"^x[^a]y\"", "data" },
	{ "exit==3", "response" },
	{ "status==3", "response" },
	{ "status==127", "error" },
	{ "done", "response reset error" },
	{ "credit", "ok" },
	{ "left<3000", "data" },
	{ "left==0", "data" },
	{ "bytes>60000", "data data reset" },
	{ "dur>4ms", "reset" },
	{ "wait", "response ok data data data reset error" },
	{ "wait==1ms && kind==call", "response error" },
	{ "gap<1s && t>0 && t<3ms", "ping pong" },
	{ "time>1000000.002 && time<=1000000.004",
	    "pong request" },
	{ "time>=1970-01-12T13:46:40.013Z", "error unknown" },
	{ "time<\"1970-01-12T13:46:40.002000001\"", "event ping" },
	{ "type_no>=64", "unknown" },
	{ "flags==4", "unknown" },
	{ "conn==1 && index<=2 && frame", "ping" },
	{ "legacy || out || cut", "" },
	{ "type==ok||type==reset&&type==data", "ok" },
	{ "((((type==ok))))", "ok" },
	{ "!!fin", "data" },
	{ "target==db&&credit", "ok" },
	{ "method~\"^(get|set)[.]?u?\"", "request response request error" },
	{ "method~\"\\.\"", "request response" },
};

static void
chooses(void)
{
	struct filter_error err;
	struct filter *f;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		f = filter_new(good[i].expr, &err);
		if (!ok(f != NULL, "%s is good", good[i].expr)) {
			printf("# %s\n", err.text);
			continue;
		}
		run.filter = f;
		run.types[0] = '\0';
		session();
		is_str(run.types, good[i].types, "%s", good[i].expr);
		filter_free(f);
	}
}

static const struct {
	const char *expr;
	size_t at;
	const char *text;
} bad[] = {
	{ "", 0, "there is nothing in it" },
	{ "  ", 2, "there is nothing in it" },
	{ "typ==data", 0, "no such field: typ (type?)" },
	{ "fin && xyzzy", 7, "no such field: xyzzy" },
	{ "type==dta", 6, "no such type: dta (data?)" },
	{ "type==\"dta\"", 6, "no such type: dta (data?)" },
	{ "dir == up", 7, "no such dir: up" },
	{ "type=data", 4, "write ==" },
	{ "fin & more", 4, "write &&" },
	{ "fin |more", 4, "write ||" },
	{ "fin more", 4, "expected && or ||" },
	{ "fin)", 3, "no ( before this )" },
	{ "(fin", 0, "a ) is missing" },
	{ "(fin more", 5, "expected && or || or )" },
	{ "fin && ", 7, "expected a field" },
	{ "&& fin", 0, "expected a field" },
	{ "len >", 5, "a value is missing behind >" },
	{ "method~(a|b)", 7, "a value is missing behind ~ (in quotes?)" },
	{ "method~\"a", 7, "a \" is missing" },
	{ "method~\"a\\", 7, "a \" is missing" },
	{ "\"fin\"", 0, "expected a field" },
	{ "len>abc", 4, "len is a number: 1000, 64K, 0x1f, not abc" },
	{ "len>0x", 4, "len is a number: 1000, 64K, 0x1f, not 0x" },
	{ "t<5m5", 2, "t is a time: 2.5s, 10ms, 2m, not 5m5" },
	{ "time<today", 5,
	    "time is a date: 2026-11-21T12:00:00, not today" },
	{ "fin==maybe", 5, "fin is 0 or 1, not maybe" },
	{ "len~1", 0, "~ is for text, and len is none: one of == != < <= > "
	    ">=" },
	{ "(method<3)", 1, "< is for numbers and times, and method is "
	    "neither: one of == != ~ !~" },
	{ "fin>0", 0, "> is for numbers and times, and fin is neither: one of "
	    "== !=" },
	{ "method~\"a{2,1}\"", 7,
	    "bad pattern: Invalid content of \\{\\}" },
	{ "method~\"((a{100}){100}){9}\"", 7,
	    "this pattern is too large, or repeats too much" },
	{ "method==\"\\q\"", 9, "\\q means nothing: one of \\\" \\\\ \\n \\t "
	    "\\r \\xHH" },
	{ "meta.==1", 0, "meta. needs a name behind it" },
	{ "len.x==1", 0, "len has no parts" },
};

static void
refuses(void)
{
	struct filter_error err;
	struct filter *f;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		f = filter_new(bad[i].expr, &err);
		if (!ok(f == NULL, "<%s> is wrong", bad[i].expr)) {
			filter_free(f);
			continue;
		}
		is_str(err.text, bad[i].text, "what it is");
		is_u64(err.at, bad[i].at, "and where");
	}
}

/* Many times `part`, between `before` and `after`. */
static char *
many(const char *before, const char *part, size_t n, const char *after)
{
	char *p = malloc(strlen(before) + n * strlen(part) + strlen(after) + 1);

	strcpy(p, before);
	for (; n > 0; n--)
		strcat(p, part);
	strcat(p, after);
	return p;
}

static void
limit(const char *before, const char *part, size_t n, const char *after,
    const char *want)
{
	char *expr = many(before, part, n, after);
	struct filter_error err = { .text = "nothing" };
	struct filter *f = filter_new(expr, &err);

	is_str(f != NULL ? "nothing" : err.text, want, "%zu times %s", n,
	    part);
	filter_free(f);
	free(expr);
}

static void
limits(void)
{
	limit("", "!", 99, "fin", "nothing");
	limit("", "!", 100, "fin", "too deep: more than 100 brackets");
	limit("", "(", 100000, "", "too deep: more than 100 brackets");
	limit("fin", "||fin", 499, "", "nothing");
	limit("fin", "||fin", 500, "", "too long: more than 500 tests");
	limit("fin", "||len==1", 500, "", "too long: more than 500 tests");
	limit("method~\"", "a+", 40, "\"", "nothing");
	limit("method~\"", "(", 120, "a\"",
	    "this pattern is too large, or repeats too much");
	limit("method~\"((((((((((((((((((a", "+)", 18, "\"",
	    "this pattern is too large, or repeats too much");
	limit("method~\"", "a", 1001, "\"",
	    "this pattern is too large, or repeats too much");
}

/* The lines of a log without their times. */
static void
read_log(const char *file, char *text, size_t size)
{
	FILE *f = fopen(file, "r");
	char line[256], *p;

	text[0] = '\0';
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if ((p = strstr(line, "muxctl:")) != NULL)
			strncat(text, p, size - strlen(text) - 1);
	if (f == NULL || fclose(f) != 0 || truncate(file, 0) != 0)
		ok(false, "the log");
}

static void
says(void)
{
	static const char *const want[] = {
		"muxctl: -f: no such type: dta (data?)\n"
		"muxctl:   fin && type==dta\n"
		"muxctl:                ^\n",
		"muxctl: -f: no such field: x\n"
		"muxctl:   ...ype==data || type==data || type==data ||x || "
		"fin && \\033 \"\\302\"\n"
		"muxctl:                                              ^\n" };
	static const char *const exprs[] = { "fin && type==dta",
		"type==data || type==data || type==data || type==data || "
		"type==data ||x || fin && \033 \"\302\"" };
	struct opt_common com = { .color = OPT_COLOR_NEVER };
	char file[] = "/tmp/test_filter.XXXXXX", text[1024];
	struct filter_error err;
	size_t i;

	close(mkstemp(file));
	com.log = file;
	out_open(&com);
	out_started();
	for (i = 0; i < 2; i++) {
		ok(filter_new(exprs[i], &err) == NULL, "wrong");
		is_u64((uint64_t)filter_say("-f", exprs[i], &err), CMD_USAGE,
		    "is a mistake of usage");
		read_log(file, text, sizeof(text));
		is_str(text, want[i], "it is said");
	}
	unlink(file);
}

#ifndef SANITIZED
static void
nomem(void)
{
	struct filter_error err;
	struct filter *f = NULL;
	long n, live = n_live;

	for (n = 0; f == NULL && n < 100000; n++) {
		n_left = n;
		f = filter_new("meta.a==\"b\" && (method~\"a(b|c)*\" || "
		    "len==5)", &err);
		n_left = -1;
	}
	ok(n > 5 && n < 100000, "%ld allocations fail", n - 1);
	filter_free(f);
	is_u64((uint64_t)(n_live - live), 0, "and nothing is left");
}
#endif

int
main(void)
{
	chooses();
	refuses();
	limits();
#ifndef SANITIZED
	nomem();
#endif
	says();
	return tap_done();
}
