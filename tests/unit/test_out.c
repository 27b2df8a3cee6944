/*
 * test_out.c - what is said, how it is encoded, where it goes, and what
 * becomes of the exit status when stdout fails.  Every scenario runs in a
 * process of its own, because there is one sink per process.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "../../cmd/cmd.h"
#include "../../cmd/opt.h"
#include "../../cmd/out.h"
#include "captive.h"
#include "tap.h"

const struct verb *const cmd_verbs[] = { NULL };

static struct captive c;

static int
count(const char *text, const char *part)
{
	int n = 0;

	for (; (text = strstr(text, part)) != NULL; text++)
		n++;
	return n;
}

/* Replaces the digits of times, which differ from run to run. */
static char *
timeless(char *text)
{
	char *p = text;

	while ((p = strstr(p, "20")) != NULL) {
		if (strspn(p, "0123456789-T:.Z") != 24) {
			p++;
			continue;
		}
		memset(p, 'D', 24);
	}
	return text;
}

#define TIME	"DDDDDDDDDDDDDDDDDDDDDDDD"

/* ---- levels and prefixes ---- */

static int
all_levels(void *arg)
{
	int status = out_open(arg);

	if (status != 0)
		return status;
	say(SAY_DEBUG, "debug");
	say(SAY_INFO, "info");
	say(SAY_NOTE, "note");
	say(SAY_WARN, "warn");
	say(SAY_ERROR, "error");
	return say_exit(CMD_TIMEOUT, "exit %d", 1);
}

static void
test_levels(void)
{
	struct opt_common com = { 0 };

	captive_run(&c, all_levels, &com);
	is_str(c.said, "muxctl: note\nmuxctl: warn\nmuxctl: error\n"
	    "muxctl: exit 1\n", "by default");
	is_u64((uint64_t)c.status, CMD_TIMEOUT, "say_exit() passes it on");
	com.verbose = 1;
	captive_run(&c, all_levels, &com);
	ok(count(c.said, "\n") == 5 && strstr(c.said, "debug") == NULL, "-v");
	com.verbose = 5;
	captive_run(&c, all_levels, &com);
	ok(count(c.said, "\n") == 6, "-vv and more");
	com.quiet = true;
	captive_run(&c, all_levels, &com);
	is_str(c.said, "muxctl: error\nmuxctl: exit 1\n", "-q");
}

static int
colourful(void *arg)
{
	struct opt_common com = { .color = *(int *)arg };

	out_verb("serve");
	out_open(&com);
	say(SAY_WARN, "\033[31m");
	return 0;
}

static void
test_color(void)
{
	int mode = OPT_COLOR_AUTO;

	captive_run(&c, colourful, &mode);
	is_str(c.said, "muxctl: serve: \\033[31m\n", "no terminal, no colour");
	mode = OPT_COLOR_ALWAYS;
	captive_run(&c, colourful, &mode);
	is_str(c.said, "\033[1;33mmuxctl: serve:\033[0m \\033[31m\n",
	    "the prefix only");
}

/* ---- encoding ---- */

static int
all_bytes(void *arg)
{
	char text[256];
	int i;

	(void)arg;
	for (i = 0; i < 255; i++)
		text[i] = (char)(i + 1);
	text[255] = '\0';
	say(SAY_ERROR, "%s", text);
	return 0;
}

static void
test_vis(void)
{
	const char *p;
	char *safe;
	bool clean = true;

	captive_run(&c, all_bytes, NULL);
	for (p = c.said; *p != '\0' && p[1] != '\0'; p++)
		clean = clean && *p >= 0x20 && *p <= 0x7e;
	ok(clean && *p == '\n', "all bytes become printable ASCII, one line");
	ok(strstr(c.said, "[\\\\]") != NULL, "a backslash is doubled");
	ok(strstr(c.said, "\\377\n") != NULL, "and nothing is left out");
	safe = out_vis("a\tb\nc\xe2\x80\xae\x9b" "31m");
	is_str(safe, "a\\tb\\nc\\342\\200\\256\\23331m",
	    "tabs, newlines, bidi and C1 controls");
	free(safe);
	safe = out_vis("");
	is_str(safe, "", "nothing");
	free(safe);
}

