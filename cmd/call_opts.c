/*
 * call_opts.c - the options of call and what they mean, up to the point where
 * something has to be opened.  What a single mode allows is for that mode to
 * say.  Invariant: a word that is wrong by itself is found here, before
 * anything has been done.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "call.h"
#include "cmd.h"
#include "out.h"

#define S(field)	offsetof(struct call_opts, field)
#define CONNECT_NS	UINT64_C(10000000000)
#define HANDSHAKE_NS	UINT64_C(5000000000)

const struct opt call_opts_table[] = {
	OPT_HEADING("What is sent (a last word \"-\" is -d @-)"),
	{ OPT_ROW("data", 'd', OPT_LIST, "DATA|@FILE|@-",
	    "the body: these bytes, those of FILE, or standard input",
	    S(data)) },
	{ OPT_ROW("data-raw", 0, OPT_LIST, "DATA",
	    "the body: these bytes, whatever they begin with", S(data)) },
	{ OPT_ROW("meta", 0, OPT_LIST, "K=V|K=@FILE",
	    "metadata; a newline at the end of FILE is left out", S(meta)) },
	{ OPT_ROW("meta-secret", 0, OPT_LIST, "K=@FILE",
	    "metadata that nobody logs; FILE is for its owner only",
	    S(meta)) },
	{ OPT_ROW("priority", 0, OPT_NUMBER, "N",
	    "0 to 7, 7 first, on this connection (3)", S(priority)),
	    .min = 0, .max = 7 },
	{ OPT_ROW("list", 0, OPT_FLAG, NULL,
	    "list the methods of the server", S(list)) },
	{ OPT_ROW("describe", 0, OPT_STRING, "METHOD",
	    "say what the server knows about METHOD", S(describe)) },

	OPT_HEADING("What becomes of the answer"),
	{ OPT_ROW("output", 'o', OPT_STRING, "FILE",
	    "write the body there, not to standard output", S(output)) },
	{ OPT_ROW("stderr", 0, OPT_STRING, "pass|merge|drop|file:PATH",
	    "the standard error of the method (pass; merge: into the body)",
	    S(stderr_word)) },
	{ OPT_ROW("json", 0, OPT_FLAG, NULL,
	    "one JSON object instead of the body", S(json)) },
	{ OPT_ROW("status-fd", 0, OPT_NUMBER, "N",
	    "write that object, without the body, to descriptor N",
	    S(status_fd)), .min = 0, .max = 1 << 20 },
	{ OPT_ROW("oneway", 0, OPT_FLAG, NULL,
	    "return when it is sent; what comes of it is thrown away",
	    S(oneway)) },

	OPT_HEADING("Many calls"),
	{ OPT_ROW("parallel", 'P', OPT_NUMBER, "N",
	    "calls on their way at once (batch: 64, bench: 1)",
	    S(parallel)), .min = 1, .max = 65536 },
	{ OPT_ROW("batch", 0, OPT_STRING, "FILE",
	    "a call for each line of standard input or FILE, and a line for "
	    "each result", S(batch)), .bare = "" },
	{ OPT_ROW("batch-format", 0, OPT_ENUM, "auto|lines|tsv|ndjson",
	    "what a line is (auto: with METHOD, a body)",
	    S(batch_format)) },
	{ OPT_ROW("null", '0', OPT_FLAG, NULL,
	    "lines of input end with a NUL", S(null)) },
	{ OPT_ROW("ordered", 0, OPT_FLAG, NULL,
	    "results in the order of the input", S(ordered)) },
	{ OPT_ROW("fail-fast", 0, OPT_FLAG, NULL,
	    "end at the first call that fails, cancel the others",
	    S(fail_fast)) },
	{ OPT_ROW("bench", 0, OPT_NUMBER, "N",
	    "make the call N times and tell how long they took", S(bench)),
	    .min = 1, .max = INT64_C(1000000000000) },
	{ OPT_ROW("rate", 0, OPT_NUMBER, "N",
	    "bench: begin N calls per second (as fast as answers come)",
	    S(rate)), .min = 1, .max = 1000000000 },
	{ OPT_ROW("fail-if", 0, OPT_STRING, "EXPR",
	    "bench: exit 1 if true: p99>5ms, errors>0, rate<1000, ...",
	    S(fail_if)) },

	OPT_HEADING("How"),
	{ OPT_ROW("connect-timeout", 0, OPT_DURATION, "D",
	    "give the server D to take the connection (10s)",
	    S(connect_timeout)) },
	{ OPT_ROW("retry", 0, OPT_NUMBER, "N",
	    "try again up to N times if nothing was begun", S(retry)),
	    .min = 0, .max = 1000000 },
	{ OPT_ROW("idempotent", 0, OPT_FLAG, NULL,
	    "doing it twice does no harm: --retry always does",
	    S(idempotent)) },
	{ OPT_ROW("legacy", 0, OPT_FLAG, NULL,
	    "speak the plain protocol (mux(7)) from the start", S(legacy)) },
	{ OPT_ROW("require-hello", 0, OPT_FLAG, NULL,
	    "refuse a server that speaks it", S(require_hello)) },
	OPT_LAST
};

void
call_opts_init(struct call_opts *o)
{
	*o = (struct call_opts){
		.connect_timeout = CONNECT_NS,
		.priority = -1,
		.status_fd = -1
	};
	STAILQ_INIT(&o->data.head);
	STAILQ_INIT(&o->meta.head);
}

/* ---- words ---- */

