/*
 * test_opt.c - options: words, kinds, sources and their order, and what is
 * said about mistakes.  Knows two made-up verbs; files are written to a
 * directory of its own.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../cmd/cmd.h"
#include "../../cmd/opt.h"
#include "mux_io.h"
#include "tap.h"

#define MAX_WORDS	16

struct made_up {
	bool once;
	int depth;
	const char *name;
	uint64_t grace;
	uint64_t memory;
	int64_t jobs;
	int mode;
	struct opt_list specs;
	struct opt_list rules;
	const char *pidfile;
};

#define O(field)	offsetof(struct made_up, field)

static const struct opt opts[] = {
	OPT_HEADING("Things"),
	{ OPT_ROW("once", 'o', OPT_FLAG, NULL, "h", O(once)) },
	{ OPT_ROW("depth", 'd', OPT_COUNTER, NULL, "h", O(depth)) },
	{ OPT_ROW("name", 'n', OPT_STRING, "WORD", "h", O(name)),
	    .env = "TEST_OPT_NAME" },
	{ OPT_ROW("grace", 'g', OPT_DURATION, "D", "h", O(grace)),
	    .bare = "10s" },
	{ OPT_ROW("memory", 0, OPT_SIZE, "SIZE", "h", O(memory)), .min = 4096,
	    .max = 1 << 30 },
	{ OPT_ROW("jobs", 'j', OPT_NUMBER, "N", "h", O(jobs)), .min = 1,
	    .max = 64 },
	{ OPT_ROW("mode", 0, OPT_ENUM, "slow|fast|faster", "h", O(mode)) },
	{ OPT_ROW("local", 'L', OPT_LIST, "SPEC", "h", O(specs)) },
	{ OPT_ROW("remote", 'R', OPT_LIST, "SPEC", "h", O(specs)) },
	{ OPT_ROW("deny-target", 0, OPT_LIST, "RULE", "h", O(rules)),
	    .flags = OPT_ADD },
	{ OPT_ROW("pidfile", 0, OPT_STRING, "FILE", "h", O(pidfile)),
	    .bare = "" },
	OPT_LAST
};

static const struct verb verb_made = {
	.name = "made", .opts = opts, .synopsis = "made [opts]",
	.about = "a verb for tests", .common = COMMON_LOG | COMMON_TIMEOUT
};

static const struct opt other_opts[] = {
	{ OPT_ROW("colour", 0, OPT_STRING, "NAME", "h", 0) },
	OPT_LAST
};

static const struct verb verb_other = {
	.name = "other", .opts = other_opts, .synopsis = "other",
	.about = "another verb", .mixed = INT_MAX
};

const struct verb *const cmd_verbs[] = { &verb_made, &verb_other, NULL };

/* What one run of the parser gave. */
static struct made_up made;
static struct opt_common com;
static struct opt_rest rest;
static enum opt_kind asked;
static struct mux_why why;
static char config[PATH_MAX];

/* "verb word word ..." split at blanks, in memory that stays. */
static int
parse_as(const struct verb *verb, const char *line)
{
	static char buf[1024];
	static char *argv[MAX_WORDS];
	int argc = 0;
	char *p;

	snprintf(buf, sizeof(buf), "%s", line);
	for (p = strtok(buf, " "); p != NULL && argc < MAX_WORDS - 1;
	    p = strtok(NULL, " "))
		argv[argc++] = p;
	argv[argc] = NULL;
	memset(&made, 0, sizeof(made));
	STAILQ_INIT(&made.specs.head);
	STAILQ_INIT(&made.rules.head);
	made.grace = OPT_UNSET;
	memset(&why, 0, sizeof(why));
	return opt_read(verb, argc, argv, &made, &com, &rest, &asked, &why);
}

static int
parse(const char *line)
{
	return parse_as(&verb_made, line);
}

