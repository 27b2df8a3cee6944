/*
 * kin.h - the inside of ptree.h: kin.c finds the children of this process and
 * sorts them into trees, ptree.c starts and ends trees.
 *
 * Every child of ours is a kin: the programs themselves, and the orphans,
 * which come to us because we are a subreaper.
 */
#ifndef KIN_H
#define KIN_H

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>

#include "procfs.h"
#include "ptree.h"

struct mux_child;
struct mux_task;
struct mux_timer;

#define NS_PER_S	UINT64_C(1000000000)
#define NEVER		UINT64_MAX
#define MARK_MAX	1024

enum ptree_state { RUNS, TERMED, KILLED };

/* A child of this process. */
struct kin {
	RB_ENTRY(kin) node;
	struct ptree *tree;
	/* Without a tree: ended with the last one up to this serial; 0 = is
	 * none of our business. */
	uint64_t after;
	uint64_t kill_at;	/* without a tree */
	uint64_t dead_since;	/* without a tree: a zombie; 0 = lives */
	uint64_t unsure_since;	/* it could not be asked; 0 = it was */
	uint64_t seen;		/* number of the look */
	pid_t pid;
	bool program;		/* its tree reaps it */
};
RB_HEAD(kin_tree, kin);
RB_PROTOTYPE(kin_tree, kin, node, kin_cmp)

struct ptree {
	LIST_ENTRY(ptree) next;
	struct ptrees *all;
	struct mux_child *child;	/* NULL: the program was reaped */
	const struct ptree_ops *ops;	/* NULL: nobody wants to know */
	void *arg;
	uint64_t serial;
	uint64_t kill_at;
	pid_t pid;			/* its session and first group, too */
	enum ptree_state state;
	uint64_t told_at;	/* its first group was told to end */
	bool settled;	/* a look was made since the program ended */
	bool free;	/* may live on */
};
LIST_HEAD(ptree_list, ptree);

struct ptrees {
	struct mux_loop *loop;
	struct mux_task *look;
	struct mux_timer *timer;
	struct ptree_list trees;
	struct kin_tree kin;
	struct pids pids;
	size_t n;
	uint64_t serial;
	uint64_t n_looks;
	uint64_t due;		/* the next thing to be done by time */
	int children;		/* of procfs_open_children() */
	char nonce[24];
	char mark[MARK_MAX];	/* of our own environment, without serial */
};

/* It may be another's by now if its tree is no longer there: only for those
 * that nobody has reaped.  NULL = not known, or no memory. */
struct kin *kin_find(struct ptrees *, pid_t);
struct kin *kin_add(struct ptrees *, pid_t);
void kin_free(struct ptrees *, struct kin *);
/* k may be freed in it. */
#define KIN_FOREACH(k, next, all) \
	RB_FOREACH_SAFE(k, kin_tree, &(all)->kin, next)

/* The next look is due then, if not before. */
void due_at(struct ptrees *, uint64_t at);

/* What may not be signalled is not waited for, either. */
void kin_signal(struct kin *, int signo);
/* With its group. */
void kin_kill(struct kin *);
/* All of a tree but what has not been found yet. */
void tree_signal(struct ptree *, int signo);

/* Finds those that came, forgets those that others reaped.  False: somebody
 * could not be looked at. */
bool kin_look(struct ptrees *, uint64_t now);
/* Reaps whoever ended; did anybody? */
bool kin_reap(struct ptrees *, uint64_t now);

#endif