static char *
one_string(const void *p, size_t n)
{
	struct jout j;
	char *buf = NULL;
	size_t len;
	FILE *f = open_memstream(&buf, &len);

	if (f == NULL)
		return NULL;
	jout_begin(&j, f);
	jout_mem(&j, "s", p, n);
	jout_u64(&j, "n", UINT64_MAX);
	jout_bool(&j, "b", true);
	ok(jout_end(&j) == 0, "written");
	fclose(f);
	return buf;
}

static void
test_json(void)
{
	static const struct {
		const char *in;
		size_t len;
		const char *out;
	} strings[] = {
		{ "", 0, "" },
		{ "a\0b", 3, "a\\u0000b" },
		{ "\"\\/\b\f\n\r\t\x1f\x7f", 10,
		    "\\\"\\\\/\\b\\f\\n\\r\\t\\u001f\\u007f" },
		{ "\xc3\xbc\xe2\x82\xac", 5, "\\u00fc\\u20ac" },
		{ "\xf0\x9f\x98\x80", 4, "\\ud83d\\ude00" },
		{ "\xef\xbf\xbf\xf4\x8f\xbf\xbf", 7,
		    "\\uffff\\udbff\\udfff" },
		{ "\x80x", 2, "\\ufffdx" },
		{ "\xff\xfe", 2, "\\ufffd\\ufffd" },
		{ "\xc3", 1, "\\ufffd" },
		{ "\xc3(", 2, "\\ufffd(" },
		{ "\xe2\x82", 2, "\\ufffd" },
		{ "\xf0\x9f\x98" "a", 4, "\\ufffda" },
		{ "\xc0\x80", 2, "\\ufffd\\ufffd" },
		{ "\xe0\x80\x80", 3, "\\ufffd" },
		{ "\xed\xa0\x80", 3, "\\ufffd" },
		{ "\xf4\x90\x80\x80", 4, "\\ufffd" },
		{ "\xf5\x80\x80\x80", 4, "\\ufffd\\ufffd\\ufffd\\ufffd" }
	};
	char want[256], *got;
	size_t i;

	for (i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
		got = one_string(strings[i].in, strings[i].len);
		snprintf(want, sizeof(want), "{\"v\":1,\"s\":\"%s\","
		    "\"n\":18446744073709551615,\"b\":true}\n",
		    strings[i].out);
		is_str(got, want, "string %zu", i);
		free(got);
	}
}

static char *
one_value(const void *p, size_t n)
{
	struct jout j;
	char *buf = NULL;
	size_t len;
	FILE *f = open_memstream(&buf, &len);

	if (f == NULL)
		return NULL;
	jout_begin(&j, f);
	jout_raw(&j, "id", "[1,\"a\"]");
	jout_bytes(&j, "body", p, n);
	jout_end(&j);
	fclose(f);
	return buf;
}

static void
test_json_lists(void)
{
	struct jout j;
	char *buf = NULL;
	size_t len;
	FILE *f = open_memstream(&buf, &len);

	if (f == NULL)
		return;
	jout_begin(&j, f);
	jout_list_begin(&j, "a", true);
	jout_list_bytes(&j, "x\"", 2);
	jout_list_bytes(&j, "", 0);
	jout_list_end(&j);
	jout_list_begin(&j, "b", false);
	jout_list_bytes(&j, "\xff", 1);
	jout_list_u64(&j, 0);
	jout_list_end(&j);
	jout_list_begin(&j, "c", true);
	jout_list_end(&j);
	jout_ns(&j, "t", 12000000345);
	jout_ns(&j, "u", 999999999);
	jout_ns(&j, "v", 0);
	jout_end(&j);
	fclose(f);
	is_str(buf, "{\"v\":1,\"a\":[\"x\\\"\",\"\"],"
	    "\"b_b64\":[\"/w==\",0],\"c\":[],\"t\":12.000000345,"
	    "\"u\":0.999999999,\"v\":0.000000000}\n", "lists and times");
	free(buf);
}

