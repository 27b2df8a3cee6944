/*
 * proc.c - the limit of descriptors, the command of `serve -- CMD`, and what
 * becomes of the programs of exec:.  How a child is started cleanly is the
 * library's.  Invariants: the command gets the limits that we were given, not
 * those that we gave ourselves; a program whose connection was cut off does
 * not go on for ever.
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

/* How long a program may take to end that was told to. */
#define KILL_NS		UINT64_C(5000000000)

struct kid {
	LIST_ENTRY(kid) next;
	struct kids *all;
	struct mux_loop *loop;
	struct mux_child *child;
	struct mux_timer *kill;
	struct kid **slot;	/* NULL = nobody wants to know */
	bool left;
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

/* ---- children of exec: ---- */

void
kids_init(struct kids *kids)
{
	LIST_INIT(&kids->head);
	kids->n_left = 0;
}

static void
kid_free(struct kid *kid)
{
	if (kid->slot != NULL)
		*kid->slot = NULL;
	if (kid->left)
		kid->all->n_left--;
	LIST_REMOVE(kid, next);
	mux_timer_free(kid->kill);
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

static void
on_kill(struct mux_timer *t, void *arg)
{
	const struct kid *kid = arg;

	(void)t;
	mux_child_kill(kid->child, SIGKILL);
}

void
kids_add(struct mux_loop *loop, struct kids *kids, pid_t pid,
    struct kid **slot)
{
	struct kid *kid = calloc(1, sizeof(*kid));

	if (kid == NULL || mux_timer_new(loop, on_kill, kid,
	    &kid->kill) != 0 ||
	    mux_child_watch(loop, pid, on_kid, kid, &kid->child) != 0) {
		if (kid != NULL)
			mux_timer_free(kid->kill);
		free(kid);
		return;
	}
	kid->loop = loop;
	kid->all = kids;
	kid->slot = slot;
	if (slot != NULL)
		*slot = kid;
	LIST_INSERT_HEAD(&kids->head, kid, next);
}

void
kids_leave(struct kid *kid, bool cut)
{
	if (kid == NULL)
		return;
	if (kid->slot != NULL)
		*kid->slot = NULL;
	kid->slot = NULL;
	kid->left = true;
	kid->all->n_left++;
	if (!cut)
		return;
	mux_child_kill(kid->child, SIGTERM);
	mux_timer_at(kid->kill, mux_loop_now(kid->loop) + KILL_NS);
}

void
kids_release(struct kids *kids, bool cut)
{
	struct kid *kid;

	while ((kid = LIST_FIRST(&kids->head)) != NULL) {
		if (cut)
			mux_child_kill(kid->child, SIGTERM);
		kid_free(kid);
	}
}