/* All items as "-X word;". */
static const char *
items(const struct opt_list *list)
{
	static char buf[512];
	const struct opt_item *i;
	size_t n = 0, len = 0;

	buf[0] = '\0';
	STAILQ_FOREACH(i, &list->head, next) {
		len += (size_t)snprintf(buf + len, sizeof(buf) - len,
		    "%s %s;", i->where, i->word);
		n++;
	}
	return n == list->n ? buf : "(wrong count)";
}

static const char *
words(void)
{
	static char buf[512];
	size_t len = 0;
	int i;

	buf[0] = '\0';
	for (i = 0; i < rest.argc; i++)
		len += (size_t)snprintf(buf + len, sizeof(buf) - len, "%s;",
		    rest.argv[i]);
	return rest.argv[rest.argc] == NULL ? buf : "(no end)";
}

static void
write_config(const char *text)
{
	FILE *f = fopen(config, "w");

	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0) {
		perror(config);
		exit(1);
	}
	chmod(config, 0600);
}

/* ---- words ---- */

static void
test_durations(void)
{
	static const struct {
		const char *word;
		uint64_t ns;
	} good[] = {
		{ "0", 0 }, { "0s", 0 }, { "5", 5000000000 },
		{ "7ns", 7 }, { "1.5us", 1500 },
		{ "250ms", 250000000 }, { "5s", 5000000000 },
		{ "2m", 120000000000 }, { "1h", 3600000000000 },
		{ "1.5", 1500000000 }, { "0.25s", 250000000 },
		{ "1.5ms", 1500000 }, { "0.0000000001", 0 },
		{ "9223372036s", 9223372036000000000 },
		{ "9223372036.854775807s", INT64_MAX }
	};
	static const char *const bad[] = {
		"", "s", "ms", "-1", "+1", " 1", "1 ", "1 s", "1d", "1S",
		"0x10", "1e3", ".5", "1.", "1.s", "1s2", "9223372037",
		"9223372036.854775808", "18446744074",
		"18446744073.709551615", "99999999999999999999999"
	};
	uint64_t v;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		v = 1;
		ok(opt_duration(good[i].word, &v) == 0 && v == good[i].ns,
		    "duration '%s'", good[i].word);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		v = 7;
		ok(opt_duration(bad[i], &v) == -1 && v == 7,
		    "no duration: '%s'", bad[i]);
	}
}

static void
test_sizes(void)
{
	static const struct {
		const char *word;
		uint64_t size;
	} good[] = {
		{ "0", 0 }, { "1", 1 }, { "10", 10 }, { "64K", 65536 },
		{ "64k", 65536 }, { "4M", 4194304 }, { "1G", 1073741824 },
		{ "2T", UINT64_C(2) << 40 }
	};
	static const char *const bad[] = {
		"", "K", "-1", "+1", " 1", "1 ", "010", "0x10", "4MB", "4X",
		"1.5M", "64K ", "99999999999999999999", "99999999999T"
	};
	uint64_t v;
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		v = 1;
		ok(opt_size(good[i].word, &v) == 0 && v == good[i].size,
		    "size '%s'", good[i].word);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		v = 7;
		ok(opt_size(bad[i], &v) == -1 && v == 7, "no size: '%s'",
		    bad[i]);
	}
}

static void
test_numbers(void)
{
	static const char *const bad[] = {
		"", "-", " 5", "+5", "5 ", "0x5", "65", "0", "5.0",
		"99999999999999999999"
	};
	int64_t v = 0;
	size_t i;

	ok(opt_number("64", 1, 64, &v) == 0 && v == 64, "the largest");
	ok(opt_number("-3", -4, 4, &v) == 0 && v == -3, "below zero");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		v = 7;
		ok(opt_number(bad[i], 1, 64, &v) == -1 && v == 7,
		    "not from 1 to 64: '%s'", bad[i]);
	}
}

/* ---- the command line ---- */

