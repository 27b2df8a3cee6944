/*
 * kin.c - finds the children of this process, tells whose they are, signals
 * and reaps them.  What is to be ended, and when, ptree.c says.
 *
 * Invariant: a number is used as a process only while that is a child of ours
 * which nobody has reaped (orphans are reaped here alone), so it cannot be
 * another's; and as a group only while such a child is in it.
 */
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kin.h"
#include "mux_io.h"

/* A zombie that is not ours to reap is so after this. */
#define ZOMBIE_NS	NS_PER_S
/* Who cannot be asked for so long does not want to be. */
#define UNSURE_NS	NS_PER_S

static int
kin_cmp(const struct kin *a, const struct kin *b)
{
	return (a->pid > b->pid) - (a->pid < b->pid);
}

RB_GENERATE(kin_tree, kin, node, kin_cmp)

struct kin *
kin_find(struct ptrees *all, pid_t pid)
{
	struct kin key = { .pid = pid };

	return RB_FIND(kin_tree, &all->kin, &key);
}

struct kin *
kin_add(struct ptrees *all, pid_t pid)
{
	struct kin *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return NULL;
	k->pid = pid;
	k->seen = all->n_looks;
	k->kill_at = NEVER;
	RB_INSERT(kin_tree, &all->kin, k);
	return k;
}

void
kin_free(struct ptrees *all, struct kin *k)
{
	RB_REMOVE(kin_tree, &all->kin, k);
	free(k);
}

void
due_at(struct ptrees *all, uint64_t at)
{
	if (at < all->due) {
		all->due = at;
		mux_timer_at(all->timer, at);
	}
}

/* ---- signals ---- */

/* The group of a child of ours, or 0 if it is the one that we are in. */
static pid_t
group_of(pid_t pid)
{
	pid_t group = getpgid(pid);

	return group > 1 && group != getpgrp() ? group : 0;
}

void
kin_signal(struct kin *k, int signo)
{
	if (kill(k->pid, signo) == 0 || errno != EPERM)
		return;
	k->tree = NULL;
	k->after = 0;
}

/* Killed together: a loop of forks is faster than we are, but the kernel lets
 * none be born while it signals a group. */
void
kin_kill(struct kin *k)
{
	pid_t group;

	kin_signal(k, SIGKILL);
	if ((group = group_of(k->pid)) != 0)
		kill(-group, SIGKILL);
}

