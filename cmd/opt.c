/*
 * opt.c - reads options from the command line, the environment and the
 * configuration file into the struct of a verb.  The rules are in opt.h; the
 * meaning of single words is in opt_value.c.  Prints nothing except in
 * opt_parse().  Values are set in rising order of their source, so that the
 * stronger one simply comes last.
 */
#include <bsd/string.h>
#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "mux_io.h"
#include "opt.h"
#include "out.h"

#define MAX_OPTS	128
#define LOOSE		"unexpected '%s' (--%s takes its word behind '=': " \
			"--%s=%s)"

enum from { FROM_DEFAULT, FROM_FILE, FROM_ENV, FROM_WORD };

struct parse {
	const struct verb *verb;
	void *base;
	struct opt_common *com;
	struct mux_why *why;
	enum opt_kind asked;	/* OPT_HELP, ...: stop here */
	bool dry;		/* first pass: --config and --help only */
	const struct opt *bare;	/* the last one read was this, without a word */
	uint8_t from[MAX_OPTS];	/* source of what an option has now */
};

static size_t
index_of(const struct verb *verb, const struct opt *opt)
{
	const struct opt *o = NULL;
	size_t i = 0;

	while ((o = opt_next(verb, o)) != opt)
		i++;
	assert(i < MAX_OPTS);
	return i;
}

/* ---- mistakes ---- */

static int __attribute__((format(printf, 2, 3)))
wrong(struct mux_why *why, const char *fmt, ...)
{
	va_list ap;

	memset(why, 0, sizeof(*why));
	va_start(ap, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, ap);
	va_end(ap);
	return -1;
}

struct walk {
	const struct verb *verb;
	const struct opt *at;
};

static const char *
next_long(void *arg)
{
	struct walk *w = arg;

	do {
		w->at = opt_next(w->verb, w->at);
	} while (w->at != NULL && w->at->lng == NULL);
	return w->at != NULL ? w->at->lng : NULL;
}

/* Whose option is it?  "[serve] or [tunnel]", or "" if nobody's. */
static void
find_owners(const char *name, size_t len, const char *fmt, char *buf,
    size_t size)
{
	const struct verb *const *v;
	const struct opt *o;
	size_t n = 0;

	buf[0] = '\0';
	for (v = cmd_verbs; *v != NULL && n < size; v++) {
		o = opt_find(*v, name, len);
		if (o == NULL || o->group != 0)
			continue;
		n = strlcat(buf, n > 0 ? " or " : "", size);
		snprintf(buf + n, size - n, fmt, (*v)->name);
		n = strlen(buf);
	}
}

/* `where` is "" or "FILE:LINE: ", `dashes` what belongs before the name. */
static int
unknown(struct mux_why *why, const struct verb *verb, const char *where,
    const char *dashes, const char *name, size_t len)
{
	bool in_file = where[0] != '\0';
	struct walk walk = { verb, NULL };
	const char *near = NULL;
	char buf[64];

	if (len > 1)
		find_owners(name, len, in_file ? "[%s]" : "%s", buf,
		    sizeof(buf));
	if (len > 1 && buf[0] != '\0')
		return wrong(why, "%sunknown option '%s%.*s' (it belongs "
		    "%s %s)", where, dashes, (int)len, name,
		    in_file ? "below" : "to", buf);
	if (len > 1 && len < sizeof(buf)) {
		strlcpy(buf, name, len + 1);
		near = opt_nearest(buf, next_long, &walk);
	}
	if (near != NULL)
		return wrong(why, "%sunknown option '%s%.*s' (did you mean "
		    "'%s%s'?)", where, dashes, (int)len, name, dashes, near);
	return wrong(why, "%sunknown option '%s%.*s' (see muxctl %s%s-h)",
	    where, dashes, (int)len, name,
	    verb->name != NULL ? verb->name : "",
	    verb->name != NULL ? " " : "");
}

/* ---- values ---- */

static void *
field_of(const struct parse *p, const struct opt *o)
{
	char *base = o->group != 0 ? (void *)p->com : p->base;

	return base + o->offset;
}

/* A stronger source starts counters and lists afresh. */
static void
outrank(struct parse *p, const struct opt *o, enum from from)
{
	uint8_t *now = &p->from[index_of(p->verb, o)];

	if (from <= *now)
		return;
	*now = (uint8_t)from;
	if (o->kind == OPT_COUNTER)
		*(int *)field_of(p, o) = 0;
	if (o->kind == OPT_LIST && !(o->flags & OPT_ADD))
		opt_list_drop(field_of(p, o), o);
}