static void
test_forms(void)
{
	ok(parse("made --name=a --grace=5s --jobs 7") == 0, "long forms");
	is_str(made.name, "a", "word behind '='");
	is_u64(made.grace, 5000000000, "word that may be left out");
	is_u64((uint64_t)made.jobs, 7, "next word");
	ok(parse("made --name= --grace") == 0, "empty words");
	is_str(made.name, "", "empty after '='");
	is_u64(made.grace, 10000000000, "left out");
	ok(parse("made -ddo -nx -j 9 -gd") == 0, "short forms");
	is_u64((uint64_t)made.depth, 3, "bundled; -g takes no word");
	ok(made.once && made.jobs == 9, "flag and number");
	is_str(made.name, "x", "the rest of the word");
	is_u64(made.grace, 10000000000, "-g is --grace left out");
	ok(parse("made -n -o --mode faster -n=x --memory 64K") == 0,
	    "words like options");
	is_str(made.name, "=x", "the last one counts, and getopt's '='");
	ok(!made.once, "the word of -n is no option");
	is_u64((uint64_t)made.mode, 2, "enum");
	is_u64(made.memory, 65536, "size");
	ok(parse("made") == 0 && rest.argc == 0 && com.timeout == OPT_UNSET &&
	    com.ready_fd == -1 && made.grace == OPT_UNSET, "nothing");
}

static void
test_rest(void)
{
	ok(parse("made -o a -o b") == 0 && made.once, "a word ends them");
	is_str(words(), "a;-o;b;", "and the rest stays as it is");
	ok(parse("made -o - -o") == 0, "a lone dash is a word");
	is_str(words(), "-;-o;", "dash");
	ok(parse("made -d -- -d --x") == 0 && made.depth == 1, "dashes");
	is_str(words(), "-d;--x;", "after dashes");
	ok(rest.dashes && rest.n_before == 0, "all of them behind");
	ok(parse_as(&verb_other, "other a --colour red b -- --c --") == 0,
	    "mixed");
	is_str(words(), "a;b;--c;--;", "plain words together");
	ok(rest.dashes && rest.n_before == 2, "two of them before");
}

static void
test_mixed_once(void)
{
	struct verb call = verb_made;

	call.mixed = 1;
	ok(parse_as(&call, "call -d METHOD -d arg -d --") == 0, "like call");
	is_u64((uint64_t)made.depth, 2, "options up to the second word");
	is_str(words(), "METHOD;arg;-d;--;", "from there verbatim");
	ok(!rest.dashes && rest.n_before == 4, "dashes among them too");
}

static void
test_lists(void)
{
	ok(parse("made -L a --remote b -L c --deny-target=d") == 0, "lists");
	is_str(items(&made.specs), "-L a;--remote b;-L c;",
	    "order across options");
	is_str(items(&made.rules), "--deny-target d;", "a list apart");
}

static void
test_mistakes(void)
{
	static const struct {
		const char *line, *text;
	} bad[] = {
		{ "made --nmae x", "unknown option '--nmae' (did you mean "
		    "'--name'?)" },
		{ "made --jbos=3", "unknown option '--jbos' (did you mean "
		    "'--jobs'?)" },
		{ "made --nam x", "unknown option '--nam' (did you mean "
		    "'--name'?)" },
		{ "made --deny x", "unknown option '--deny' (see muxctl made "
		    "-h)" },
		{ "made --zzzzzz", "unknown option '--zzzzzz' (see muxctl "
		    "made -h)" },
		{ "made -dz", "unknown option '-z' (see muxctl made -h)" },
		{ "made --=x", "unknown option '--' (see muxctl made -h)" },
		{ "made --once=1", "--once takes no word, got '1'" },
		{ "made --name", "--name: expected a word after it: WORD" },
		{ "made -dn", "-n: expected a word after it: WORD" },
		{ "made --jobs 65", "--jobs '65': expected a number from 1 to "
		    "64" },
		{ "made -j0", "-j '0': expected a number from 1 to 64" },
		{ "made --memory=1K", "--memory '1K': expected a size from "
		    "4096 to 1073741824 (bytes, or 64K, 4M, 1G)" },
		{ "made --grace=x", "--grace 'x': expected a duration "
		    "(250ms, 5s, 2m, 1h, or seconds)" },
		{ "made --mode fas", "--mode 'fas': expected one of "
		    "slow|fast|faster" },
		{ "made --mode slow|fast", "--mode 'slow|fast': expected one "
		    "of slow|fast|faster" },
		{ "made --colour red", "unknown option '--colour' (it "
		    "belongs to other)" },
		{ "made --ready-fd 3", "unknown option '--ready-fd' (see "
		    "muxctl made -h)" }
	};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ok(parse(bad[i].line) == -1, "mistake: %s", bad[i].line);
		is_str(why.text, bad[i].text, "what is said");
	}
}

