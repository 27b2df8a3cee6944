/*
 * out.c - diagnostics: level, form and destination of what the program says.
 * Not for data, which verbs write to stdout themselves.  Each line is put
 * together in memory and leaves in one write or datagram; whatever was in it,
 * only printable ASCII comes out.  Invariant: between out_started() and
 * out_ended() nobody waits for a reader; what he misses is counted.
 */
/* Which order of arguments strnvis() has. */
#define LIBBSD_OPENBSD_VIS
#include <bsd/string.h>
#include <bsd/vis.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "cmd.h"
#include "opt.h"
#include "out.h"

/* Whoever asks for the live state is given so long for each piece of it. */
#define STATE_MS	200

enum sink { SINK_STDERR, SINK_FILE, SINK_SYSLOG, SINK_JOURNAL };

static struct {
	const char *verb;
	enum say_level level;
	enum sink sink;
	int fd;			/* of file or socket */
	const char *path;	/* of the file */
	struct sockaddr_un to;	/* of the socket */
	bool json;
	bool color;		/* on stderr */
	int color_mode;		/* enum opt_color */
	bool detached;		/* stdout and stderr lead to the log as well */
	bool started;		/* there is work that no line must stop */
	bool busy;		/* and it is not over */
	bool torn;		/* the last line there has no end */
	int own;		/* stderr once more, not blocking; -1 = none */
	uint64_t lost;		/* lines, since the last one that was not */
	int stdout_err;		/* errno of out_flush(), for out_finish() */
	size_t n_kept;
	char kept[4096];	/* errors that nobody has read so far */
} out = { .level = SAY_NOTE, .fd = -1, .own = -1 };

static const struct level {
	const char *name;
	const char *color;
	int syslog;
} levels[] = {
	[SAY_ERROR] = { "error", "\033[1;31m", LOG_ERR },
	[SAY_WARN] = { "warn", "\033[1;33m", LOG_WARNING },
	[SAY_NOTE] = { "notice", "\033[1m", LOG_NOTICE },
	[SAY_INFO] = { "info", "\033[1m", LOG_INFO },
	[SAY_DEBUG] = { "debug", "\033[2m", LOG_DEBUG }
};

/* ---- destinations ---- */

/* Whoever does not read from a pipe loses lines; nobody waits for him. */
static int
open_file(const char *path)
{
	return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC |
	    O_NOCTTY | O_NONBLOCK, 0600);
}

/* Datagrams to a daemon: asked now, so that a missing one is noticed. */
static int
open_socket(const char *path, enum sink sink)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	out.to.sun_family = AF_UNIX;
	strlcpy(out.to.sun_path, path, sizeof(out.to.sun_path));
	if (connect(fd, (struct sockaddr *)&out.to, sizeof(out.to)) != 0) {
		close(fd);
		return -1;
	}
	out.sink = sink;
	return fd;
}

static int
open_sink(const char *log)
{
	if (strcmp(log, "syslog") == 0)
		return open_socket("/dev/log", SINK_SYSLOG);
	if (strcmp(log, "journal") == 0)
		return open_socket("/run/systemd/journal/socket",
		    SINK_JOURNAL);
	out.sink = SINK_FILE;
	out.path = log;
	return open_file(log);
}

/* Syslog and journal stamp and name the lines themselves. */
static bool
plain_sink(void)
{
	return out.sink == SINK_STDERR || out.sink == SINK_FILE;
}

static int
err_fd(void)
{
	return out.own >= 0 ? out.own : STDERR_FILENO;
}

/*
 * Is there room for a piece, or anything but patience to be gained?  What we
 * opened ourselves does not block.  Of a pipe that could not be opened anew
 * it is so unless its other writers fill it meanwhile.
 */
static bool
has_room(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	return !out.busy || (ms == 0 && (fd == out.fd || fd == out.own)) ||
	    poll(&p, 1, ms) > 0;
}