static void
test_json_bytes(void)
{
	static char big[1000];
	char *got = one_value("caf\xc3\xa9", 5);

	is_str(got, "{\"v\":1,\"id\":[1,\"a\"],\"body\":\"caf\\u00e9\"}\n",
	    "text as text");
	free(got);
	got = one_value("caf\xe9", 4);
	is_str(got, "{\"v\":1,\"id\":[1,\"a\"],\"body_b64\":\"Y2Fm6Q==\"}\n",
	    "bytes as base64");
	free(got);
	got = one_value("a\0b", 3);
	is_str(got, "{\"v\":1,\"id\":[1,\"a\"],\"body_b64\":\"YQBi\"}\n",
	    "and so is what shells would lose a NUL of");
	free(got);
	got = one_value("\1\x1b\x7f", 3);
	is_str(got, "{\"v\":1,\"id\":[1,\"a\"],"
	    "\"body\":\"\\u0001\\u001b\\u007f\"}\n",
	    "other controls are text");
	free(got);
	got = one_value("", 0);
	is_str(got, "{\"v\":1,\"id\":[1,\"a\"],\"body\":\"\"}\n",
	    "so is nothing");
	free(got);
	memset(big, 0xff, sizeof(big));
	got = one_value(big, sizeof(big));
	ok(got != NULL && strlen(got) == 1336 + 35 &&
	    strspn(strchr(got, '/'), "/") == 1333,
	    "more of them, without a gap");
	free(got);
}

/* ---- events and gates ---- */

static const struct say_field fields[] = {
	{ "peer", "unix:\xff", 0 }, { "bytes_in", NULL, 77 }
};

static int
events(void *arg)
{
	struct opt_common com = { .log_format = *(int *)arg };

	out_verb("tunnel");
	out_open(&com);
	say_event(NULL, SAY_NOTE, "stream", fields, 2, "%s: %d bytes",
	    fields[0].str, 77);
	say_event(NULL, SAY_INFO, "hidden", fields, 2, "not with -v");
	say(SAY_WARN, "a \"b\"");
	return 0;
}

static void
test_events(void)
{
	int format = OPT_LOG_TEXT;

	captive_run(&c, events, &format);
	is_str(c.said, "muxctl: tunnel: unix:\\377: 77 bytes\n"
	    "muxctl: tunnel: a \"b\"\n", "as text");
	format = OPT_LOG_JSON;
	captive_run(&c, events, &format);
	is_str(timeless(c.said),
	    "{\"v\":1,\"time\":\"" TIME "\",\"level\":\"notice\","
	    "\"event\":\"stream\",\"verb\":\"tunnel\","
	    "\"peer\":\"unix:\\ufffd\",\"bytes_in\":77}\n"
	    "{\"v\":1,\"time\":\"" TIME "\",\"level\":\"warn\","
	    "\"event\":\"message\",\"verb\":\"tunnel\","
	    "\"text\":\"a \\\"b\\\"\"}\n", "as JSON");
}

static int
flood(void *arg)
{
	/* An hour: no run takes so long. */
	struct say_gate gate = SAY_GATE(3, 3600000), other = SAY_GATE(1, 1);
	int i;

	(void)arg;
	for (i = 0; i < 10; i++)
		say_gated(&gate, SAY_WARN, "line %d", i);
	say_gated(&gate, SAY_DEBUG, "not said anyway, so not counted");
	say_gated(&other, SAY_WARN, "another cause");
	/* As if the time had passed. */
	gate.due = 0;
	say_event(&gate, SAY_WARN, "e", NULL, 0, "line 10");
	gate.due = 0;
	say_gated(&gate, SAY_WARN, "line 11");
	return 0;
}

static void
test_gate(void)
{
	captive_run(&c, flood, NULL);
	is_str(c.said, "muxctl: line 0\nmuxctl: line 1\nmuxctl: line 2\n"
	    "muxctl: another cause\n"
	    "muxctl: line 10 (7 more like this were left out)\n"
	    "muxctl: line 11\n", "a burst, then silence, then the number");
}

/* ---- destinations ---- */

static int
log_twice(void *arg)
{
	struct opt_common com = { .log = arg };
	char old[200];
	struct stat st;

	out_verb("serve");
	if (out_open(&com) != 0)
		return 1;
	say(SAY_NOTE, "first");
	snprintf(old, sizeof(old), "%s.1", com.log);
	if (rename(com.log, old) != 0)
		return 2;
	say(SAY_NOTE, "second");
	out_reopen();
	say(SAY_NOTE, "third");
	return fstat(out_log_fd(), &st) == 0 &&
	    (st.st_mode & 0777) == 0600 ? 0 : 3;
}

static const char *
contents(const char *path)
{
	static char buf[4096];
	FILE *f = fopen(path, "r");
	size_t n = f != NULL ? fread(buf, 1, sizeof(buf) - 1, f) : 0;

	buf[n] = '\0';
	if (f != NULL)
		fclose(f);
	return timeless(buf);
}