static uint64_t
boot_time(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

/*
 * The first group is told to end as one, once: many programs take the second
 * TERM for "at once".  Who was born behind it has not heard it.
 */
static void
tell_group(struct ptree *t)
{
	if (t->told_at == 0 && kill(-t->pid, SIGTERM) == 0)
		t->told_at = boot_time();
}

static void
tell(struct kin *k)
{
	struct ptree *t = k->tree;
	struct procfs_stat st;

	if (getpgid(k->pid) != t->pid)
		kin_signal(k, SIGTERM);
	else if (t->told_at == 0)
		tell_group(t);
	else if (procfs_stat(k->pid, &st) == 0 &&
	    st.born + PROCFS_TICK >= t->told_at)
		kin_signal(k, SIGTERM);
}

void
tree_signal(struct ptree *t, int signo)
{
	struct kin *k, *next;

	if (t->child != NULL && signo == SIGKILL)
		kill(-t->pid, SIGKILL);
	else if (t->child != NULL)
		tell_group(t);
	KIN_FOREACH(k, next, t->all) {
		if (k->tree != t || k->program)
			continue;
		if (signo == SIGKILL)
			kin_kill(k);
		else
			tell(k);
	}
}

/* ---- whose is it? ---- */

static struct ptree *
tree_by_session(struct ptrees *all, pid_t sid)
{
	struct ptree *t;
	struct kin *k, *next;

	/* The number of a program that ended is its session's as long as that
	 * has members: those that it left are found at the next look. */
	LIST_FOREACH(t, &all->trees, next)
		if (t->pid == sid && !t->settled)
			return t;
	KIN_FOREACH(k, next, all)
		if (k->tree != NULL && getsid(k->pid) == sid)
			return k->tree;
	return NULL;
}

enum marked { MARK_UNSURE, MARK_NONE, MARK_OTHER, MARK_TREE };

/*
 * Ours may stand behind that of a muxctl that we run under, or before that of
 * one that ran under us.
 */
static enum marked
read_mark(struct ptrees *all, pid_t pid, uint64_t *serial)
{
	char value[2 * MARK_MAX];
	const char *p;
	int r = procfs_env(pid, PTREE_MARK, value, sizeof(value));

	if (r < 0)
		return MARK_UNSURE;
	p = r == 1 ? strstr(value, all->nonce) : NULL;
	if (p == NULL)
		return MARK_NONE;
	*serial = strtoull(p + strlen(all->nonce), NULL, 10);
	return *serial == 0 ? MARK_OTHER : MARK_TREE;
}

static struct ptree *
tree_by_serial(struct ptrees *all, uint64_t serial)
{
	struct ptree *t;

	LIST_FOREACH(t, &all->trees, next)
		if (t->serial == serial)
			return t;
	return NULL;
}

/* The newest of the trees that end some time, or of those to which others of
 * unknown origin belong; 0 if there is none. */
static uint64_t
last_serial(struct ptrees *all)
{
	const struct ptree *t;
	struct kin *k, *next;
	uint64_t last = 0;

	LIST_FOREACH(t, &all->trees, next)
		if (!t->free && t->serial > last)
			last = t->serial;
	KIN_FOREACH(k, next, all)
		if (k->tree == NULL && k->after > last)
			last = k->after;
	return last;
}

static void
sort_by_mark(struct ptrees *all, struct kin *k, uint64_t now)
{
	enum marked marked;
	uint64_t serial;

	marked = read_mark(all, k->pid, &serial);
	if (marked == MARK_UNSURE && k->unsure_since == 0)
		k->unsure_since = now;
	if (marked != MARK_UNSURE || now - k->unsure_since >= UNSURE_NS)
		k->unsure_since = 0;
	if (marked == MARK_OTHER) {
		k->after = 0;
		return;
	}
	if (marked == MARK_TREE) {
		k->tree = tree_by_serial(all, serial);
		k->after = serial;
	} else if (k->after == 0) {
		k->after = last_serial(all);
	}
}

/* Whose is it, by its mark and its session?  Sets tree or after. */
static void
kin_sort(struct ptrees *all, struct kin *k, uint64_t now)
{
	pid_t sid = getsid(k->pid);

	/* Nobody comes back into our session: it never was in a tree. */
	if (sid == getsid(0))
		return;
	k->tree = tree_by_session(all, sid);
	if (k->tree == NULL)
		sort_by_mark(all, k, now);
	else
		k->unsure_since = 0;
	if (k->tree == NULL || k->tree->state == RUNS)
		return;
	if (k->tree->state == KILLED)
		kin_kill(k);
	else
		tell(k);
}

/* False: there is no memory. */
static bool
adopt(struct ptrees *all, pid_t pid, uint64_t now)
{
	struct kin *k = kin_add(all, pid);

	if (k == NULL)
		return false;
	kin_sort(all, k, now);
	return k->unsure_since == 0;
}

/* ---- looking and reaping ---- */

bool
kin_look(struct ptrees *all, uint64_t now)
{
	struct kin *k, *next;
	bool good = true;
	size_t i;

	if (procfs_children(all->children, &all->pids) != 0)
		return false;
	all->n_looks++;
	for (i = 0; i < all->pids.n; i++) {
		k = kin_find(all, all->pids.v[i]);
		if (k == NULL) {
			good = adopt(all, all->pids.v[i], now) && good;
			continue;
		}
		k->seen = all->n_looks;
		if (k->unsure_since != 0)
			kin_sort(all, k, now);
		good = good && k->unsure_since == 0;
	}
	/* Reaped by whoever started it. */
	KIN_FOREACH(k, next, all)
		if (k->seen != all->n_looks && !k->program)
			kin_free(all, k);
	return good;
}

/* One that is none of ours may have an owner who reaps it; who did not after
 * a while is no longer there. */
static bool
is_unclaimed(struct ptrees *all, struct kin *k, uint64_t now)
{
	siginfo_t si = { 0 };

	if (k->tree != NULL || k->after != 0 || k->unsure_since != 0)
		return true;
	if (waitid(P_PID, (id_t)k->pid, &si, WEXITED | WNOHANG | WNOWAIT) !=
	    0 || si.si_pid == 0)
		return false;
	if (k->dead_since == 0)
		k->dead_since = now;
	if (now - k->dead_since >= ZOMBIE_NS)
		return true;
	due_at(all, k->dead_since + ZOMBIE_NS);
	return false;
}

bool
kin_reap(struct ptrees *all, uint64_t now)
{
	struct kin *k, *next;
	bool any = false;

	KIN_FOREACH(k, next, all) {
		if (k->program || !is_unclaimed(all, k, now) ||
		    waitpid(k->pid, NULL, WNOHANG) == 0)
			continue;
		kin_free(all, k);
		any = true;
	}
	return any;
}

