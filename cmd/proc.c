/*
 * proc.c - the limit of descriptors, the command of `serve -- CMD`, and what
 * becomes of the programs of carriers of exec:.  How a child is started
 * cleanly is the library's, what it starts in turn ptree.c's.  Invariants:
 * what we start gets the limits that we were given, not those that we gave
 * ourselves; a program whose connection was cut off is told to end.
 */
#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "cmd.h"
#include "mux_io.h"
#include "proc.h"

/* A program that ends closes its connection first: so long may it take from
 * there. */
#define LINGER_MS	200

struct kid {
	LIST_ENTRY(kid) next;
	struct mux_child *child;	/* NULL: it has ended, with status */
	pid_t pid;
	int status;
};

struct proc {
	struct mux_child *child;
	proc_cb *cb;
	void *arg;
};

static struct rlimit given;	/* all 0 = not raised */

void
proc_raise_nofile(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) == -1 ||
	    lim.rlim_cur >= lim.rlim_max)
		return;
	given = lim;
	lim.rlim_cur = lim.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &lim) == -1)
		given = (struct rlimit){ 0 };
}

/* True: what starts now gets the limits that we were given. */
static bool
lower(struct rlimit *ours)
{
	return given.rlim_max != 0 && getrlimit(RLIMIT_NOFILE, ours) == 0 &&
	    setrlimit(RLIMIT_NOFILE, &given) == 0;
}

static int
spawn(char *const *argv, pid_t *pid, struct mux_why *why)
{
	const struct mux_spawn sp = {
		.size = sizeof(sp), .argv = argv, .fds = { -1, -1, -1 }
	};
	struct rlimit ours;
	bool lowered = lower(&ours);
	int err = mux_spawn(&sp, pid, why);

	if (lowered)
		setrlimit(RLIMIT_NOFILE, &ours);
	return err;
}

int
proc_spawn_piped(const struct mux_spawn *sp, struct mux_ends *ends,
    int *err_fd, struct mux_why *why)
{
	struct rlimit ours;
	bool lowered = lower(&ours);
	int err = mux_spawn_piped(sp, ends, err_fd, why);

	if (lowered)
		setrlimit(RLIMIT_NOFILE, &ours);
	if (err == 0 || !lowered || why->err != EMFILE)
		return err;
	/* We hold more than that, so there is no room for the pipes. */
	err = mux_spawn_piped(sp, ends, err_fd, why);
	if (err == 0)
		prlimit(ends->child, RLIMIT_NOFILE, &given, NULL);
	return err;
}

static void
on_child(struct mux_child *child, int status, void *arg)
{
	struct proc *p = arg;

	mux_child_free(child);
	p->child = NULL;
	p->cb(WIFSIGNALED(status) ? CMD_SIGNAL + WTERMSIG(status) :
	    WEXITSTATUS(status), p->arg);
}

int
proc_run(struct mux_loop *loop, char *const *argv, const char *addr,
    proc_cb *cb, void *arg, struct proc **out, struct mux_why *why)
{
	struct proc *p = calloc(1, sizeof(*p));
	pid_t pid;

	*why = (struct mux_why){ .err = ENOMEM, .text = "out of memory" };
	if (p == NULL || setenv("MUXCTL_ADDR", addr, 1) == -1)
		goto fail;
	p->cb = cb;
	p->arg = arg;
	if (spawn(argv, &pid, why) != 0)
		goto fail;
	if (mux_child_watch(loop, pid, on_child, p, &p->child) != 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		goto fail;
	}
	*out = p;
	return 0;
fail:
	free(p);
	return -1;
}

void
proc_kill(struct proc *p, int signo)
{
	if (p->child != NULL)
		mux_child_kill(p->child, signo);
}

void
proc_free(struct proc *p)
{
	if (p == NULL)
		return;
	mux_child_free(p->child);
	free(p);
}

/* ---- programs of exec: ---- */

void
proc_status(int status, char buf[PROC_STATUS])
{
	if (WIFSIGNALED(status))
		snprintf(buf, PROC_STATUS, "killed by signal %d%s",
		    WTERMSIG(status), WCOREDUMP(status) ? " (core dumped)" :
		    "");
	else
		snprintf(buf, PROC_STATUS, "exited with status %d",
		    WEXITSTATUS(status));
}

void
kids_init(struct kids *kids)
{
	LIST_INIT(&kids->head);
}

static void
on_kid(struct mux_child *child, int status, void *arg)
{
	struct kid *kid = arg;

	mux_child_free(child);
	kid->child = NULL;
	kid->status = status;
}

void
kids_add(struct mux_loop *loop, struct kids *kids, pid_t pid)
{
	struct kid *kid = calloc(1, sizeof(*kid));

	if (kid == NULL ||
	    mux_child_watch(loop, pid, on_kid, kid, &kid->child) != 0) {
		free(kid);
		return;
	}
	kid->pid = pid;
	LIST_INSERT_HEAD(&kids->head, kid, next);
}

/* Of one that the loop has not reaped yet: it stays to be reaped. */
static int
status_now(pid_t pid)
{
	struct pollfd pfd = { .events = POLLIN };
	siginfo_t si = { 0 };

	pfd.fd = pidfd_open(pid, 0);
	if (pfd.fd < 0)
		return 0;
	poll(&pfd, 1, LINGER_MS);
	close(pfd.fd);
	if (waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG | WNOWAIT) != 0 ||
	    si.si_pid == 0)
		return 0;
	return si.si_code == CLD_EXITED ? W_EXITCODE(si.si_status, 0) :
	    W_EXITCODE(0, si.si_status);
}

void
kids_explain(const struct kids *kids, pid_t pid, struct mux_why *why)
{
	char how[PROC_STATUS];
	const struct kid *kid;
	size_t len;
	int status;

	LIST_FOREACH(kid, &kids->head, next)
		if (kid->pid == pid)
			break;
	if (kid == NULL)
		return;
	status = kid->child != NULL ? status_now(pid) : kid->status;
	if (status == 0 || status == -1)
		return;
	proc_status(status, how);
	len = strlen(why->text);
	snprintf(why->text + len, sizeof(why->text) - len,
	    "%sthe program %s%s", len > 0 ? ": " : "",
	    WIFSIGNALED(status) ? "was " : "", how);
}

void
kids_release(struct kids *kids, bool cut)
{
	struct kid *kid;

	while ((kid = LIST_FIRST(&kids->head)) != NULL) {
		if (cut && kid->child != NULL)
			mux_child_kill(kid->child, SIGTERM);
		LIST_REMOVE(kid, next);
		mux_child_free(kid->child);
		free(kid);
	}
}