static void
test_asked(void)
{
	ok(parse("made -dh --nonsense") == 1 && asked == OPT_HELP,
	    "-h wins over what follows");
	ok(parse("made --version") == 1 && asked == OPT_VERSION, "version");
	ok(parse("made --complete -h") == 1 && asked == OPT_COMPLETE,
	    "the first one counts");
	ok(parse("made -n -h") == 0, "not as a word");
	ok(parse("made -- -h") == 0, "not behind dashes");
}

/* ---- environment and file ---- */

static void
test_env(void)
{
	setenv("TEST_OPT_NAME", "env", 1);
	setenv("MUXCTL_TIMEOUT", "3s", 1);
	ok(parse("made") == 0, "environment");
	is_str(made.name, "env", "is taken");
	is_u64(com.timeout, 3000000000, "also for common options");
	ok(parse("made -n flag -t 0") == 0 && com.timeout == 0, "flags");
	is_str(made.name, "flag", "win");
	setenv("TEST_OPT_NAME", "", 1);
	ok(parse("made") == 0 && made.name == NULL, "empty is unset");
	setenv("MUXCTL_TIMEOUT", "soon", 1);
	ok(parse("made") == -1, "a mistake there");
	is_str(why.text, "MUXCTL_TIMEOUT 'soon': expected a duration (250ms, "
	    "5s, 2m, 1h, or seconds)", "names the variable");
	unsetenv("MUXCTL_TIMEOUT");
	unsetenv("TEST_OPT_NAME");
}

static void
test_file(void)
{
	char line[3 * PATH_MAX + 64];

	write_config("# comment\n"
	    "\n"
	    "timeout = 9s\n"
	    "verbose\n"
	    "verbose\n"
	    "print-addr = x\n"		/* not an option of this verb */
	    "[other]\n"
	    "colour red\n"
	    "[made]\r\n"
	    "  name =  two  words # no comment  \r\n"
	    "\tonce\n"
	    "depth 4\n"
	    "local a=b\n"
	    "local = c\n"
	    "remote = =d\n"
	    "deny-target e\n"
	    "grace");
	ok(parse("made") == 0, "a file: %s", why.text);
	is_str(made.name, "two  words # no comment", "the rest of the line");
	is_u64(com.timeout, 9000000000, "before the first section");
	ok(com.verbose == 2 && made.once && made.depth == 4, "no words");
	is_u64(made.grace, 10000000000, "left out, and no newline");
	snprintf(line, sizeof(line), "%s:13: local a=b;%s:14: local c;"
	    "%s:15: remote =d;", config, config, config);
	is_str(items(&made.specs), line, "lists, and where it came from");
	setenv("TEST_OPT_NAME", "env", 1);
	ok(parse("made -L x -d --deny-target f -v") == 0, "with flags");
	is_str(made.name, "env", "environment wins over the file");
	unsetenv("TEST_OPT_NAME");
	ok(made.depth == 1 && com.verbose == 1, "counters start afresh");
	snprintf(line, sizeof(line), "%s:15: remote =d;-L x;", config);
	is_str(items(&made.specs), line, "lists are replaced per option");
	snprintf(line, sizeof(line), "%s:16: deny-target e;--deny-target f;",
	    config);
	is_str(items(&made.rules), line, "rules are added");
	ok(parse("made --config none") == 0 && made.name == NULL, "none");
	setenv("MUXCTL_CONFIG", "none", 1);
	ok(parse("made") == 0 && made.name == NULL, "none by environment");
	snprintf(line, sizeof(line), "made --config %s", config);
	ok(parse(line) == 0 && made.name != NULL, "the flag wins");
	unsetenv("MUXCTL_CONFIG");
	write_config("[made]\nonce = no\n");
	ok(parse("made") == 0 && !made.once, "a flag can be off");
}

