/*
 * ptree.h - process trees: a program that we started, and everything that it
 * started in turn, to the last one (E5, R10 of the design).  Used for methods,
 * workers and exec: targets.
 *
 * The process is a "child subreaper": what loses its parent becomes our
 * child.  An orphan belongs to the tree whose session it is in, or whose mark
 * (PTREE_MARK=...) is in its environment; one that cannot be told apart is
 * ended when the last tree that ran when it was found has ended.  What we
 * start in other ways (mux_spawn() without a session, exec: carriers) and its
 * children are left alone, and orphans of that kind are reaped.
 *
 * One struct ptrees in a process: it owns SIGCHLD.
 */
#ifndef PTREE_H
#define PTREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What is in the environment of all that we start, beside what its owner puts
 * there; its value means nothing to anybody else. */
#define PTREE_MARK	"MUX_TREE"

struct mux_loop;
struct mux_spawn;
struct mux_ends;
struct mux_usage;
struct mux_why;
struct ptrees;
struct ptree;

/* Sets PTREE_MARK in our own environment. */
int ptrees_new(struct mux_loop *, struct ptrees **out, struct mux_why *);
/* Kills what is left and waits for it, a second at most; no callback comes.
 * Not from within a callback.  NULL is fine. */
void ptrees_free(struct ptrees *);
/* Trees with processes, those that were left too. */
size_t ptrees_count(const struct ptrees *);

struct ptree_ops {
	/* The program itself has ended; status as from waitpid(). */
	void (*exited)(struct ptree *, int status, const struct mux_usage *,
	    void *arg);
	/* Nothing is left of it.  Comes last, after exited(); the tree is
	 * freed after it. */
	void (*gone)(struct ptree *, void *arg);
};

/*
 * Starts it, in a session of its own, with pipes (as mux_spawn_piped()) and
 * the limit of descriptors that we were given ourselves.  0, or an error of
 * mux.h and *why; then nothing was started.  Both callbacks come from the
 * loop, never from within a function of this header, and may be NULL.
 */
int ptree_start(struct ptrees *, const struct mux_spawn *,
    struct mux_ends *ends, int *err_fd, const struct ptree_ops *, void *arg,
    struct ptree **out, struct mux_why *why);
pid_t ptree_pid(const struct ptree *);
/*
 * Ends all of it: TERM now, KILL after `after` ns (0: KILL now).  May be
 * called again with a shorter time.  It ends nothing by itself when the
 * program has exited: whoever wants no background children calls it then.
 */
void ptree_kill(struct ptree *, uint64_t after);
/*
 * The owner goes: no callback comes any more, what runs is ended as by
 * ptree_kill().  UINT64_MAX: it may go on for as long as it likes, and
 * ptrees_free() lets it live.
 */
void ptree_leave(struct ptree *, uint64_t after);

#endif
