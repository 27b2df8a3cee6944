/*
 * opt.h - options.  One table per verb is the only place where its options
 * are written down: parsing, -h, --complete, environment and configuration
 * file all read it.
 *
 * Words.  An option takes no word or exactly one.  A long option takes it as
 * the next word or behind '=', a short one as the rest of its word or as the
 * next word; short options may be bundled.  An option whose word may be left
 * out (`bare` below) takes it behind '=' only, and never in its short form.
 * Long names are not abbreviated.  "--" ends the options.
 *
 * Where a value comes from: the command line wins over the environment, that
 * over the configuration file, that over the default, which is whatever the
 * verb put into its struct beforehand.  Of several values from the same place
 * the last one counts.  Lists keep all of theirs, in order; the command line
 * replaces what the file said for the same option, except where OPT_ADD is
 * set (targets and rules: dropping a --deny-target without notice would be
 * worse than having one too many): there it comes after.
 *
 * The configuration file:
 *
 *	# a comment, on a line of its own
 *	log = /var/log/muxctl		options of every verb come first
 *	[serve]				then those of one
 *	target db=tcp:127.0.0.1:5432	"name value" or "name = value"
 *	once				a flag; or "once = no"
 *	background			as --background; or "background = no"
 *
 * The value is the rest of the line as it stands, without outer blanks.  Where
 * it may be left out, yes, true and on stand for that, and no, false and off
 * for the option not being there.
 * Every section is checked, whichever verb runs.  It is looked for at
 * $XDG_CONFIG_HOME/muxctl/config, and must then belong to the user or root
 * and not be writable by others; or it is named with --config or
 * MUXCTL_CONFIG, where "none" means none.
 */
#ifndef OPT_H
#define OPT_H

#include <bsd/sys/queue.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct mux_why;
struct opt;

/* A number or a duration that nobody gave, where the verb wants to know. */
#define OPT_UNSET	UINT64_MAX

enum opt_kind {			/* the field at `offset` is a ... */
	OPT_END,		/* (ends the table) */
	OPT_GROUP,		/* (a heading in -h: `help`) */
	OPT_FLAG,		/* bool */
	OPT_COUNTER,		/* int, one more each time */
	OPT_STRING,		/* const char * */
	OPT_DURATION,		/* uint64_t, nanoseconds; 0 = disabled */
	OPT_SIZE,		/* uint64_t; K M G are powers of 1024 */
	OPT_NUMBER,		/* int64_t */
	OPT_ENUM,		/* int, index into argname split at '|' */
	OPT_LIST,		/* struct opt_list; options may share one */
	OPT_HELP,		/* (-h, --version, --complete: no field) */
	OPT_VERSION,
	OPT_COMPLETE
};

#define OPT_ADD		1u	/* list: the command line adds to the file */

struct opt {
	const char *lng;
	char shrt;		/* 0 = none */
	enum opt_kind kind;
	const char *argname;	/* NULL = takes no word; enum: "auto|never" */
	const char *help;	/* lower case, no full stop */
	size_t offset;
	unsigned flags;
	unsigned group;		/* common options only: COMMON_* */
	int64_t min, max;	/* of numbers and sizes; max 0 = no bound */
	const char *env;	/* variable that also sets it; "" = unset */
	/* Stands for a word that is left out.  Without the option its field
	 * is NULL or, if it is a number, OPT_UNSET. */
	const char *bare;
};

/* Rows: { OPT_ROW("name", 'n', OPT_STRING, "WORD", "what it is for",
 * offsetof(struct my_opts, name)), .env = "NAME" }, and so on. */
#define OPT_ROW(l, s, k, arg, text, off) \
	.lng = (l), .shrt = (s), .kind = (k), .argname = (arg), \
	.help = (text), .offset = (off)
#define OPT_HEADING(text)	{ .kind = OPT_GROUP, .help = (text) }
#define OPT_LAST		{ .kind = OPT_END }

/* Start with STAILQ_INIT(&list.head), walk with STAILQ_FOREACH(). */
struct opt_item {
	STAILQ_ENTRY(opt_item) next;
	const struct opt *opt;	/* whose it is, when options share a list */
	const char *word;
	const char *where;	/* for messages: "-L", "config:12: local" */
};

struct opt_list {
	STAILQ_HEAD(, opt_item) head;
	size_t n;
};

/*
 * Options that mean the same in every verb.  -h, --version and --complete
 * belong to all; a verb asks for the others by group.
 */
#define COMMON_LOG	1u	/* -q -v --log --log-format --color --config */
#define COMMON_DIAL	2u	/* -a --wait */
#define COMMON_TIMEOUT	4u	/* -t */
#define COMMON_SERVICE	8u	/* --print-addr .. --die-with-parent */

enum opt_log_format { OPT_LOG_TEXT, OPT_LOG_JSON };
enum opt_color { OPT_COLOR_AUTO, OPT_COLOR_ALWAYS, OPT_COLOR_NEVER };