/* A socket, which the others share, is told each time not to block. */
static ssize_t
write_piece(int fd, const char *p, size_t n)
{
	ssize_t w = -1;

	errno = ENOTSOCK;
	if (out.busy)
		w = send(fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return w < 0 && errno == ENOTSOCK ? write(fd, p, n) : w;
}

/* How much of it left.  A reader gets `ms` for each piece, unless there is
 * nothing that could be held up. */
static size_t
write_all(int fd, const char *p, size_t n, int ms)
{
	size_t done = 0;
	ssize_t w;

	while (done < n && has_room(fd, ms)) {
		w = write_piece(fd, p + done, out.busy && n - done > PIPE_BUF ?
		    PIPE_BUF : n - done);
		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			break;
		done += (size_t)w;
	}
	return done;
}

/* One line or several, or nothing of them: false. */
static bool
put_lines(const char *lines, size_t len)
{
	int fd = out.sink == SINK_FILE ? out.fd : err_fd();
	size_t done;

	if (out.torn && write_all(fd, "\n", 1, 0) != 1)
		return false;
	done = write_all(fd, lines, len, 0);
	out.torn = done > 0 && done < len;
	return done > 0;
}

/* A stuck daemon must not hold up what is being carried, and one that was
 * restarted has a new socket behind the old name. */
static bool
put_datagram(const char *line, size_t len)
{
	if (send(out.fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return true;
	return (errno == ECONNREFUSED || errno == ENOTCONN) &&
	    connect(out.fd, (struct sockaddr *)&out.to,
	    sizeof(out.to)) == 0 &&
	    send(out.fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* Why a program ended is worth a second attempt. */
static void
lose(enum say_level level, const char *line, size_t len)
{
	if (level > SAY_ERROR || !plain_sink() ||
	    len > sizeof(out.kept) - out.n_kept) {
		out.lost++;
		return;
	}
	memcpy(out.kept + out.n_kept, line, len);
	out.n_kept += len;
}

static void
deliver(enum say_level level, const char *line, size_t len)
{
	if (out.n_kept > 0 && put_lines(out.kept, out.n_kept))
		out.n_kept = 0;
	if (!(plain_sink() ? put_lines(line, len) : put_datagram(line, len)))
		lose(level, line, len);
}

/* ---- one line ---- */

char *
out_vis(const char *text)
{
	size_t size = strlen(text) * 4 + 1;
	char *p = malloc(size);

	if (p != NULL)
		strnvis(p, text, size, VIS_CSTYLE | VIS_OCTAL | VIS_NL |
		    VIS_TAB | VIS_NOLOCALE);
	return p;
}

/* UTC, to the millisecond. */
static void
stamp(char *buf, size_t size)
{
	struct timespec ts;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	n = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + n, size - n, ".%03ldZ", ts.tv_nsec / 1000000);
}

/* What the destination wants in front of the message. */
static void
put_frame(FILE *f, enum say_level level)
{
	char when[32];
	struct tm tm;
	time_t now;

	if (out.sink == SINK_SYSLOG) {
		now = time(NULL);
		localtime_r(&now, &tm);
		strftime(when, sizeof(when), "%b %e %H:%M:%S", &tm);
		fprintf(f, "<%d>%s muxctl[%d]: ",
		    LOG_DAEMON | levels[level].syslog, when, (int)getpid());
	} else if (out.sink == SINK_JOURNAL)
		fprintf(f, "PRIORITY=%d\nSYSLOG_IDENTIFIER=muxctl\nMESSAGE=",
		    levels[level].syslog);
}

static void
put_prefix(FILE *f, enum say_level level)
{
	const char *verb = out.verb != NULL ? out.verb : "";
	const char *colon = out.verb != NULL ? ": " : "";
	char when[32];

	if (out.sink == SINK_FILE) {
		stamp(when, sizeof(when));
		fprintf(f, "%s ", when);
	}
	if (out.color)
		fprintf(f, "%smuxctl%s%s:\033[0m ", levels[level].color, colon,
		    verb);
	else if (plain_sink())
		fprintf(f, "muxctl%s%s: ", colon, verb);
	else
		fprintf(f, "%s%s", verb, colon);
}

static void
put_text(FILE *f, enum say_level level, uint64_t hidden, const char *safe)
{
	put_prefix(f, level);
	fputs(safe != NULL ? safe : "(out of memory)", f);
	if (hidden > 0)
		fprintf(f, " (%ju more like this were left out)",
		    (uintmax_t)hidden);
	fputc('\n', f);
}

static void
put_json(FILE *f, enum say_level level, uint64_t hidden, const char *event,
    const struct say_field *fields, size_t n, const char *text)
{
	struct jout j;
	char when[32];
	size_t i;

	jout_begin(&j, f);
	if (plain_sink()) {
		stamp(when, sizeof(when));
		jout_str(&j, "time", when);
	}
	jout_str(&j, "level", levels[level].name);
	jout_str(&j, "event", event != NULL ? event : "message");
	if (out.verb != NULL)
		jout_str(&j, "verb", out.verb);
	if (event == NULL)
		jout_str(&j, "text", text);
	for (i = 0; i < n; i++) {
		if (fields[i].str != NULL)
			jout_str(&j, fields[i].key, fields[i].str);
		else
			jout_u64(&j, fields[i].key, fields[i].num);
	}
	if (hidden > 0)
		jout_u64(&j, "left_out", hidden);
	jout_end(&j);
}

/* Whoever started us looks there, whatever the log is, until he was told that
 * we are ready. */
static void
tell_starter(const char *safe)
{
	dprintf(STDERR_FILENO, "muxctl%s%s: %s\n",
	    out.verb != NULL ? ": " : "", out.verb != NULL ? out.verb : "",
	    safe != NULL ? safe : "(out of memory)");
}

/* `safe` is the text, encoded; NULL where there was no memory for it. */
static void
emit_line(enum say_level level, uint64_t hidden, const char *event,
    const struct say_field *fields, size_t n, const char *text,
    const char *safe)
{
	char *line = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&line, &len);

	if (f == NULL)
		goto fail;
	put_frame(f, level);
	if (out.json)
		put_json(f, level, hidden, event, fields, n, text);
	else
		put_text(f, level, hidden, safe);
	if (fclose(f) != 0)
		goto fail;
	/* Syslog and journal know where a message ends. */
	deliver(level, line, out.sink == SINK_SYSLOG ? len - 1 : len);
	free(line);
	if (level == SAY_ERROR && !out.started && out.sink != SINK_STDERR)
		tell_starter(safe);
	return;
fail:
	deliver(level, "muxctl: out of memory\n", 22);
	free(line);
}

/* Before the next line, that some before it are missing. */
static void
tell_lost(void)
{
	uint64_t n = out.lost;
	char text[100];

	if (n == 0)
		return;
	out.lost = 0;
	snprintf(text, sizeof(text), "%ju lines were lost here: nobody read "
	    "them in time", (uintmax_t)n);
	emit_line(SAY_WARN, 0, NULL, NULL, 0, text, text);
	if (out.lost > 0)
		out.lost = n;
}

static void __attribute__((format(printf, 6, 0)))
emit(enum say_level level, uint64_t hidden, const char *event,
    const struct say_field *fields, size_t n, const char *fmt, va_list ap)
{
	char *text, *safe;

	if (vasprintf(&text, fmt, ap) < 0) {
		deliver(level, "muxctl: out of memory\n", 22);
		return;
	}
	tell_lost();
	safe = out_vis(text);
	emit_line(level, hidden, event, fields, n, text, safe);
	free(safe);
	free(text);
}

/* ---- the calls ---- */

bool
say_on(enum say_level level)
{
	return level <= out.level;
}

void
say(enum say_level level, const char *fmt, ...)
{
	va_list ap;

	if (!say_on(level))
		return;
	va_start(ap, fmt);
	emit(level, 0, NULL, NULL, 0, fmt, ap);
	va_end(ap);
}

void
say_plain(enum say_level level, const char *line)
{
	if (!say_on(level))
		return;
	tell_lost();
	emit_line(level, 0, NULL, NULL, 0, line, line);
}

int
say_exit(int status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(SAY_ERROR, 0, NULL, NULL, 0, fmt, ap);
	va_end(ap);
	return status;
}

/* Each line moves the time at which the bucket is full one step ahead. */
static bool
pass(struct say_gate *gate, uint64_t *hidden)
{
	struct timespec ts;
	uint64_t now;

	*hidden = 0;
	if (gate == NULL)
		return true;
	assert(gate->burst > 0);
	clock_gettime(CLOCK_MONOTONIC, &ts);
	now = (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
	if (gate->due < now)
		gate->due = now;
	if (gate->due - now > (gate->burst - 1) * gate->every) {
		gate->hidden++;
		return false;
	}
	gate->due += gate->every;
	*hidden = gate->hidden;
	gate->hidden = 0;
	return true;
}

void
say_gated(struct say_gate *gate, enum say_level level, const char *fmt, ...)
{
	uint64_t hidden;
	va_list ap;

	if (!say_on(level) || !pass(gate, &hidden))
		return;
	va_start(ap, fmt);
	emit(level, hidden, NULL, NULL, 0, fmt, ap);
	va_end(ap);
}

void
say_event(struct say_gate *gate, enum say_level level, const char *event,
    const struct say_field *fields, size_t n, const char *fmt, ...)
{
	uint64_t hidden;
	va_list ap;

	if (!say_on(level) || !pass(gate, &hidden))
		return;
	va_start(ap, fmt);
	emit(level, hidden, event, fields, n, fmt, ap);
	va_end(ap);
}

/* ---- begin and end ---- */

void
out_verb(const char *verb)
{
	out.verb = verb;
}

bool
out_color(int fd)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	if (out.color_mode != OPT_COLOR_AUTO)
		return out.color_mode == OPT_COLOR_ALWAYS;
	return (no == NULL || no[0] == '\0') && isatty(fd) &&
	    (term == NULL || strcmp(term, "dumb") != 0);
}

static int
open_log(const char *log)
{
	enum sink old = out.sink;
	int fd = open_sink(log), err = errno;

	if (fd >= 0) {
		out.fd = fd;
		return CMD_OK;
	}
	/* Said where it was said before. */
	out.sink = old;
	return say_exit(CMD_USAGE, "--log %s: %s", log, strerror(err));
}

int
out_open(const struct opt_common *com)
{
	int level = SAY_NOTE + com->verbose;

	out.level = com->quiet ? SAY_ERROR : level > SAY_DEBUG ? SAY_DEBUG :
	    (enum say_level)level;
	if (com->log != NULL && open_log(com->log) != CMD_OK)
		return CMD_USAGE;
	out.json = com->log_format == OPT_LOG_JSON;
	out.color_mode = com->color;
	out.color = out.sink == SINK_STDERR && !out.json &&
	    out_color(STDERR_FILENO);
	return CMD_OK;
}

static void
stdio_to(int fd)
{
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
}

/* Others share the description of ours, and want it to block.  A terminal
 * that has room for one byte would keep us until it has room for a line. */
static void
open_own(void)
{
	struct stat st;
	unsigned n;

	/* The master of a terminal, opened anew, would be another one. */
	if (fstat(STDERR_FILENO, &st) != 0 || (!S_ISFIFO(st.st_mode) &&
	    (!isatty(STDERR_FILENO) ||
	    ioctl(STDERR_FILENO, TIOCGPTN, &n) == 0)))
		return;
	out.own = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK |
	    O_NOCTTY | O_CLOEXEC);
}

static void
close_own(void)
{
	if (out.own >= 0)
		close(out.own);
	out.own = -1;
}

void
out_detach(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return;
	out.detached = true;
	close_own();
	dup2(null, STDIN_FILENO);
	/* What is written there as it stands is nothing for a socket. */
	stdio_to(out.sink == SINK_FILE ? out.fd : null);
	close(null);
}

void
out_reopen(void)
{
	int fd;

	if (out.sink != SINK_FILE)
		return;
	fd = open_file(out.path);
	if (fd < 0) {
		say(SAY_ERROR, "--log %s: %s", out.path, strerror(errno));
		return;
	}
	/* The number stays the same, for those who asked for it. */
	dup3(fd, out.fd, O_CLOEXEC);
	close(fd);
	if (out.detached)
		stdio_to(out.fd);
}

void
out_started(void)
{
	out.started = out.busy = true;
	open_own();
}

void
out_ended(void)
{
	out.busy = false;
	close_own();
	if (out.n_kept > 0 && put_lines(out.kept, out.n_kept))
		out.n_kept = 0;
	tell_lost();
}

void
out_state(const char *text, size_t len)
{
	if (write_all(err_fd(), text, len, STATE_MS) < len)
		out.torn = true;
}

int
out_log_fd(void)
{
	return out.fd;
}

/* The reader of stdout went away: not worth a word. */
static bool
reader_gone(void)
{
	struct pollfd p = { .fd = STDOUT_FILENO, .events = POLLOUT };

	return poll(&p, 1, 0) > 0 && (p.revents & (POLLERR | POLLHUP)) != 0;
}

int
out_flush(void)
{
	errno = 0;
	if (fflush(stdout) == 0 && !ferror(stdout))
		return 0;
	/* Asked once more, the stream does not know why any longer. */
	if (out.stdout_err == 0)
		out.stdout_err = errno;
	return -1;
}

int
out_finish(int status)
{
	bool bad = out_flush() != 0, gone;
	int err = out.stdout_err;

	gone = bad && reader_gone();
	if (close(STDOUT_FILENO) != 0 && !bad) {
		bad = true;
		err = errno;
	}
	if (!bad)
		return status;
	if (!gone)
		say(SAY_ERROR, "write to stdout: %s",
		    err != 0 ? strerror(err) : "failed");
	if (status >= CMD_TIMEOUT)
		return status;
	return gone ? CMD_PIPE : CMD_USAGE;
}
