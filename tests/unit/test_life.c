/*
 * test_life.c - beginning, readiness and end of a long-running verb, each in
 * a process of its own.  Whoever waits here waits for an event, with a limit
 * only so that a failure ends.
 */
#include <bsd/libutil.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "../../cmd/cmd.h"
#include "../../cmd/life.h"
#include "../../cmd/opt.h"
#include "captive.h"
#include "mux_io.h"
#include "tap.h"

#define PATIENCE_MS	10000
#define SPARE		40	/* a number that nothing else uses */

const struct verb *const cmd_verbs[] = { NULL };

static struct captive c;
static char dir[] = "/tmp/test_life.XXXXXX";
static char path[100];		/* a file there, as the scenario needs it */
static int ends[2];		/* from a scenario to the test */

static struct opt_common
common(void)
{
	return (struct opt_common){ .ready_fd = -1 };
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static bool
readable(int fd, int timeout)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, timeout) == 1;
}

/* Everything up to the end that all writers of the pipe have closed. */
static const char *
until_end(void)
{
	static char buf[1024];
	size_t len = 0;
	ssize_t n = 1;

	close(ends[1]);
	while (n > 0 && len < sizeof(buf) - 1 &&
	    readable(ends[0], PATIENCE_MS)) {
		n = read(ends[0], buf + len, sizeof(buf) - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	buf[len] = '\0';
	close(ends[0]);
	return n == 0 ? buf : "(no end)";
}

static void
tell(const char *text)
{
	if (write(ends[1], text, strlen(text)) < 0)
		_exit(99);
}

static void
start(int (*fn)(void *), void *arg)
{
	if (pipe(ends) != 0)
		exit(1);
	captive_run(&c, fn, arg);
}

static const char *
contents(const char *name)
{
	static char buf[1024];
	FILE *f = fopen(name, "r");
	size_t n = f != NULL ? fread(buf, 1, sizeof(buf) - 1, f) : 0;

	buf[n] = '\0';
	if (f == NULL)
		return "(no file)";
	fclose(f);
	return buf;
}

/* ---- descriptors ---- */

static void
keep_addr(const char *word)
{
	struct mux_addr *addr;
	struct mux_why why;

	if (mux_addr_parse(word, &addr, &why) != 0)
		_exit(98);
	life_keep_addr(addr);
	mux_addr_free(addr);
}

static int
closing(void *arg)
{
	struct opt_common com = common();
	char where[] = "fd:46", pid[16];
	int fd;

	(void)arg;
	for (fd = 3; fd < 50; fd++)
		dup2(STDOUT_FILENO, fd);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "2", 1);
	life_keep(48);
	life_keep(48);
	life_keep(1);
	keep_addr("systemd:");
	keep_addr("fd:42");
	keep_addr("unix:/x");
	com.ready_fd = 44;
	com.print_addr = where;
	if (life_begin(&com) >= 0)
		return 1;
	for (fd = 0; fd < 60; fd++)
		if (is_open(fd))
			printf("%d%s ", fd, fd > 2 && !(fcntl(fd, F_GETFD) &
			    FD_CLOEXEC) ? "!" : "");
	return 0;
}

static int
not_ours(void *arg)
{
	struct opt_common com = common();

	(void)arg;
	dup2(STDIN_FILENO, 3);
	setenv("LISTEN_PID", "1", 1);
	setenv("LISTEN_FDS", "1", 1);
	keep_addr("systemd:");
	return life_begin(&com) < 0 && !is_open(3) ? 0 : 1;
}

static int
missing(void *arg)
{
	struct opt_common com = common();

	(void)arg;
	close(SPARE);
	com.ready_fd = SPARE;
	return life_begin(&com);
}

static void
test_descriptors(void)
{
	captive_run(&c, closing, NULL);
	is_str(c.said, "0 1 2 3 4 42 44 46 48 ",
	    "only what was named is left, none of it for children");
	captive_run(&c, not_ours, NULL);
	ok(c.status == 0, "sockets passed to another process are not named");
	captive_run(&c, missing, NULL);
	ok(c.status == CMD_USAGE, "a named one that is not there");
	is_str(c.said, "muxctl: --ready-fd 40: Bad file descriptor\n",
	    "is said");
}

/* ---- readiness in the foreground ---- */

static int
ready_fd(void *arg)
{
	struct opt_common com = common();

	(void)arg;
	close(ends[0]);
	com.ready_fd = ends[1];
	if (life_begin(&com) >= 0)
		return 1;
	if (life_ready() >= 0 || is_open((int)com.ready_fd))
		return 2;
	life_end();
	return 0;
}

static int
addresses(void *arg)
{
	struct opt_common com = common();

	com.print_addr = arg;
	if (life_begin(&com) >= 0)
		return CMD_USAGE;
	life_addr("unix:/a");
	life_addr("tcp:127.0.0.1:4711");
	if (access(path, F_OK) == 0)
		return 2;
	if (life_ready() >= 0)
		return 3;
	life_end();
	return 0;
}

static int
gave_up(void *arg)
{
	struct opt_common com = common();

	com.print_addr = arg;
	if (life_begin(&com) >= 0)
		return 1;
	life_addr("unix:/a");
	life_end();
	return 0;
}

static void
test_ready(void)
{
	char none[] = "", nowhere[] = "/nonexistent/file";
	const char *both = "unix:/a\ntcp:127.0.0.1:4711\n";

	start(ready_fd, NULL);
	ok(c.status == 0, "closed here");
	is_str(until_end(), "\n", "one newline, then the end");
	captive_run(&c, addresses, none);
	ok(c.status == 0, "addresses");
	is_str(c.said, both, "on stdout");
	snprintf(path, sizeof(path), "%s/addr", dir);
	captive_run(&c, gave_up, path);
	is_str(contents(path), "(no file)", "no file without readiness");
	captive_run(&c, addresses, path);
	ok(c.status == 0 && c.said[0] == '\0', "in a file");
	is_str(contents(path), both, "complete from the start");
	ok(unlink(path) == 0 && rmdir(dir) == 0 && mkdir(dir, 0700) == 0,
	    "and nothing beside it");
	captive_run(&c, addresses, nowhere);
	ok(c.status == CMD_USAGE, "no such directory");
	is_str(c.said, "muxctl: --print-addr /nonexistent/file: No such file "
	    "or directory\n", "is said");
}

static int
notices(void *arg)
{
	struct opt_common com = common();

	setenv("NOTIFY_SOCKET", arg, 1);
	if (life_begin(&com) >= 0 || getenv("NOTIFY_SOCKET") != NULL)
		return 1;
	if (life_ready() >= 0)
		return 2;
	life_stopping();
	life_end();
	return 0;
}

/* name[0] is '@' for an abstract one. */
static void
notice_at(char *name)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char buf[100];
	ssize_t n;

	memcpy(sa.sun_path, name, strlen(name));
	if (name[0] == '@')
		sa.sun_path[0] = '\0';
	ok(bind(fd, (struct sockaddr *)&sa, (socklen_t)(strlen(name) +
	    offsetof(struct sockaddr_un, sun_path))) == 0, "%s", name);
	captive_run(&c, notices, name);
	ok(c.status == 0, "not left in the environment");
	n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);
	buf[n > 0 ? n : 0] = '\0';
	is_str(buf, "READY=1", "ready");
	n = recv(fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);
	buf[n > 0 ? n : 0] = '\0';
	is_str(buf, "STOPPING=1", "stopping");
	close(fd);
}