/* `where` names the option as the user wrote it. */
static int
set(struct parse *p, const struct opt *o, const char *word,
    const char *where, enum from from)
{
	char want[100];

	if (o->kind >= OPT_HELP) {
		p->asked = o->kind;
		return 0;
	}
	if (p->dry && strcmp(o->lng, "config") != 0)
		return 0;
	p->bare = word == NULL && o->argname != NULL ? o : NULL;
	if (p->bare != NULL)
		word = o->bare;
	outrank(p, o, from);
	if (opt_store(o, word, where, field_of(p, o), want,
	    sizeof(want)) == 0) {
		if (field_of(p, o) == &p->com->timeout)
			p->com->timeout_from = opt_keep(where);
		return 0;
	}
	return wrong(p->why, "%s '%s': expected %s", where,
	    word != NULL ? word : "", want);
}

/* ---- the command line ---- */

/* argv[*i] is "--name" or "--name=word". */
static int
scan_long(struct parse *p, char **argv, int *i)
{
	const char *name = argv[*i] + 2, *word = NULL;
	size_t len = strcspn(name, "=");
	const struct opt *o = opt_find(p->verb, name, len);
	char where[64];

	if (o == NULL)
		return unknown(p->why, p->verb, "", "--", name, len);
	snprintf(where, sizeof(where), "--%s", o->lng);
	if (name[len] == '=') {
		word = name + len + 1;
		if (o->argname == NULL)
			return wrong(p->why, "%s takes no word, got '%s'",
			    where, word);
	} else if (o->argname != NULL && o->bare == NULL) {
		word = argv[*i + 1];
		if (word == NULL)
			return wrong(p->why, "%s: expected a word after it: %s",
			    where, o->argname);
		++*i;
	}
	return set(p, o, word, where, FROM_WORD);
}

/* argv[*i] is "-abc": options, the last of which may take the rest. */
static int
scan_short(struct parse *p, char **argv, int *i)
{
	const char *c, *word;
	const struct opt *o;
	char where[3] = "-?";

	for (c = argv[*i] + 1; *c != '\0' && p->asked == OPT_END; c++) {
		o = opt_find_short(p->verb, *c);
		if (o == NULL)
			return unknown(p->why, p->verb, "", "-", c, 1);
		where[1] = *c;
		if (o->argname == NULL || o->bare != NULL) {
			if (set(p, o, NULL, where, FROM_WORD) != 0)
				return -1;
			continue;
		}
		word = c[1] != '\0' ? c + 1 : argv[++*i];
		if (word == NULL)
			return wrong(p->why, "%s: expected a word after it: %s",
			    where, o->argname);
		return set(p, o, word, where, FROM_WORD);
	}
	return 0;
}

/* A word that only chance put behind an option?  A duration is none: who says
 * --wait 5s METHOD wants no method of the name 5s. */
static int
first_word(struct parse *p, const char *word, struct opt_rest *rest)
{
	uint64_t ns;

	if (rest->dashes)
		return 0;
	rest->loose = p->bare;
	if (p->bare == NULL || p->bare->kind != OPT_DURATION ||
	    opt_duration(word, &ns) != 0)
		return 0;
	return wrong(p->why, LOOSE, word, p->bare->lng, p->bare->lng, word);
}

/*
 * One pass over the words.  The dry one looks for --config and --help and
 * finds words that are no options of this verb; it moves nothing.
 */
static int
scan(struct parse *p, int argc, char **argv, struct opt_rest *rest)
{
	int i, n = 0, r;

	p->bare = NULL;
	for (i = 1; i < argc && p->asked == OPT_END; i++) {
		if (!rest->dashes && n <= p->verb->mixed &&
		    argv[i][0] == '-' && argv[i][1] != '\0') {
			if (strcmp(argv[i], "--") == 0) {
				rest->dashes = true;
				rest->n_before = n;
				continue;
			}
			r = argv[i][1] == '-' ? scan_long(p, argv, &i) :
			    scan_short(p, argv, &i);
			if (r != 0)
				return -1;
			continue;
		}
		if (n++ == 0 && first_word(p, argv[i], rest) != 0)
			return -1;
		if (!p->dry)
			argv[n] = argv[i];
	}
	rest->argc = n;
	rest->argv = argc > 0 ? argv + 1 : argv;
	if (!rest->dashes)
		rest->n_before = n;
	if (!p->dry && argc > 0)
		argv[n + 1] = NULL;
	return 0;
}

/* ---- environment and file ---- */

static int
read_env(struct parse *p)
{
	const struct opt *o = NULL;
	const char *word;

	while ((o = opt_next(p->verb, o)) != NULL) {
		word = o->env != NULL ? getenv(o->env) : NULL;
		if (word != NULL && word[0] != '\0' &&
		    set(p, o, word, o->env, FROM_ENV) != 0)
			return -1;
	}
	return 0;
}

static const char *
next_verb(void *arg)
{
	const struct verb *const **v = arg;

	return **v != NULL ? (*(*v)++)->name : NULL;
}

static const struct verb *
find_section(const char *name, const char *where, struct mux_why *why)
{
	const struct verb *const *v;
	const char *near;

	for (v = cmd_verbs; *v != NULL; v++)
		if (strcmp((*v)->name, name) == 0)
			return *v;
	v = cmd_verbs;
	near = opt_nearest(name, next_verb, &v);
	if (near != NULL)
		wrong(why, "%s: unknown section '[%s]' (did you mean "
		    "'[%s]'?)", where, name, near);
	else
		wrong(why, "%s: unknown section '[%s]': expected the name of "
		    "a verb", where, name);
	return NULL;
}

