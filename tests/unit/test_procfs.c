/*
 * procfs.c: children by the list of the kernel and by a look at all, what a
 * process is, and what stands in its environment.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>

#include "../../cmd/procfs.h"
#include "net.h"
#include "tap.h"

static struct mux_why why;
static int input;

/* A cat, once it runs: before, its environment may not be there yet. */
static pid_t
start(char *const *argv, char *const *envp)
{
	struct mux_spawn s = { .size = sizeof(s), .argv = argv, .envp = envp,
	    .setsid = true, .fds = { -1, -1, -1 } };
	struct pollfd pfd = { .events = POLLIN };
	struct mux_ends ends;

	need(mux_spawn_piped(&s, &ends, NULL, &why) == 0, why.text);
	pfd.fd = ends.in;
	need(write(ends.out, "x", 1) == 1 && poll(&pfd, 1, -1) == 1, "cat");
	/* Its input stays open, or it would end. */
	need(dup2(ends.out, input) == input, "dup2");
	mux_ends_close(&ends, false);
	return ends.child;
}

static void
stop(pid_t pid)
{
	kill(pid, SIGKILL);
	need(waitpid(pid, NULL, 0) == pid, "waitpid");
}

static bool
holds(const struct pids *p, pid_t pid)
{
	size_t i, n = 0;

	for (i = 0; i < p->n; i++)
		n += p->v[i] == pid;
	return n == 1;
}

static void
test_children(int fd, const char *how)
{
	enum { N = 700 };	/* more than one read can hold */
	static pid_t pids[N];
	struct pids p = { 0 };
	int i, n_there = 0;

	ok(procfs_children(fd, &p) == 0 && p.n == 0, "%s: none", how);
	fflush(stdout);
	for (i = 0; i < N; i++)
		if ((pids[i] = fork()) == 0)
			_exit(0);
	ok(procfs_children(fd, &p) == 0 && p.n == N, "%s: all, dead or alive",
	    how);
	for (i = 0; i < N; i++)
		n_there += holds(&p, pids[i]);
	is_u64((uint64_t)n_there, N, "%s: and these", how);
	for (i = 0; i < N; i++)
		waitpid(pids[i], NULL, 0);
	ok(procfs_children(fd, &p) == 0 && p.n == 0, "%s: all gone", how);
	pids_release(&p);
}

static void
test_stat(void)
{
	/* What follows the name here must not be taken for the state. */
	const char *name = in_tmp("x) Z 1 2 3 (");
	char *argv[] = { (char *)(uintptr_t)name, NULL };
	struct procfs_stat st;
	siginfo_t si;
	pid_t pid;

	need(symlink("/bin/cat", name) == 0, "symlink");
	argv[0] = (char *)(uintptr_t)name;
	pid = start(argv, NULL);
	ok(procfs_stat(pid, &st) == 0 && st.state != 'Z' &&
	    st.ppid == getpid() && st.pgid == pid && st.sid == pid,
	    "a process with a strange name");
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT);
	ok(procfs_stat(pid, &st) == 0 && st.state == 'Z' && st.sid == pid,
	    "a zombie");
	waitpid(pid, NULL, 0);
	ok(procfs_stat(pid, &st) == -1, "none");
}

static void
test_env(void)
{
	char *argv[] = { "cat", NULL };
	char *many[] = { "A=1", "XMUX=no", "MUX=a=b", "MUX=2", NULL };
	char *none[] = { NULL };
	char value[8] = "same";
	siginfo_t si;
	pid_t pid;

	pid = start(argv, many);
	ok(procfs_env(pid, "MUX", value, sizeof(value)) == 1, "it is there");
	is_str(value, "a=b", "its value, the first");
	ok(procfs_env(pid, "XMUX", value, 2) == 1, "cut");
	is_str(value, "n", "to the room there is");
	strcpy(value, "same");
	ok(procfs_env(pid, "UX", value, sizeof(value)) == 0 &&
	    procfs_env(pid, "A=1", value, sizeof(value)) == 0,
	    "no such name");
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT);
	ok(procfs_env(pid, "MUX", value, sizeof(value)) == -1, "a zombie");
	stop(pid);
	pid = start(argv, none);
	ok(procfs_env(pid, "MUX", value, sizeof(value)) == 0,
	    "no environment");
	stop(pid);
	ok(procfs_env(pid, "MUX", value, sizeof(value)) == -1, "no process");
	is_str(value, "same", "nothing is touched");
}

int
main(void)
{
	int before, fd;

	net_begin();
	input = fcntl(0, F_DUPFD_CLOEXEC, 50);
	before = n_fds();
	fd = procfs_open_children();
	if (fd >= 0)
		test_children(fd, "by the list");
	test_children(-1, "by a look");
	test_stat();
	test_env();
	if (fd >= 0)
		close(fd);
	is_u64((uint64_t)n_fds(), (uint64_t)before, "nothing is left open");
	mux_loop_free(loop);
	return tap_done();
}