static void
test_notify(void)
{
	char name[100];

	snprintf(name, sizeof(name), "%s/notify", dir);
	notice_at(name);
	unlink(name);
	snprintf(name, sizeof(name), "@test_life.%d", (int)getpid());
	notice_at(name);
	captive_run(&c, notices, name);
	ok(c.status == 0 && strstr(c.said, "Connection refused") != NULL,
	    "nobody there: said, and no reason to stop");
}

/* ---- background ---- */

static int
background(void *arg)
{
	struct opt_common com = common();
	char null[3][PATH_MAX], name[32], line[64], pid[16];
	bool all = true;
	int r, i;

	com.background = path;
	com.print_addr = "";
	life_keep(ends[1]);
	setenv("LISTEN_PID", arg, 1);
	r = life_begin(&com);
	if (r >= 0)
		return r;
	life_addr("unix:/a");
	if (life_ready() >= 0)
		return 1;
	for (i = 0; i < 3; i++) {
		memset(null[i], 0, sizeof(null[i]));
		snprintf(name, sizeof(name), "/proc/self/fd/%d", i);
		all = readlink(name, null[i], sizeof(null[i]) - 1) > 0 &&
		    strcmp(null[i], "/dev/null") == 0 && all;
	}
	/* A line, so that `read` of the shell takes it. */
	snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	snprintf(line, sizeof(line), "%d %d %d", all,
	    getsid(0) == getpid(), strcmp(contents(path), pid) == 0);
	tell(line);
	life_end();
	_exit(0);
}

static int
early_end(void *arg)
{
	struct opt_common com = common();
	int r;

	com.background = "";
	r = life_begin(&com);
	if (r >= 0)
		return r;
	if (strcmp(arg, "kill") == 0)
		raise(SIGKILL);
	return atoi(arg);
}

static int
taken(void *arg)
{
	struct opt_common com = common();
	int r;

	com.background = arg;
	r = life_begin(&com);
	return r >= 0 ? r : 1;
}

/* The file is locked by this process, as by a service that runs. */
static void
test_pidfile(void)
{
	struct pidfh *file = pidfile_open(path, 0600, NULL);
	char text[200];

	ok(file != NULL, "a pid file");
	captive_run(&c, taken, path);
	ok(c.status == CMD_USAGE, "that is taken");
	snprintf(text, sizeof(text), "muxctl: pidfile '%s': another process "
	    "has it\n", path);
	is_str(c.said, text, "is said, whose it is if it says so");
	ok(pidfile_write(file) == 0, "its number");
	captive_run(&c, taken, path);
	snprintf(text, sizeof(text), "muxctl: pidfile '%s': process %d has "
	    "it\n", path, (int)getpid());
	is_str(c.said, text, "then so is that");
	ok(pwrite(pidfile_fileno(file), "4711\n", 5, 0) == 5, "a line");
	captive_run(&c, taken, path);
	ok(c.status == CMD_USAGE && strstr(c.said, "process 4711 has it\n") !=
	    NULL, "as we write it");
	is_str(contents(path), "4711\n", "and it stays as it is");
	pidfile_remove(file);
}