/* What the lines before the first section may hold. */
static const struct verb verb_any = {
	.common = COMMON_LOG | COMMON_DIAL | COMMON_TIMEOUT | COMMON_SERVICE
};

/* A word like no is not the name of a file; that would be ./no. */
static int
switch_bare(struct parse *p, const struct opt *o, bool on, const char *at)
{
	if (on)
		return set(p, o, NULL, at, FROM_FILE);
	outrank(p, o, FROM_FILE);
	if (!p->dry)
		opt_unset(o, field_of(p, o));
	return 0;
}

static int
file_line(const char *section, const char *name, const char *word,
    const char *where, void *arg, struct mux_why *why)
{
	struct parse *p = arg;
	const struct verb *verb = &verb_any;
	const struct opt *o;
	char at[300];
	bool on;

	if (section != NULL &&
	    (verb = find_section(section, where, why)) == NULL)
		return -1;
	if (name == NULL)
		return 0;
	snprintf(at, sizeof(at), "%s: ", where);
	o = opt_find(verb, name, strlen(name));
	if (o == NULL)
		return unknown(why, verb, at, "", name, strlen(name));
	snprintf(at, sizeof(at), "%s: %s", where, name);
	if (o->kind >= OPT_HELP || strcmp(name, "config") == 0)
		return wrong(why, "%s cannot be set in a file", at);
	if (word == NULL && o->argname != NULL && o->bare == NULL)
		return wrong(why, "%s: expected a word after it: %s", at,
		    o->argname);
	/* Checked, but meant for another verb. */
	if (opt_find(p->verb, name, strlen(name)) != o)
		return 0;
	if (word != NULL && o->bare != NULL && opt_switch(word, &on) == 0)
		return switch_bare(p, o, on, at);
	if (word != NULL && (word = opt_keep(word)) == NULL)
		return wrong(why, "%s: out of memory", at);
	return set(p, o, word, at, FROM_FILE);
}

/* The default file may be missing, but that is worth knowing. */
static int
read_default(struct parse *p)
{
	int r = opt_file(NULL, file_line, p, p->why);

	p->com->config_read = r == 0;
	return r == OPT_NO_FILE ? 0 : r;
}

static int
read_file(struct parse *p)
{
	const char *path = p->com->config;

	if (!(p->verb->common & COMMON_LOG))
		return 0;
	if (path == NULL)
		path = getenv("MUXCTL_CONFIG");
	if (path == NULL || path[0] == '\0')
		return read_default(p);
	if (strcmp(path, "none") == 0)
		return 0;
	return opt_file(path, file_line, p, p->why);
}

/* ---- all of it ---- */

int
opt_read(const struct verb *verb, int argc, char **argv, void *verb_opts,
    struct opt_common *com, struct opt_rest *rest, enum opt_kind *asked,
    struct mux_why *why)
{
	struct parse p = {
		.verb = verb, .base = verb_opts, .com = com, .why = why,
		.asked = OPT_END, .dry = true
	};

	memset(com, 0, sizeof(*com));
	com->timeout = OPT_UNSET;
	com->wait = OPT_UNSET;
	com->ready_fd = -1;
	memset(rest, 0, sizeof(*rest));
	if (scan(&p, argc, argv, rest) != 0)
		return -1;
	*asked = p.asked;
	if (p.asked != OPT_END)
		return 1;
	p.dry = false;
	memset(rest, 0, sizeof(*rest));
	if (read_file(&p) != 0 || read_env(&p) != 0)
		return -1;
	return scan(&p, argc, argv, rest);
}

int
opt_parse(const struct verb *verb, int argc, char **argv, void *verb_opts,
    struct opt_common *com, struct opt_rest *rest)
{
	enum opt_kind asked;
	struct mux_why why;
	int r;

	out_verb(verb->name);
	r = opt_read(verb, argc, argv, verb_opts, com, rest, &asked, &why);
	if (r < 0)
		return say_exit(CMD_USAGE, "%s", why.text);
	if (r == 0) {
		r = out_open(com);
		return r != 0 ? r : -1;
	}
	if (asked == OPT_HELP)
		opt_help(verb, stdout);
	else if (asked == OPT_COMPLETE)
		opt_complete(verb, stdout);
	else
		printf("muxctl %s\n", MUX_VERSION);
	return CMD_OK;
}

int
opt_unexpected(const struct opt_rest *rest, const char *hint)
{
	const char *word = rest->argv[0];

	if (rest->loose == NULL)
		return say_exit(CMD_USAGE, "unexpected '%s'%s", word, hint);
	return say_exit(CMD_USAGE, LOOSE, word, rest->loose->lng,
	    rest->loose->lng, word);
}