struct opt_common {
	bool quiet;
	int verbose;
	const char *log;	/* NULL, a file, "syslog", "journal" */
	int log_format;
	int color;
	const char *config;	/* NULL, a file, "none" */
	bool config_read;	/* there was a file in the default place */
	const char *addr;	/* -a; NULL = the default socket */
	uint64_t wait;		/* OPT_UNSET = do not wait */
	uint64_t timeout;	/* OPT_UNSET = not given, 0 = none */
	const char *timeout_from;	/* "-t", "MUXCTL_TIMEOUT", ... */
	const char *print_addr;	/* NULL, "" (stdout), a file, "fd:N" */
	int64_t ready_fd;	/* -1 = none */
	const char *background;	/* NULL, "" (no pidfile), a pidfile */
	int64_t die_with;	/* 0 = none */
	bool die_with_parent;
};

struct verb {
	const char *name;	/* NULL: muxctl itself */
	int (*main)(int argc, char **argv);	/* argv[0] is the verb */
	const char *synopsis;	/* lines, each without the leading "muxctl" */
	const char *about;	/* one line, lower case, no full stop */
	const struct opt *opts;	/* up to OPT_END; NULL = none */
	unsigned common;	/* COMMON_* */
	/*
	 * After how many plain words options are still recognised: 0 = the
	 * first plain word ends them, 1 = the second, INT_MAX = none does.
	 */
	int mixed;
	bool on_verbs;		/* its plain words are names of verbs */
};

/* The plain words.  argv ends with NULL. */
struct opt_rest {
	int argc;
	char **argv;
	int n_before;		/* how many of them came before "--" */
	bool dashes;		/* there was a "--" */
	/* The first word stands right behind this option, which takes its
	 * word behind '=' only; else NULL. */
	const struct opt *loose;
};

/*
 * Parses argv[1..] into the verb's struct (may be NULL) and *com, which gets
 * its defaults first.  The words of options stay where they are; the plain
 * words are moved together inside argv.  Strings live as long as the process.
 * On success the sink of out.h is open as the options say.
 *
 * -1: go on.  Else the exit status: help, or a mistake that has been said.
 */
int opt_parse(const struct verb *, int argc, char **argv, void *verb_opts,
    struct opt_common *com, struct opt_rest *rest);

/*
 * The same without saying or opening anything: 0 go on, 1 help (or version,
 * or completion: *asked) was asked for, -1 a mistake (*why).
 */
int opt_read(const struct verb *, int argc, char **argv, void *verb_opts,
    struct opt_common *com, struct opt_rest *rest, enum opt_kind *asked,
    struct mux_why *why);

/* The first plain word has no business there: says so, and why it may have got
 * there (else `hint`, "" or " (TEXT)").  Gives CMD_USAGE. */
int opt_unexpected(const struct opt_rest *, const char *hint);

/* The verb's options, then the common ones it asked for; from NULL to NULL. */
const struct opt *opt_next(const struct verb *, const struct opt *prev);

void opt_help(const struct verb *, FILE *);
/* A line "--long<TAB>-s<TAB>ARG<TAB>help" per option; ARG is "[=ARG]" where
 * it may be left out.  Where verbs may stand, "verb<TAB><TAB><TAB>about". */
void opt_complete(const struct verb *, FILE *);

/* By name, or NULL; `name` need not end after len. */
const struct opt *opt_find(const struct verb *, const char *name, size_t len);
const struct opt *opt_find_short(const struct verb *, char c);

/* The candidate nearest to `word`, if it is near enough for "did you mean",
 * else NULL.  next() gives one after the other, NULL at the end. */
const char *opt_nearest(const char *word, const char *(*next)(void *arg),
    void *arg);

/*
 * A configuration file, line by line.  path NULL: the default place, where
 * it may be missing but not be in the hands of others.  In cb, `section` is
 * NULL before the first header and `name` NULL for the header itself; `word`
 * is NULL if there was none, `where` is "FILE:LINE".  0; or -1, from here or
 * from cb, and *why is set; or OPT_NO_FILE: there is none in the default
 * place.
 */
#define OPT_NO_FILE	1
typedef int opt_line_cb(const char *section, const char *name,
    const char *word, const char *where, void *arg, struct mux_why *why);
int opt_file(const char *path, opt_line_cb *, void *arg, struct mux_why *);

/* "within the 1 s of -t (-t 0: no limit)"; of a limit that was given. */
#define OPT_WITHIN	400
void opt_within(const struct opt_common *, char buf[OPT_WITHIN]);

/* The kinds by themselves: 0, or -1 and nothing is touched. */
int opt_duration(const char *word, uint64_t *ns);
int opt_size(const char *word, uint64_t *size);
int opt_number(const char *word, int64_t min, int64_t max, int64_t *out);

/* Stores a word (NULL = none) as the kind says.  0; or -1 and what would have
 * been right in `want`. */
int opt_store(const struct opt *, const char *word, const char *where,
    void *field, char *want, size_t size);
/* As if the option, whose word may be left out, had not been there at all. */
void opt_unset(const struct opt *, void *field);
/* Does the word turn a thing on or off?  0 and *on, or -1. */
int opt_switch(const char *word, bool *on);
/* Takes the items of one option out of a list. */
void opt_list_drop(struct opt_list *, const struct opt *);
/* A copy that lives as long as the process; NULL = no memory. */
char *opt_keep(const char *text);
/* Unless it was only for a look: frees what was kept since opt_mark(). */
void *opt_mark(void);
void opt_forget(void *mark);

#endif
