/*
 * proc.c - the limit of descriptors and the command of `serve -- CMD`.  How
 * a child is started cleanly is the library's.  Invariant: the command gets
 * the limits that we were given, not those that we gave ourselves.
 */
#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "mux_io.h"
#include "proc.h"

struct kid {
	LIST_ENTRY(kid) next;
	struct mux_child *child;
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

static int
spawn(char *const *argv, pid_t *pid, struct mux_why *why)
{
	const struct mux_spawn sp = {
		.size = sizeof(sp), .argv = argv, .fds = { -1, -1, -1 }
	};
	struct rlimit ours;
	bool raised = given.rlim_max != 0 &&
	    getrlimit(RLIMIT_NOFILE, &ours) == 0 &&
	    setrlimit(RLIMIT_NOFILE, &given) == 0;
	int err = mux_spawn(&sp, pid, why);

	if (raised)
		setrlimit(RLIMIT_NOFILE, &ours);
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
		kill(pid, SIGTERM);
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

/* ---- children of exec: ---- */

static void
kid_free(struct kid *kid)
{
	LIST_REMOVE(kid, next);
	mux_child_free(kid->child);
	free(kid);
}

static void
on_kid(struct mux_child *child, int status, void *arg)
{
	(void)child;
	(void)status;
	kid_free(arg);
}

void
proc_reap(struct mux_loop *loop, struct kids *kids, pid_t pid)
{
	struct kid *kid = calloc(1, sizeof(*kid));

	if (kid == NULL ||
	    mux_child_watch(loop, pid, on_kid, kid, &kid->child) != 0) {
		free(kid);
		return;
	}
	LIST_INSERT_HEAD(kids, kid, next);
}

void
proc_reap_stop(struct kids *kids)
{
	while (!LIST_EMPTY(kids))
		kid_free(LIST_FIRST(kids));
}