static int
read_stderr(struct call_opts *o)
{
	static const char *const names[] = { "pass", "merge", "drop" };
	const char *word = o->stderr_word;
	int i;

	if (word == NULL)
		return 0;
	for (i = 0; i < 3; i++)
		if (strcmp(word, names[i]) == 0) {
			o->stderr_to = i;
			return 0;
		}
	if (strncmp(word, "file:", 5) != 0 || word[5] == '\0')
		return say_exit(CMD_USAGE, "--stderr '%s': expected pass, "
		    "merge, drop or file:PATH", word);
	o->stderr_to = CALL_STDERR_FILE;
	o->stderr_file = word + 5;
	return 0;
}

/* A "-" behind "--" is a word like any other. */
static void
read_words(struct call_opts *o, const struct opt_rest *rest)
{
	if (rest->argc == 0)
		return;
	o->method = rest->argv[0];
	o->args = rest->argv + 1;
	o->n_args = (size_t)rest->argc - 1;
	if (o->n_args == 0 || rest->dashes ||
	    strcmp(o->args[o->n_args - 1], "-") != 0)
		return;
	o->stream_stdin = true;
	o->n_args--;
}

/* Who forgot that the first argument ends the options finds out by this. */
static void
say_passed(const struct call_opts *o, const struct opt_rest *rest)
{
	const char *word;
	size_t i;

	if (rest->dashes || !say_on(SAY_INFO))
		return;
	for (i = 0; i < o->n_args; i++) {
		word = o->args[i];
		if (word[0] != '-' || word[1] == '\0')
			continue;
		/* What comes behind it may be a secret of the method's. */
		say(SAY_INFO, "%s: '%.*s' is an argument of the method: "
		    "options of call come before the first one", o->method,
		    word[1] == '-' ? (int)strcspn(word, "=") : 2, word);
		return;
	}
}

static bool
is_stdin(const struct opt_item *i)
{
	return strcmp(i->opt->lng, "data") == 0 && strcmp(i->word, "@-") == 0;
}

bool
call_reads_stdin(const struct call_opts *o)
{
	const struct opt_item *i = STAILQ_FIRST(&o->data.head);

	return o->stream_stdin || (i != NULL && is_stdin(i));
}

static int
check_fd(int64_t fd)
{
	return fd < 0 || fcntl((int)fd, F_GETFD) != -1 ? 0 :
	    say_exit(CMD_USAGE, "--status-fd %jd: %s", (intmax_t)fd,
	    strerror(errno));
}

int
call_opts_read(struct call *c, const struct opt_rest *rest)
{
	struct call_opts *o = &c->opts;
	int r;

	read_words(o, rest);
	if (o->method != NULL && o->method[0] == '\0')
		return say_exit(CMD_USAGE, "expected a method, got an empty "
		    "word (--list: which there are)");
	say_passed(o, rest);
	if ((r = read_stderr(o)) != 0 || (r = check_fd(o->status_fd)) != 0)
		return r;
	if (o->data.n + (o->stream_stdin ? 1 : 0) > 1)
		return say_exit(CMD_USAGE, "more than one body: expected one "
		    "of -d, --data-raw and a last -");
	if (o->bench == 0 && (o->rate != 0 || o->fail_if != NULL))
		return say_exit(CMD_USAGE, "%s needs --bench",
		    o->rate != 0 ? "--rate" : "--fail-if");
	if (o->legacy && o->require_hello)
		return say_exit(CMD_USAGE, "--legacy and --require-hello do "
		    "not go together");
	if (o->legacy && o->n_args > 0)
		return say_exit(CMD_USAGE, "'%s': the plain protocol has no "
		    "arguments", o->args[0]);
	if (o->batch == NULL && (o->batch_format != 0 || o->null ||
	    o->ordered || o->fail_fast))
		return say_exit(CMD_USAGE, "-0, --batch-format, --ordered "
		    "and --fail-fast need --batch");
	return call_meta_read(c);
}

void
call_opts_config(const struct call_opts *o, struct mux_config *cfg)
{
	*cfg = (struct mux_config){
		.size = sizeof(*cfg),
		.initiator = true,
		.agent = "muxctl/" MUX_VERSION,
		.legacy = o->legacy,
		.require_hello = o->require_hello,
		/* Streams with standard error are all that anybody opens. */
		.max_calls = MUX_NONE
	};
	if (o->connect_timeout != 0 && o->connect_timeout < HANDSHAKE_NS)
		cfg->handshake = o->connect_timeout;
}
