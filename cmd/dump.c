/*
 * dump.c - muxctl dump: reads captures and shows what went over the
 * connections.  Here are its options, the order of its files, signals and
 * deadlines, and what the exit status is; frames are the business of
 * dump_chain.c and the sinks.  Invariant: what is shown came before what is
 * said about the end of a file.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "capture.h"
#include "cmd.h"
#include "dump.h"
#include "out.h"

#define O(field)	offsetof(struct dump_opts, field)
#define BUFFER		(64u * 1024u)
#define NS_PER_S	UINT64_C(1000000000)

static int cmd_dump(int argc, char **argv);

static const struct opt dump_table[] = {
	OPT_HEADING("What is read"),
	{ OPT_ROW("read", 'r', OPT_LIST, "FILE",
	    "a recording, a capture by tcpdump, or a file of frames; - is "
	    "stdin", O(files)) },
	{ OPT_ROW("until", 0, OPT_STRING, "EXPR",
	    "stop behind the first frame for which this is true", O(until)) },

	OPT_HEADING("What is shown"),
	{ OPT_ROW("filter", 'f', OPT_STRING, "EXPR",
	    "only frames for which this is true: type==data && len>1000",
	    O(filter)) },
	{ OPT_ROW("follow", 0, OPT_STRING, "STREAM",
	    "only this stream or call: [CONNECTION:]ID", O(follow)) },
	{ OPT_ROW("count", 'n', OPT_NUMBER, "N", "stop after N of them",
	    O(count)), .min = 1, .max = INT64_MAX },
	{ OPT_ROW("redact", 0, OPT_STRING, "EXPR",
	    "leave out the payload of frames for which this is true",
	    O(redact)) },

	OPT_HEADING("How it is shown"),
	{ OPT_ROW("format", 'T', OPT_ENUM, "text|ndjson|fields|hex|raw|pcapng",
	    "a line per frame, JSON, values of -e, bytes, or a recording "
	    "(text)", O(format)) },
	{ OPT_ROW("fields", 'e', OPT_STRING, "NAME,...",
	    "these fields only, of ndjson or fields", O(fields)) },
	{ OPT_ROW("no-time", 0, OPT_FLAG, NULL,
	    "nothing that differs from run to run", O(no_time)) },
	{ OPT_ROW("write", 'w', OPT_STRING, "FILE",
	    "write a recording, and print only with -v", O(write)) },
	{ OPT_ROW("force", 0, OPT_FLAG, NULL,
	    "overwrite the FILE of -w", O(force)) },
	OPT_LAST
};

const struct verb verb_dump = {
	.name = "dump",
	.main = cmd_dump,
	.synopsis = "dump [-f EXPR] [-n N] [--until EXPR] [-t D] [-T FORMAT] "
	    "[-e NAME,...]\n"
	    "     [--follow STREAM] [--no-time] [--redact EXPR] [-w FILE] "
	    "FILE...",
	.about = "show what went over connections",
	.opts = dump_table,
	.common = COMMON_LOG | COMMON_TIMEOUT,
	.mixed = INT_MAX
};

static const struct sink *const sinks[] = {
	[DUMP_TEXT] = &sink_text, [DUMP_NDJSON] = &sink_ndjson,
	[DUMP_FIELDS] = &sink_fields, [DUMP_HEX] = &sink_hex,
	[DUMP_RAW] = &sink_raw, [DUMP_PCAPNG] = &sink_pcapng
};

struct dump {
	struct dump_opts o;
	struct chain *chain;
	struct capture *capture;
	FILE *write;		/* of -w; NULL: none */
	uint64_t deadline;	/* UINT64_MAX: none */
	bool signals;		/* SIGINT and SIGTERM end the reading */
};

/* ---- waiting for what comes live ---- */

static volatile sig_atomic_t stopped;

static void
on_signal(int signo)
{
	stopped = signo;
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
}

/* What was ignored stays so. */
static void
catch_signal(int signo, sigset_t *set)
{
	struct sigaction sa = { .sa_handler = on_signal }, old;

	if (sigaction(signo, NULL, &old) == 0 && old.sa_handler == SIG_IGN)
		return;
	sigaddset(set, signo);
	sigaction(signo, &sa, NULL);
}

/* Both are blocked but while we wait; what was shown is then complete.  The
 * second one is not waited for. */
static void
catch_signals(struct dump *d)
{
	sigset_t set;

	if (d->signals)
		return;
	d->signals = true;
	sigemptyset(&set);
	catch_signal(SIGINT, &set);
	catch_signal(SIGTERM, &set);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static uint64_t
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static int
wait_for(const struct dump *d, int fd, bool live)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint64_t t = d->deadline == UINT64_MAX ? 0 : now(), left;
	struct timespec ts = { 0 };
	sigset_t none;

	left = d->deadline > t ? d->deadline - t : 0;
	if (d->deadline != UINT64_MAX && left == 0)
		return 0;
	if (!live && !d->signals)
		return 1;
	ts.tv_sec = (time_t)(left / NS_PER_S);
	ts.tv_nsec = (long)(left % NS_PER_S);
	sigemptyset(&none);
	return ppoll(&p, 1, d->deadline == UINT64_MAX ? NULL : &ts, &none);
}

static void
on_flush(void *arg)
{
	const struct dump *d = arg;

	fflush(stdout);
	if (d->write != NULL)
		fflush(d->write);
}

