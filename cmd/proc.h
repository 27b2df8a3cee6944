/*
 * proc.h - this process among others: its limit of descriptors, the command
 * that serve runs, and children that others started.
 */
#ifndef PROC_H
#define PROC_H

#include <sys/types.h>

#include <bsd/sys/queue.h>

struct mux_loop;
struct mux_why;
struct proc;
struct kid;

LIST_HEAD(kids, kid);

/* The soft limit of descriptors becomes the hard one. */
void proc_raise_nofile(void);

/* `status` is what the shell would call it: 128 + n for signal n. */
typedef void proc_cb(int status, void *arg);

/* Runs argv with MUXCTL_ADDR set.  0, or -1 with *why. */
int proc_run(struct mux_loop *, char *const *argv, const char *addr, proc_cb *,
    void *arg, struct proc **out, struct mux_why *why);
void proc_kill(struct proc *, int signo);
void proc_free(struct proc *);		/* leaves the command alone */

/* A child that nobody waits for, of exec:, is not to become a zombie. */
void proc_reap(struct mux_loop *, struct kids *, pid_t);
void proc_reap_stop(struct kids *);

#endif