static void
test_file(void)
{
	char dir[] = "/tmp/test_out.XXXXXX", path[100], old[110];
	struct opt_common com = { .log = "/nonexistent/log" };

	if (!ok(mkdtemp(dir) != NULL, "a directory"))
		return;
	snprintf(path, sizeof(path), "%s/log", dir);
	snprintf(old, sizeof(old), "%s.1", path);
	captive_run(&c, log_twice, path);
	ok(c.status == 0 && c.said[0] == '\0', "nothing on stderr");
	is_str(contents(old), TIME " muxctl: serve: first\n"
	    TIME " muxctl: serve: second\n", "renamed under our feet");
	is_str(contents(path), TIME " muxctl: serve: third\n", "reopened");
	unlink(old);
	unlink(path);
	rmdir(dir);
	captive_run(&c, all_levels, &com);
	is_u64((uint64_t)c.status, CMD_USAGE, "a file that cannot be made");
	is_str(c.said, "muxctl: --log /nonexistent/log: No such file or "
	    "directory\n", "is said where it can be read");
}

/* A daemon's socket in a file system that only we see. */
static int
private_socket(const char *dir, const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	if (unshare(CLONE_NEWNS) != 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", dir, "tmpfs", 0, NULL) != 0)
		return -1;
	mkdir("/run/systemd", 0755);
	mkdir("/run/systemd/journal", 0755);
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
	return bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0 ? fd : -1;
}

static int
to_daemon(void *arg)
{
	struct opt_common com = { .log = arg };
	bool journal = strcmp(com.log, "journal") == 0;
	char buf[512];
	ssize_t n;
	int fd = journal ?
	    private_socket("/run", "/run/systemd/journal/socket") :
	    private_socket("/dev", "/dev/log");

	if (fd < 0)
		return 77;
	out_verb("serve");
	if (out_open(&com) != 0)
		return 1;
	say(SAY_WARN, "line\nbreak");
	n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	printf("%.*s", n > 0 ? (int)n : 0, buf);
	return 0;
}

static void
test_daemons(void)
{
	char pid[32], log[] = "syslog", journal[] = "journal";
	const char *p;

	captive_run(&c, to_daemon, journal);
	if (c.status == 77)
		ok(true, "journal # SKIP only root can mount");
	else
		is_str(c.said, "PRIORITY=4\nSYSLOG_IDENTIFIER=muxctl\n"
		    "MESSAGE=serve: line\\nbreak\n", "journal");
	captive_run(&c, to_daemon, log);
	if (c.status == 77) {
		ok(true, "syslog # SKIP only root can mount");
		return;
	}
	p = strstr(c.said, " muxctl[");
	ok(strncmp(c.said, "<28>", 4) == 0 && p == c.said + 19,
	    "syslog, with facility, level and time");
	ok(p != NULL && sscanf(p, " muxctl[%31[0-9]", pid) == 1 &&
	    strcmp(p + 8 + strlen(pid), "]: serve: line\\nbreak") == 0,
	    "and the line itself without an end");
}

/* ---- a reader that does not read ---- */

/* What is in the pipe, at most `max` bytes of it. */
static size_t
drain(int fd, char *buf, size_t max)
{
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len < max) {
		n = read(fd, buf + len, max - len);
		len += n > 0 ? (size_t)n : 0;
	}
	buf[len] = '\0';
	return len;
}

/* The last lines of what came through the pipe go to stdout. */
static int
unread(void *arg)
{
	struct opt_common com = { .log = arg };
	static char buf[300001];
	int fds[2], i;

	if (pipe2(fds, O_CLOEXEC) != 0 || dup2(fds[1], STDERR_FILENO) < 0 ||
	    fcntl(fds[0], F_SETFL, O_NONBLOCK) != 0 || out_open(&com) != 0)
		return 1;
	out_started();
	for (i = 0; i < 4000; i++)
		say(SAY_WARN, "line %d", i);
	say(SAY_ERROR, "an error");
	out_state("{}\n", 3);
	drain(fds[0], buf, sizeof(buf) - 1);
	if (strstr(buf, "line 1000\n") == NULL || strstr(buf, "error") != NULL)
		return 2;
	say(SAY_WARN, "after it");
	drain(fds[0], buf, sizeof(buf) - 1);
	fputs(strchr(buf, 'm'), stdout);
	return 0;
}

