/*
 * ptree.c - programs that we start, and the end of all that they started.  It
 * reads no pipes and knows nothing of methods.
 *
 * A look finds new children of ours, signals what has to end and reaps; it is
 * repeated until nothing changes, because whoever ends leaves us its own
 * children.
 *
 * Invariant: a tree is over when its program has ended and, at a look after
 * that, none of our children is of it: each process that lives has an ancestor
 * that is our child.
 */
#include <sys/prctl.h>
#include <sys/wait.h>

#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "kin.h"
#include "mux_io.h"
#include "proc.h"

/* From TERM to KILL for those that belong to no tree. */
#define KILL_NS		(5 * NS_PER_S)
/* Who could not be looked at is looked at again. */
#define RETRY_NS	(NS_PER_S / 50)
/* Looks in one turn; a fork loop must not stop the others. */
#define MAX_LOOKS	16
#define FREE_MS		1000

/* ---- a look ---- */

/* Before anybody is found: who comes then is killed and not told. */
static void
expire(struct ptrees *all, uint64_t now)
{
	struct ptree *t;

	LIST_FOREACH(t, &all->trees, next) {
		if (t->state == TERMED && t->kill_at <= now)
			t->state = KILLED;
		else if (t->state == TERMED)
			due_at(all, t->kill_at);
	}
}

static void
kill_due(struct ptrees *all, uint64_t now)
{
	struct ptree *t;
	struct kin *k, *next;

	LIST_FOREACH(t, &all->trees, next)
		if (t->state == KILLED)
			tree_signal(t, SIGKILL);
	KIN_FOREACH(k, next, all) {
		if (k->tree != NULL || k->kill_at == NEVER)
			continue;
		if (k->kill_at <= now)
			kin_kill(k);
		else
			due_at(all, k->kill_at);
	}
}

/* ---- what comes of it ---- */

static bool
tree_is_over(struct ptree *t)
{
	struct kin *k, *next;

	if (t->child != NULL)
		return false;
	t->settled = true;
	KIN_FOREACH(k, next, t->all)
		if (k->tree == t)
			return false;
	return true;
}

static void
tree_free(struct ptree *t)
{
	LIST_REMOVE(t, next);
	t->all->n--;
	mux_child_free(t->child);
	free(t);
}

/* Callbacks may start, kill and leave any tree. */
static void
end_trees(struct ptrees *all)
{
	struct ptree_list over = LIST_HEAD_INITIALIZER(over);
	struct ptree *t, *next;

	LIST_FOREACH_SAFE(t, &all->trees, next, next) {
		if (!tree_is_over(t))
			continue;
		LIST_REMOVE(t, next);
		LIST_INSERT_HEAD(&over, t, next);
	}
	while ((t = LIST_FIRST(&over)) != NULL) {
		if (t->ops != NULL && t->ops->gone != NULL)
			t->ops->gone(t, t->arg);
		tree_free(t);
	}
}

static bool
any_up_to(const struct ptrees *all, uint64_t serial)
{
	const struct ptree *t;

	LIST_FOREACH(t, &all->trees, next)
		if (!t->free && t->serial <= serial)
			return true;
	return false;
}

/* Those of whom nobody knows whose they are, once it does not matter. */
static void
end_strays(struct ptrees *all, uint64_t now)
{
	struct kin *k, *next;

	KIN_FOREACH(k, next, all) {
		if (k->tree != NULL || k->after == 0 || k->kill_at != NEVER ||
		    any_up_to(all, k->after))
			continue;
		kin_signal(k, SIGTERM);
		k->kill_at = now + KILL_NS;
		due_at(all, k->kill_at);
	}
}

/* Until nothing changes; false: somebody has to be looked at again. */
static bool
look(struct ptrees *all, uint64_t now)
{
	bool good, any;
	int i;

	expire(all, now);
	for (i = 0; i < MAX_LOOKS; i++) {
		good = kin_look(all, now);
		kill_due(all, now);
		any = kin_reap(all, now);
		if (!any && !good)
			due_at(all, now + RETRY_NS);
		if (!any)
			return good;
	}
	mux_task_run(all->look);
	return false;
}

static void
on_look(struct mux_task *task, void *arg)
{
	struct ptrees *all = arg;
	uint64_t now = mux_loop_now(all->loop);

	(void)task;
	all->due = NEVER;
	mux_timer_at(all->timer, NEVER);
	if (!look(all, now))
		return;
	end_trees(all);
	end_strays(all, now);
}

static void
on_sigchld(int signo, void *arg)
{
	struct ptrees *all = arg;

	(void)signo;
	mux_task_run(all->look);
}

static void
on_timer(struct mux_timer *timer, void *arg)
{
	struct ptrees *all = arg;

	(void)timer;
	mux_task_run(all->look);
}