/* -1: a signal said that this is all. */
static int
on_await(int fd, bool live, void *arg)
{
	struct dump *d = arg;
	sigset_t none;
	int r;

	if (live) {
		catch_signals(d);
		on_flush(d);
	}
	do
		r = wait_for(d, fd, live);
	while (r < 0 && errno == EINTR && stopped == 0);
	if (stopped != 0) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		return -1;
	}
	if (r == 0)
		return say_exit(CMD_TIMEOUT, "timed out: -t is over");
	return 0;
}

static bool
on_record(const struct mux_dump_record *r, void *arg)
{
	const struct dump *d = arg;

	return chain_record(d->chain, r);
}

static const struct capture_ops capture_ops = {
	.record = on_record,
	.await = on_await,
	.flush = on_flush
};

/* ---- files ---- */

static int
read_one(struct dump *d, const char *file, int *status)
{
	int r = capture_read(d->capture, file);

	/* A damaged file wins over all others. */
	if (r > 0 && *status != CMD_DAMAGED &&
	    (*status == CMD_OK || r == CMD_DAMAGED))
		*status = r;
	return r < 0 || r == CMD_TIMEOUT;
}

static int
read_all(struct dump *d, const struct opt_rest *rest)
{
	const struct opt_item *it;
	int i, status = CMD_OK, over = 0;

	STAILQ_FOREACH(it, &d->o.files.head, next)
		if (!over)
			over = read_one(d, it->word, &status);
	for (i = 0; i < rest->argc && !over; i++)
		over = read_one(d, rest->argv[i], &status);
	capture_end(d->capture);
	return status;
}

static int
open_write(struct dump *d)
{
	int flags = O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY |
	    (d->o.force ? O_TRUNC : O_EXCL), fd;
	const char *file = d->o.write;

	if (file == NULL)
		return 0;
	if (strcmp(file, "-") == 0) {
		d->write = stdout;
		return 0;
	}
	fd = open(file, flags, 0600);
	if (fd < 0)
		return say_exit(CMD_USAGE, "open %s: %s%s", file,
		    strerror(errno), errno == EEXIST ? " (--force)" : "");
	d->write = fdopen(fd, "w");
	if (d->write == NULL)
		return say_exit(CMD_USAGE, "out of memory");
	setvbuf(d->write, NULL, _IOFBF, BUFFER);
	return 0;
}

static int
close_write(struct dump *d, int status)
{
	bool bad;

	if (d->write == NULL || d->write == stdout)
		return status;
	bad = ferror(d->write) != 0;
	errno = 0;
	bad |= fclose(d->write) != 0;
	if (!bad)
		return status;
	return say_exit(CMD_USAGE, "write %s: %s", d->o.write,
	    errno != 0 ? strerror(errno) : "failed");
}

/* ---- all of it ---- */

static const struct sink *
printer(const struct dump_opts *o)
{
	return o->write != NULL && o->com.verbose == 0 ? NULL :
	    sinks[o->format];
}

static int
run(struct dump *d, const struct opt_rest *rest)
{
	int status, r;

	d->chain = chain_new(&d->o, printer(&d->o), stdout, d->write);
	if (d->chain == NULL)
		return CMD_USAGE;
	d->capture = capture_new(&capture_ops, d);
	if (d->capture == NULL)
		return say_exit(CMD_USAGE, "out of memory");
	status = read_all(d, rest);
	r = chain_end(d->chain);
	return status != CMD_OK ? status : r;
}

static int
check(struct dump_opts *o, const struct opt_rest *rest)
{
	if (rest->argc == 0 && o->files.n == 0)
		return say_exit(CMD_USAGE, "expected a FILE (- is standard "
		    "input)");
	if (o->format < 0)
		o->format = o->fields != NULL ? DUMP_FIELDS : DUMP_TEXT;
	if (o->fields == NULL && o->format == DUMP_FIELDS)
		return say_exit(CMD_USAGE, "-T fields: expected -e NAME,...");
	if (o->fields != NULL && o->format != DUMP_FIELDS &&
	    o->format != DUMP_NDJSON)
		return say_exit(CMD_USAGE, "-e goes with -T fields and -T "
		    "ndjson only");
	if (o->force && o->write == NULL)
		return say_exit(CMD_USAGE, "--force goes with -w only");
	if (o->write != NULL && strcmp(o->write, "-") == 0 &&
	    o->com.verbose > 0)
		return say_exit(CMD_USAGE, "-w - and -v do not go together");
	if (((o->format == DUMP_PCAPNG && o->write == NULL) ||
	    (o->write != NULL && strcmp(o->write, "-") == 0)) &&
	    isatty(STDOUT_FILENO))
		return say_exit(CMD_USAGE, "a recording is not for a "
		    "terminal");
	return 0;
}

static int
cmd_dump(int argc, char **argv)
{
	struct dump d = { .o = { .format = -1 }, .deadline = UINT64_MAX };
	struct opt_rest rest;
	int r;

	STAILQ_INIT(&d.o.files.head);
	r = opt_parse(&verb_dump, argc, argv, &d.o, &d.o.com, &rest);
	if (r >= 0)
		return r;
	r = check(&d.o, &rest);
	if (r != 0)
		return r;
	if (d.o.com.timeout != OPT_UNSET && d.o.com.timeout != 0)
		d.deadline = now() + d.o.com.timeout;
	setvbuf(stdout, NULL, isatty(STDOUT_FILENO) ? _IOLBF : _IOFBF, BUFFER);
	r = open_write(&d);
	if (r == 0)
		r = run(&d, &rest);
	r = close_write(&d, r);
	chain_free(d.chain);
	capture_free(d.capture);
	return r;
}