static void
test_file_mistakes(void)
{
	static const struct {
		const char *file, *text;
	} bad[] = {
		{ "[made]\nnmae x\n", ":2: unknown option 'nmae' (did you "
		    "mean 'name'?)" },
		{ "[other]\nname x\n", ":2: unknown option 'name' (it belongs "
		    "below [made])" },
		{ "name x\n", ":1: unknown option 'name' (it belongs below "
		    "[made])" },
		{ "nonsense x\n", ":1: unknown option 'nonsense' (see muxctl "
		    "-h)" },
		{ "\n[mode]\n", ":2: unknown section '[mode]' (did you mean "
		    "'[made]'?)" },
		{ "[nothing]\n", ":1: unknown section '[nothing]': expected "
		    "the name of a verb" },
		{ "[made\n", ":1: expected '[VERB]' and nothing else on the "
		    "line" },
		{ "[made] x\n", ":1: expected '[VERB]' and nothing else on the "
		    "line" },
		{ "--name x\n", ":1: unknown option '--name' (see muxctl -h)" },
		{ "[made]\nname: x\n", ":2: expected 'option value' with a "
		    "long name, without dashes" },
		{ "[made]\nname\n", ":2: name: expected a word after it: "
		    "WORD" },
		{ "[made]\nname =\n", ":2: name: expected a word after it: "
		    "WORD" },
		{ "[made]\n\njobs 65\n", ":3: jobs '65': expected a number "
		    "from 1 to 64" },
		{ "[made]\nonce maybe\n", ":2: once 'maybe': expected yes or "
		    "no" },
		{ "config x\n", ":1: config cannot be set in a file" },
		{ "help\n", ":1: help cannot be set in a file" }
	};
	char text[PATH_MAX + 200];
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_config(bad[i].file);
		ok(parse("made") == -1, "a mistake in line %zu", i);
		snprintf(text, sizeof(text), "%s%s", config, bad[i].text);
		is_str(why.text, text, "names file and line");
	}
}

/* Of an option whose word may be left out. */
static void
test_file_switches(void)
{
	write_config("[made]\npidfile = x\npidfile no\ngrace on\n");
	ok(parse("made") == 0 && made.pidfile == NULL, "no is off");
	is_u64(made.grace, 10000000000, "on is as without a word");
	write_config("[made]\npidfile yes\ngrace = 3s\ngrace = off\n");
	ok(parse("made") == 0 && made.grace == OPT_UNSET, "off");
	is_str(made.pidfile, "", "yes is as without a word");
	write_config("[made]\npidfile = ./no\ngrace = 1\n");
	ok(parse("made") == 0, "files and numbers");
	is_str(made.pidfile, "./no", "a file of that name");
	is_u64(made.grace, 1000000000, "1 is no yes");
	ok(parse("made --pidfile=no") == 0, "a flag that has a word");
	is_str(made.pidfile, "no", "has that one");
	write_config("timeout = off\n");
	ok(parse("made") == -1, "not of others");
}

/* Is what stands behind an option that takes its word behind '=' only. */
static void
test_loose(void)
{
	unlink(config);
	ok(parse("made --grace x") == 0 && rest.loose != NULL, "loose");
	is_str(rest.loose->lng, "grace", "and whose it is");
	ok(parse("made --pidfile 5s") == 0 && rest.loose != NULL, "a file");
	ok(parse("made --grace 5s") == -1, "a duration is no word");
	is_str(why.text, "unexpected '5s' (--grace takes its word behind '=': "
	    "--grace=5s)", "and is said to be");
	ok(parse("made --grace=1s 5s") == 0 && rest.loose == NULL, "given");
	ok(parse("made --grace -o 5s") == 0 && rest.loose == NULL, "apart");
	ok(parse("made --grace -- 5s") == 0 && rest.loose == NULL, "dashes");
	write_config("[made]\ngrace\n");
	ok(parse("made 5s") == 0 && rest.loose == NULL, "in a file");
	unlink(config);
}