static void
on_child(struct mux_child *child, int status, void *arg)
{
	struct ptree *t = arg;
	struct mux_usage usage;
	struct kin *k = kin_find(t->all, t->pid);

	mux_child_usage(child, &usage);
	mux_child_free(child);
	t->child = NULL;
	if (k != NULL)
		kin_free(t->all, k);
	mux_task_run(t->all->look);
	if (t->ops != NULL && t->ops->exited != NULL)
		t->ops->exited(t, status, &usage, t->arg);
}

/* ---- starting ---- */

/* Our environment, or another, with the mark in front. */
static char **
marked_env(char *const *envp, char *mark)
{
	static const char name[] = PTREE_MARK "=";
	size_t i, n = 0;
	char **v;

	while (envp[n] != NULL)
		n++;
	v = calloc(n + 2, sizeof(*v));
	if (v == NULL)
		return NULL;
	v[0] = mark;
	for (i = 0, n = 1; envp[i] != NULL; i++)
		if (strncmp(envp[i], name, sizeof(name) - 1) != 0)
			v[n++] = envp[i];
	return v;
}

static int
spawn(struct ptree *t, const struct mux_spawn *s, struct mux_ends *ends,
    int *err_fd, struct mux_why *why)
{
	char mark[MARK_MAX + 64];
	struct mux_spawn sp = *s;
	char **env;
	int err;

	snprintf(mark, sizeof(mark), "%s=%s%" PRIu64, PTREE_MARK,
	    t->all->mark, t->serial);
	env = marked_env(s->envp != NULL ? s->envp : environ, mark);
	if (env == NULL) {
		*why = (struct mux_why){ .err = ENOMEM,
		    .text = "out of memory" };
		return MUX_E_NOMEM;
	}
	sp.envp = env;
	sp.setsid = true;
	err = proc_spawn_piped(&sp, ends, err_fd, why);
	free(env);
	t->pid = err == 0 ? ends->child : 0;
	return err;
}

/* Without a pidfd, or memory, there is no end to wait for. */
static int
spawn_undo(struct ptree *t, struct mux_ends *ends, int *err_fd, int err,
    struct mux_why *why)
{
	*why = (struct mux_why){ .err = err == MUX_E_NOMEM ? ENOMEM : errno,
	    .code = MUX_REFUSED };
	strlcpy(why->text, mux_strerror(err), sizeof(why->text));
	kill(-t->pid, SIGKILL);
	waitpid(t->pid, NULL, 0);
	mux_ends_close(ends, true);
	if (err_fd != NULL)
		close(*err_fd);
	return err;
}

/* The tree and the kin of its program. */
static int
track(struct ptree *t)
{
	struct ptrees *all = t->all;
	struct kin *k = kin_find(all, t->pid);
	int err;

	/* A child that others reaped, and its number came again. */
	if (k != NULL)
		kin_free(all, k);
	k = kin_add(all, t->pid);
	if (k == NULL)
		return MUX_E_NOMEM;
	err = mux_child_watch(all->loop, t->pid, on_child, t, &t->child);
	if (err != 0) {
		kin_free(all, k);
		return err;
	}
	k->tree = t;
	k->program = true;
	LIST_INSERT_HEAD(&all->trees, t, next);
	all->n++;
	return 0;
}

int
ptree_start(struct ptrees *all, const struct mux_spawn *s,
    struct mux_ends *ends, int *err_fd, const struct ptree_ops *ops,
    void *arg, struct ptree **out, struct mux_why *why)
{
	struct ptree *t = calloc(1, sizeof(*t));
	struct mux_ends e;
	int err, errfd;

	if (t == NULL) {
		*why = (struct mux_why){ .err = ENOMEM,
		    .text = "out of memory" };
		return MUX_E_NOMEM;
	}
	t->all = all;
	t->serial = all->serial + 1;
	t->ops = ops;
	t->arg = arg;
	err = spawn(t, s, &e, err_fd != NULL ? &errfd : NULL, why);
	if (err == 0 && (err = track(t)) != 0)
		spawn_undo(t, &e, err_fd != NULL ? &errfd : NULL, err, why);
	if (err != 0) {
		free(t);
		return err;
	}
	all->serial++;
	*ends = e;
	if (err_fd != NULL)
		*err_fd = errfd;
	*out = t;
	return 0;
}

pid_t
ptree_pid(const struct ptree *t)
{
	return t->pid;
}

/* ---- ending ---- */

void
ptree_kill(struct ptree *t, uint64_t after)
{
	uint64_t now = mux_loop_now(t->all->loop);
	uint64_t at = after < NEVER - now ? now + after : NEVER;

	if (t->state == RUNS) {
		t->state = TERMED;
		t->kill_at = NEVER;
		tree_signal(t, after > 0 ? SIGTERM : SIGKILL);
	}
	if (at < t->kill_at)
		t->kill_at = at;
	/* Orphans that nobody has seen yet are found by the look. */
	mux_task_run(t->all->look);
}

void
ptree_leave(struct ptree *t, uint64_t after)
{
	t->ops = NULL;
	if (after == NEVER)
		t->free = true;
	else
		ptree_kill(t, after);
}

