/*
 * spawn.c: what a program finds when it starts, and what is said when it does
 * not.  Run with "report" this program is the child and tells what it found.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "int.h"
#include "net.h"
#include "tap.h"

/* ---- the child ---- */

static void
report_signals(void)
{
	struct sigaction sa;
	sigset_t mask;
	int i, n_blocked = 0, n_ignored = 0;

	sigprocmask(SIG_BLOCK, NULL, &mask);
	for (i = 1; i <= SIGRTMAX; i++) {
		n_blocked += sigismember(&mask, i) == 1;
		/* Only this survives an exec. */
		n_ignored += sigaction(i, NULL, &sa) == 0 &&
		    sa.sa_handler == SIG_IGN;
	}
	printf("blocked=%d ignored=%d ", n_blocked, n_ignored);
}

static int
report(int argc, char **argv)
{
	char cwd[PATH_MAX];
	int fd, i, n_nonblock = 0;

	printf("fds=");
	for (fd = 0; fd < 300; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			printf("%d,", fd);
	printf(" ");
	report_signals();
	for (i = 0; i < 3; i++)
		n_nonblock += (fcntl(i, F_GETFL) & O_NONBLOCK) != 0;
	printf("nonblock=%d ", n_nonblock);
	printf("leader=%d cwd=%s ", getsid(0) == getpid(),
	    getcwd(cwd, sizeof(cwd)));
	printf("env=%s", getenv("MUX_TEST") != NULL ? getenv("MUX_TEST") : "");
	for (i = 2; i < argc; i++)
		printf(" [%s]", argv[i]);
	printf("\n");
	return 5;
}

/* ---- the parent ---- */

static struct mux_why why;
static const char *self;

/* Starts it with its output in *text and waits; the exit status or -1. */
static int
run(struct mux_spawn *s, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;
	pid_t pid;
	int err, out[2], status;

	need(pipe2(out, O_CLOEXEC) == 0, "pipe");
	s->size = sizeof(*s);
	s->fds[1] = out[1];
	err = mux_spawn(s, &pid, &why);
	close(out[1]);
	while (err == 0 && (n = read(out[0], text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(out[0]);
	if (err != 0)
		return -1;
	need(waitpid(pid, &status, 0) == pid, "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static const char *
reported(struct mux_spawn *s)
{
	static char text[PATH_MAX];

	is_u64((uint64_t)run(s, text, sizeof(text)), 5, "it ran");
	return text;
}

static bool
has(const char *text, const char *what)
{
	bool good = strstr(text, what) != NULL;

	if (!good)
		printf("# no \"%s\" in: %s", what, text);
	return good;
}

static void
on_term(int signo)
{
	(void)signo;
}

static void
test_clean(void)
{
	char *argv[] = { (char *)(uintptr_t)self, "report", "a b", "$x;",
	    "", NULL };
	struct mux_spawn s = { .argv = argv, .fds = { -1, -1, -1 } };
	sigset_t mask, after;
	struct sigaction sa;
	char cwd[PATH_MAX], now[PATH_MAX];
	const char *text;

	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, on_term);
	need(dup2(2, 100) == 100 && dup2(2, 255) == 255, "dup2");
	setenv("MUX_TEST", "ours", 1);
	need(getcwd(cwd, sizeof(cwd)) != NULL, "getcwd");

	text = reported(&s);
	ok(has(text, "fds=0,1,2, "), "no descriptors but 0-2");
	ok(has(text, "blocked=0 ignored=0 "), "default signals, no mask");
	ok(has(text, "leader=0 "), "our session");
	ok(has(text, cwd), "our directory");
	ok(has(text, "env=ours [a b] [$x;] []\n"), "its words, untouched");

	sigprocmask(SIG_BLOCK, NULL, &after);
	ok(sigismember(&after, SIGUSR1) && !sigismember(&after, SIGUSR2),
	    "our mask is as it was");
	ok(sigaction(SIGPIPE, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN,
	    "so are our signals");
	ok(getcwd(now, sizeof(now)) != NULL && strcmp(cwd, now) == 0,
	    "and our directory");
	close(100);
	close(255);
	signal(SIGTERM, SIG_DFL);
}

static void
test_settings(void)
{
	char *argv[] = { (char *)(uintptr_t)self, "report", NULL };
	char *envp[] = { "MUX_TEST=theirs", NULL };
	struct mux_spawn s = { .argv = argv, .envp = envp, .cwd = "/",
	    .setsid = true, .fds = { -1, -1, -1 } };
	const char *text = reported(&s);

	ok(has(text, "leader=1 "), "a session of its own");
	ok(has(text, "cwd=/ "), "a directory");
	ok(has(text, "env=theirs"), "an environment");
}

/* Says what comes on descriptor 0 to descriptor 1, and "err" on 2. */
static void
test_swapped(void)
{
	char *argv[] = { "sh", "-c", "read x; echo got $x; echo err >&2",
	    NULL };
	struct mux_spawn s = { .size = sizeof(s), .argv = argv };
	int in[2], out[2], err[2], save[3], i, status;
	char a[16] = "", b[16] = "";
	pid_t pid = -1;

	need(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0 &&
	    pipe2(err, O_CLOEXEC) == 0, "pipe");
	fflush(stdout);
	/* Ours: 0 is where it shall write, 1 its errors, 2 its input. */
	for (i = 0; i < 3; i++)
		save[i] = fcntl(i, F_DUPFD_CLOEXEC, 50);
	need(dup3(out[1], 0, O_CLOEXEC) == 0 &&
	    dup3(err[1], 1, O_CLOEXEC) == 1 &&
	    dup3(in[0], 2, O_CLOEXEC) == 2, "dup3");
	s.fds[0] = 2;
	s.fds[1] = 0;
	s.fds[2] = 1;
	i = mux_spawn(&s, &pid, &why);
	for (status = 0; status < 3; status++) {
		dup2(save[status], status);
		close(save[status]);
	}
	need(i == 0, why.text);
	need(write(in[1], "it\n", 3) == 3, "write");
	ok(read(out[0], a, sizeof(a) - 1) > 0 && strcmp(a, "got it\n") == 0,
	    "0-2 in another order");
	ok(read(err[0], b, sizeof(b) - 1) > 0 && strcmp(b, "err\n") == 0,
	    "all three of them");
	need(waitpid(pid, &status, 0) == pid, "waitpid");
	for (i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
		close(err[i]);
	}
}

/* In its own place, but marked to be closed. */
static void
test_same(void)
{
	char *argv[] = { "cat", NULL };
	struct mux_spawn s = { .argv = argv, .fds = { 0, -1, -1 } };
	int in[2], save = fcntl(0, F_DUPFD_CLOEXEC, 50);
	char text[32];

	need(pipe2(in, O_CLOEXEC) == 0, "pipe");
	need(write(in[1], "same", 4) == 4, "write");
	need(dup3(in[0], 0, O_CLOEXEC) == 0, "dup3");
	close(in[0]);
	close(in[1]);
	is_u64((uint64_t)run(&s, text, sizeof(text)), 0, "from PATH");
	is_str(text, "same", "a descriptor that stays where it is");
	dup2(save, 0);
	close(save);
}

/* Reads what comes until the end; the descriptor does not block. */
static const char *
read_all(int fd)
{
	static char text[PATH_MAX];
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, text + len, sizeof(text) - 1 - len)) != 0) {
		if (n > 0)
			len += (size_t)n;
		else
			need(errno == EAGAIN && poll(&pfd, 1, -1) == 1, "poll");
	}
	text[len] = '\0';
	return text;
}

static bool
is_ours(int fd)
{
	return (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0 &&
	    fcntl(fd, F_GETFD) == FD_CLOEXEC;
}

static int
status_of(pid_t pid)
{
	int status;

	need(waitpid(pid, &status, 0) == pid, "waitpid");
	return status;
}

static void
test_piped(void)
{
	char *argv[] = { "sh", "-c", "cat; echo bad >&2; exec \"$0\" report",
	    (char *)(uintptr_t)self, NULL };
	struct mux_spawn s = { .size = sizeof(s), .argv = argv,
	    .fds = { 100, 100, 100 } };
	struct mux_ends ends;
	const char *text;
	int before = n_fds(), err = -1;

	need(mux_spawn_piped(&s, &ends, &err, &why) == 0, why.text);
	ok(ends.child > 0 && ends.in != ends.out && !ends.inherited &&
	    ends.kind == MUX_ENDS_ANY, "two pipes and a child");
	is_str(ends.peer, "sh", "its name");
	ok(is_ours(ends.in) && is_ours(ends.out) && is_ours(err),
	    "our ends do not block, and are closed by exec");
	need(write(ends.out, "some", 4) == 4, "write");
	close(ends.out);
	text = read_all(ends.in);
	ok(strncmp(text, "some", 4) == 0, "the end of its input is seen");
	ok(has(text, "fds=0,1,2, "), "no descriptors but 0-2");
	ok(has(text, "nonblock=0 "), "its ends block");
	is_str(read_all(err), "bad\n", "its errors");
	close(ends.in);
	close(err);
	is_u64((uint64_t)status_of(ends.child), 5u << 8, "ours to wait for");
	is_u64((uint64_t)n_fds(), (uint64_t)before, "nothing is left open");
}

/* Without a pipe for its errors they go where fds says. */
static void
test_two_pipes(void)
{
	char *argv[] = { "sh", "-c", "echo out; echo err >&2", NULL };
	struct mux_spawn s = { .size = sizeof(s), .argv = argv,
	    .fds = { -1, -1, -1 } };
	struct mux_ends ends;
	int err[2];

	need(pipe2(err, O_CLOEXEC) == 0, "pipe");
	s.fds[2] = err[1];
	need(mux_spawn_piped(&s, &ends, NULL, &why) == 0, why.text);
	close(err[1]);
	is_str(read_all(ends.in), "out\n", "its output");
	is_str(read_all(err[0]), "err\n", "its errors elsewhere");
	close(err[0]);
	mux_ends_close(&ends, false);
	is_u64((uint64_t)status_of(ends.child), 0, "it ended");
}

/* Started by one that was started without 0 and 1. */
static void
test_low_pipes(void)
{
	char *argv[] = { "cat", NULL };
	struct mux_spawn s = { .size = sizeof(s), .argv = argv,
	    .fds = { -1, -1, -1 } };
	int save[2], i, err;
	struct mux_ends ends;

	fflush(stdout);
	for (i = 0; i < 2; i++) {
		save[i] = fcntl(i, F_DUPFD_CLOEXEC, 50);
		close(i);
	}
	err = mux_spawn_piped(&s, &ends, NULL, &why);
	i = err == 0 && write(ends.out, "low", 3) == 3;
	if (err == 0)
		close(ends.out);
	for (err = 0; err < 2; err++)
		if (fcntl(err, F_GETFD) < 0)
			dup2(save[err], err);
	need(i, "start");
	is_str(read_all(ends.in), "low", "pipes where 0 and 1 belong");
	close(ends.in);
	for (i = 0; i < 2; i++) {
		dup2(save[i], i);
		close(save[i]);
	}
	is_u64((uint64_t)status_of(ends.child), 0, "it ended");
}

static void
test_piped_failures(void)
{
	char *argv[] = { "nonesuch-program", NULL };
	struct mux_spawn s = { .size = sizeof(s), .argv = argv,
	    .fds = { -1, -1, -1 } };
	struct mux_ends ends = { .in = 77 };
	int before = n_fds(), err = 78, i, n_bad = 0;
	struct rlimit old;

	ok(mux_spawn_piped(&s, &ends, &err, &why) == MUX_E_IO &&
	    why.err == ENOENT, "%s", why.text);
	argv[0] = NULL;
	ok(mux_spawn_piped(&s, &ends, &err, &why) == MUX_E_INVAL, "%s",
	    why.text);
	argv[0] = "true";
	for (i = 0; i < 6; i++) {
		old = limit_fds(i);
		n_bad += mux_spawn_piped(&s, &ends, &err, &why) != MUX_E_IO ||
		    why.err != EMFILE || why.code != MUX_REFUSED;
		unlimit_fds(old);
	}
	is_u64((uint64_t)n_bad, 0, "%s", why.text);
	ok(ends.in == 77 && err == 78, "nothing is touched");
	is_u64((uint64_t)n_fds(), (uint64_t)before, "nothing is left open");
	ok(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD,
	    "nor any zombie");
}

static void
test_failures(void)
{
	char *argv[] = { "nonesuch-program", NULL };
	struct mux_spawn s = { .argv = argv, .fds = { -1, -1, -1 } };
	struct rlimit old;
	char text[16];
	pid_t pid = 77;
	int before = n_fds();

	ok(run(&s, text, sizeof(text)) == -1 && why.err == ENOENT, "%s",
	    why.text);
	is_str(why.text, "start nonesuch-program: No such file or directory",
	    "its text");
	argv[0] = "/etc/passwd";
	ok(run(&s, text, sizeof(text)) == -1 && why.err == EACCES, "%s",
	    why.text);
	argv[0] = "true";
	s.cwd = "/nonesuch";
	ok(run(&s, text, sizeof(text)) == -1, "%s", why.text);
	is_str(why.text, "start true in /nonesuch: No such file or directory",
	    "names the directory");
	s.cwd = NULL;
	argv[0] = NULL;
	s.size = sizeof(s);
	ok(mux_spawn(&s, &pid, &why) == MUX_E_INVAL, "%s", why.text);
	argv[0] = "true";
	s.fds[0] = 1;
	s.fds[1] = 0;
	old = limit_fds(1);
	ok(mux_spawn(&s, &pid, &why) == MUX_E_IO && why.err == EMFILE &&
	    why.code == MUX_REFUSED, "%s", why.text);
	unlimit_fds(old);
	ok(pid == 77, "the pid is not touched");
	s.fds[0] = s.fds[1] = 250;
	ok(mux_spawn(&s, &pid, &why) == MUX_E_IO && why.err == EBADF, "%s",
	    why.text);
	is_u64((uint64_t)n_fds(), (uint64_t)before, "nothing is left open");
	ok(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD,
	    "nor any zombie");
}

static int n_ended, sum;

static void
on_child(struct mux_child *c, int status, void *arg)
{
	(void)arg;
	n_ended++;
	sum += WEXITSTATUS(status);
	mux_child_free(c);
}

static void
test_many(void)
{
	char *argv[] = { "sh", "-c", "exit 3", NULL };
	struct mux_spawn s = { .size = sizeof(s), .argv = argv,
	    .fds = { -1, -1, -1 } };
	struct mux_child *c;
	pid_t pid;
	int i;

	for (i = 0; i < 50; i++) {
		need(mux_spawn(&s, &pid, &why) == 0, why.text);
		need(mux_child_watch(loop, pid, on_child, NULL, &c) == 0,
		    "watch");
	}
	pump_until(n_ended == 50);
	is_u64((uint64_t)sum, 150, "fifty children, each with its status");
	ok(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD,
	    "all of them reaped");
}

int
main(int argc, char **argv)
{
	static char path[PATH_MAX];

	if (argc > 1 && strcmp(argv[1], "report") == 0)
		return report(argc, argv);
	need(realpath("/proc/self/exe", path) != NULL, "realpath");
	self = path;
	/* A folder of PATH that may not be entered changes what is said. */
	setenv("PATH", "/usr/bin:/bin", 1);
	net_begin();
	test_clean();
	test_settings();
	test_swapped();
	test_same();
	test_piped();
	test_two_pipes();
	test_low_pipes();
	test_piped_failures();
	test_failures();
	test_many();
	mux_loop_free(loop);
	return tap_done();
}