static void
test_places(void)
{
	char text[PATH_MAX + 200];

	write_config("[made]\nonce\n");
	chmod(config, 0620);
	ok(parse("made") == -1, "others could write it");
	snprintf(text, sizeof(text), "%s: must belong to you or root and not "
	    "be writable by others", config);
	is_str(why.text, text, "not trusted");
	snprintf(text, sizeof(text), "made --config %s", config);
	ok(parse(text) == 0 && made.once, "but it may be named");
	ok(!com.config_read, "elsewhere");
	chmod(config, 0600);
	ok(parse("made") == 0 && com.config_read, "it was there");
	unlink(config);
	ok(parse("made") == 0 && !made.once, "it may be missing");
	ok(!com.config_read, "and that is known");
	ok(parse(text) == -1, "unless it was named");
	snprintf(text, sizeof(text), "open config '%s': %s", config,
	    strerror(ENOENT));
	is_str(why.text, text, "with the reason");
	ok(parse("made --config /") == -1, "a directory is no file");
	ok(parse("made --config") == -1, "no name");
	is_str(why.text, "--config: expected a word after it: FILE|none",
	    "said");
}

/* ---- help and completion ---- */

static char *
printed(void (*print)(const struct verb *, FILE *), const struct verb *verb)
{
	char *buf = NULL;
	size_t len;
	FILE *f = open_memstream(&buf, &len);

	if (f == NULL)
		return NULL;
	print(verb, f);
	fclose(f);
	return buf;
}

static void
test_printed(void)
{
	const struct opt *o = NULL;
	char *help = printed(opt_help, &verb_made);
	char *list = printed(opt_complete, &verb_made), *line;
	char want[64];
	bool wide = false;

	while ((o = opt_next(&verb_made, o)) != NULL) {
		if (o->kind == OPT_GROUP)
			continue;
		snprintf(want, sizeof(want), "--%s", o->lng);
		ok(strstr(help, want) != NULL, "-h shows %s", want);
		snprintf(want, sizeof(want), "--%s\t", o->lng);
		ok(strstr(list, want) != NULL, "--complete shows %s", want);
	}
	ok(strstr(help, "ready-fd") == NULL, "not what it did not ask for");
	ok(strstr(list, "--name\t-n\tWORD\th\n") != NULL, "its form");
	ok(strstr(list, "--grace\t-g\t[=D]\th\n") != NULL, "word left out");
	ok(strstr(list, "--once\t-o\t\th\n") != NULL, "no word");
	for (line = strtok(help, "\n"); line != NULL;
	    line = strtok(NULL, "\n"))
		wide = wide || strlen(line) > 80;
	ok(!wide, "-h stays within 80 columns");
	free(help);
	free(list);
}

int
main(void)
{
	char dir[] = "/tmp/test_opt.XXXXXX", path[PATH_MAX];

	if (mkdtemp(dir) == NULL)
		return 1;
	snprintf(path, sizeof(path), "%s/muxctl", dir);
	snprintf(config, sizeof(config), "%s/muxctl/config", dir);
	setenv("XDG_CONFIG_HOME", dir, 1);
	unsetenv("MUXCTL_CONFIG");
	unsetenv("MUXCTL_TIMEOUT");
	if (mkdir(path, 0700) != 0)
		return 1;
	test_durations();
	test_sizes();
	test_numbers();
	test_forms();
	test_rest();
	test_mixed_once();
	test_lists();
	test_mistakes();
	test_asked();
	test_env();
	test_file();
	test_file_mistakes();
	test_file_switches();
	test_loose();
	test_places();
	test_printed();
	unlink(config);
	rmdir(path);
	rmdir(dir);
	return tap_done();
}
