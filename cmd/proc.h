/*
 * proc.h - this process among others: its limit of descriptors, the command
 * that serve runs, and the programs that addresses with exec: started.
 */
#ifndef PROC_H
#define PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <bsd/sys/queue.h>

struct mux_ends;
struct mux_loop;
struct mux_spawn;
struct mux_why;
struct proc;
struct kid;

/* The programs of carriers of exec:. */
struct kids {
	LIST_HEAD(, kid) head;
};

/* The soft limit of descriptors becomes the hard one. */
void proc_raise_nofile(void);

/* mux_spawn_piped(), with the limit of descriptors that we were given. */
int proc_spawn_piped(const struct mux_spawn *, struct mux_ends *, int *err_fd,
    struct mux_why *);

/* `status` is what the shell would call it: 128 + n for signal n. */
typedef void proc_cb(int status, void *arg);

/* Runs argv with MUXCTL_ADDR set.  0, or -1 with *why. */
int proc_run(struct mux_loop *, char *const *argv, const char *addr, proc_cb *,
    void *arg, struct proc **out, struct mux_why *why);
void proc_kill(struct proc *, int signo);
void proc_free(struct proc *);		/* leaves the command alone */

#define PROC_STATUS	64
/* "exited with status 3", "killed by signal 9"; of waitpid(). */
void proc_status(int status, char buf[PROC_STATUS]);

void kids_init(struct kids *);
/* Waits for a child, and keeps how it ended. */
void kids_add(struct mux_loop *, struct kids *, pid_t);
/* Its connection has ended: says so in *why if the program failed.  It may be
 * about to end: that is waited for, a moment.  Any pid is fine. */
void kids_explain(const struct kids *, pid_t, struct mux_why *);
/* Waits no longer; all that run are told to end, if they were cut off. */
void kids_release(struct kids *, bool cut);

#endif