/* A pipe that only out_ended() may wait for. */
static int
unread_at_end(void *arg)
{
	static char buf[300001];
	char byte = 'x';
	int fds[2];

	(void)arg;
	if (pipe2(fds, O_CLOEXEC) != 0 || dup2(fds[1], STDERR_FILENO) < 0 ||
	    fcntl(fds[0], F_SETFL, O_NONBLOCK) != 0)
		return 1;
	out_started();
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	while (write(fds[1], &byte, 1) == 1)
		continue;
	fcntl(fds[1], F_SETFL, 0);
	say(SAY_NOTE, "lost");
	say_exit(CMD_LOST, "the end");
	drain(fds[0], buf, sizeof(buf) - 1);
	out_ended();
	drain(fds[0], buf, sizeof(buf) - 1);
	fputs(buf, stdout);
	return 0;
}

static void
test_unread(void)
{
	char *p;

	captive_run(&c, unread, NULL);
	ok(c.status == 0, "whoever says something does not wait");
	p = strstr(c.said, "muxctl: an error\n");
	ok(p != NULL, "an error is kept");
	p = p != NULL ? strstr(p, " lines were lost here: nobody read them in "
	    "time\nmuxctl: after it\n") : NULL;
	ok(p != NULL, "of the others there is a number");
	captive_run(&c, unread_at_end, NULL);
	is_str(c.said, "muxctl: the end\nmuxctl: 1 lines were lost here: "
	    "nobody read them in time\n", "at the end what is left is said");
}

/* Before it was ready, also where somebody looks. */
static int
starting(void *arg)
{
	struct opt_common com = { .log = arg };

	out_verb("serve");
	if (out_open(&com) != 0)
		return 1;
	say(SAY_WARN, "a warning");
	say(SAY_ERROR, "early");
	out_started();
	say(SAY_ERROR, "late");
	return 0;
}

static void
test_starting(void)
{
	char name[] = "/tmp/test_out.XXXXXX";
	int fd = mkstemp(name);
	char text[512];
	ssize_t n;

	captive_run(&c, starting, name);
	is_str(c.said, "muxctl: serve: early\n", "an error of the start");
	n = read(fd, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	ok(count(text, "\n") == 3 && strstr(text, "early") != NULL &&
	    strstr(text, "late") != NULL, "the log has all");
	close(fd);
	unlink(name);
}

/* ---- stdout ---- */

static int
finish(void *arg)
{
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	if (strcmp(arg, "pipe") == 0) {
		if (pipe(fds) != 0)
			return 1;
		close(fds[0]);
		dup2(fds[1], STDOUT_FILENO);
	} else if (strcmp(arg, "full") == 0)
		dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
	puts("data");
	return out_finish(CMD_OK);
}

static int
finish_failed(void *arg)
{
	dup2(open("/dev/full", O_WRONLY), STDOUT_FILENO);
	puts("data");
	return out_finish(*(int *)arg);
}

static void
test_finish(void)
{
	char fine[] = "fine", full[] = "full", pipe_end[] = "pipe";
	int status = 3;

	captive_run(&c, finish, fine);
	ok(c.status == 0, "stdout is fine");
	is_str(c.said, "data\n", "and was flushed");
	captive_run(&c, finish, full);
	is_u64((uint64_t)c.status, CMD_USAGE, "a full disk");
	is_str(c.said, "muxctl: write to stdout: No space left on device\n",
	    "is said");
	captive_run(&c, finish, pipe_end);
	is_u64((uint64_t)c.status, CMD_PIPE, "nobody reads any more");
	is_str(c.said, "", "not worth a word");
	captive_run(&c, finish_failed, &status);
	is_u64((uint64_t)c.status, CMD_USAGE, "over the status of a handler");
	status = CMD_LOST;
	captive_run(&c, finish_failed, &status);
	is_u64((uint64_t)c.status, CMD_LOST, "but not over a failure of ours");
}

int
main(void)
{
	unsetenv("NO_COLOR");
	test_levels();
	test_color();
	test_vis();
	test_json();
	test_json_lists();
	test_json_bytes();
	test_events();
	test_gate();
	test_file();
	test_daemons();
	test_unread();
	test_starting();
	test_finish();
	return tap_done();
}