static int
orphan(void *arg)
{
	struct opt_common com = common();
	int parent, r;

	(void)arg;
	com.background = "";
	life_keep(ends[1]);
	r = life_begin(&com);
	if (r >= 0)
		return r;
	parent = pidfd_open(getppid(), 0);
	kill(getppid(), SIGKILL);
	tell(readable(parent, PATIENCE_MS) ? "gone " : "still there ");
	tell(life_ready() == CMD_FAIL ? "stops" : "goes on");
	_exit(0);
}

static void
test_background(void)
{
	char three[] = "3", killed[] = "kill", one[] = "1";

	snprintf(path, sizeof(path), "%s/pid", dir);
	start(background, one);
	ok(c.status == 0, "returns when ready");
	is_str(c.said, "unix:/a\n", "and what it printed is there");
	is_str(until_end(), "1 1 1", "/dev/null, a session, the pid file");
	is_str(contents(path), "(no file)", "which goes with the process");
	captive_run(&c, early_end, three);
	ok(c.status == 3, "the status of a process that was never ready");
	captive_run(&c, early_end, killed);
	ok(c.status == 128 + SIGKILL, "or how it died");
	is_str(c.said, "muxctl: the background process was killed by signal "
	    "9\n", "is said");
	test_pidfile();
	start(orphan, NULL);
	is_str(until_end(), "gone stops", "nobody waits any more");
}

static int
passed_on(void *arg)
{
	struct opt_common com = common();
	char pid[16];
	int r;

	(void)arg;
	com.background = "";
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "1", 1);
	r = life_begin(&com);
	if (r >= 0)
		return r;
	return atoi(getenv("LISTEN_PID")) == getpid() ? 5 : 6;
}

/* ---- whose death is ours ---- */

static int
die_with(void *arg)
{
	struct opt_common com = common();
	pid_t pid = fork();

	(void)arg;
	if (pid == 0) {
		pause();
		_exit(0);
	}
	com.die_with = pid;
	if (life_begin(&com) >= 0)
		return 1;
	if (readable(life_death_fd(), 0))
		return 2;
	kill(pid, SIGKILL);
	return readable(life_death_fd(), PATIENCE_MS) ? 0 : 3;
}

static int
die_with_parent(void *arg)
{
	struct opt_common com = common();
	int go[2];
	char byte;

	(void)arg;
	if (pipe(go) != 0)
		return 1;
	if (fork() > 0) {
		close(go[1]);
		return read(go[0], &byte, 1) == 1 ? 0 : 1;
	}
	com.die_with_parent = true;
	life_keep(ends[1]);
	life_keep(go[1]);
	if (life_begin(&com) >= 0)
		_exit(1);
	tell(readable(life_death_fd(), 0) ? "dead " : "alive ");
	if (write(go[1], "", 1) == 1)
		tell(readable(life_death_fd(), PATIENCE_MS) ? "dead" :
		    "alive");
	_exit(0);
}

static int
no_such_process(void *arg)
{
	struct opt_common com = common();

	com.die_with = INT_MAX;
	com.background = arg;
	return life_begin(&com);
}

static int
contradiction(void *arg)
{
	struct opt_common com = common();

	com.die_with_parent = true;
	com.background = arg;
	return life_begin(&com);
}

static void
test_death(void)
{
	char none[] = "";

	captive_run(&c, die_with, NULL);
	ok(c.status == 0, "--die-with");
	start(die_with_parent, NULL);
	is_str(until_end(), "alive dead", "--die-with-parent");
	captive_run(&c, no_such_process, NULL);
	ok(c.status == CMD_USAGE, "a process that is not there");
	captive_run(&c, no_such_process, none);
	ok(c.status == CMD_USAGE, "the same in the background");
	is_str(c.said, "muxctl: --die-with 2147483647: No such process\n",
	    "is said once");
	captive_run(&c, contradiction, none);
	ok(c.status == CMD_USAGE && strstr(c.said, "--die-with=PID") != NULL,
	    "the parent of a background process is no measure");
}

int
main(void)
{
	/* As main() does. */
	signal(SIGPIPE, SIG_IGN);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("LISTEN_FDS");
	if (mkdtemp(dir) == NULL)
		return 1;
	test_descriptors();
	test_ready();
	test_notify();
	test_background();
	captive_run(&c, passed_on, NULL);
	ok(c.status == 5, "sockets of systemd belong to the child");
	test_death();
	ok(rmdir(dir) == 0, "nothing is left behind");
	return tap_done();
}