/* ---- all of them ---- */

static int
make(struct ptrees *all)
{
	if (mux_task_new(all->loop, on_look, all, &all->look) != 0 ||
	    mux_timer_new(all->loop, on_timer, all, &all->timer) != 0)
		return MUX_E_NOMEM;
	/* Ignored, as we may have got it, it would reap our children. */
	signal(SIGCHLD, SIG_DFL);
	return mux_loop_signal(all->loop, SIGCHLD, on_sigchld, all);
}

/* All that is started in other ways has the serial 0. */
static int
mark_ourselves(struct ptrees *all)
{
	const char *outer = getenv(PTREE_MARK);
	char value[MARK_MAX + 8];

	snprintf(all->nonce, sizeof(all->nonce), "%08" PRIx32 "%08" PRIx32
	    ".", arc4random(), arc4random());
	if (outer == NULL || strlen(outer) > MARK_MAX / 2)
		outer = "";
	snprintf(all->mark, sizeof(all->mark), "%s%s%s", outer,
	    outer[0] != '\0' ? "/" : "", all->nonce);
	snprintf(value, sizeof(value), "%s0", all->mark);
	return setenv(PTREE_MARK, value, 1);
}

int
ptrees_new(struct mux_loop *loop, struct ptrees **out, struct mux_why *why)
{
	struct ptrees *all = calloc(1, sizeof(*all));
	int err = MUX_E_NOMEM;

	*why = (struct mux_why){ .err = ENOMEM, .text = "out of memory" };
	if (all == NULL)
		return err;
	all->loop = loop;
	all->due = NEVER;
	LIST_INIT(&all->trees);
	RB_INIT(&all->kin);
	all->children = procfs_open_children();
	if (mark_ourselves(all) == 0 && (err = make(all)) == 0) {
		prctl(PR_SET_CHILD_SUBREAPER, 1L);
		*out = all;
		return 0;
	}
	if (err != MUX_E_NOMEM) {
		why->err = errno;
		strlcpy(why->text, strerror(errno), sizeof(why->text));
	}
	ptrees_free(all);
	return err;
}

/* Somebody who was killed and is not yet reaped, or -1. */
static pid_t
anybody(struct ptrees *all)
{
	struct kin *k, *next;

	KIN_FOREACH(k, next, all)
		if ((k->tree != NULL && !k->tree->free) ||
		    (k->tree == NULL && k->after != 0))
			return k->pid;
	return -1;
}

/* Waits for its end; false: it took too long. */
static bool
await_end(pid_t pid, int ms)
{
	struct pollfd pfd = { .events = POLLIN };
	bool ended;

	pfd.fd = pidfd_open(pid, 0);
	ended = pfd.fd < 0 || poll(&pfd, 1, ms) != 0;
	if (pfd.fd >= 0)
		close(pfd.fd);
	return ended;
}

static void
kill_all(struct ptrees *all)
{
	struct ptree *t;
	struct kin *k, *next;

	LIST_FOREACH(t, &all->trees, next)
		if (!t->free)
			tree_signal(t, SIGKILL);
	KIN_FOREACH(k, next, all)
		if (k->tree == NULL && k->after != 0)
			kin_kill(k);
}

static void
reap_one(struct ptrees *all, struct kin *k)
{
	if ((k->tree == NULL && k->after == 0) ||
	    waitpid(k->pid, NULL, WNOHANG) == 0)
		return;
	if (k->program) {
		mux_child_free(k->tree->child);
		k->tree->child = NULL;
	}
	kin_free(all, k);
}

static void
end_all(struct ptrees *all)
{
	uint64_t end = mux_loop_now(all->loop) + FREE_MS * (NS_PER_S / 1000);
	struct kin *k, *next;
	uint64_t now;
	pid_t pid;

	for (;;) {
		now = mux_loop_now(all->loop);
		kin_look(all, now);
		kill_all(all);
		if ((pid = anybody(all)) < 0 || now >= end ||
		    !await_end(pid, (int)((end - now) / (NS_PER_S / 1000))))
			return;
		KIN_FOREACH(k, next, all)
			reap_one(all, k);
	}
}

void
ptrees_free(struct ptrees *all)
{
	struct ptree *t;
	struct kin *k;

	if (all == NULL)
		return;
	if (all->n > 0 || !RB_EMPTY(&all->kin))
		end_all(all);
	while ((t = LIST_FIRST(&all->trees)) != NULL)
		tree_free(t);
	while ((k = RB_MIN(kin_tree, &all->kin)) != NULL)
		kin_free(all, k);
	mux_loop_signal(all->loop, SIGCHLD, NULL, NULL);
	prctl(PR_SET_CHILD_SUBREAPER, 0L);
	mux_task_free(all->look);
	mux_timer_free(all->timer);
	if (all->children >= 0)
		close(all->children);
	pids_release(&all->pids);
	free(all);
}

size_t
ptrees_count(const struct ptrees *all)
{
	return all->n;
}
