/*
 * procfs.h - what /proc says of processes: whose child, of which session, with
 * which variable in its environment.
 */
#ifndef PROCFS_H
#define PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pids {
	pid_t *v;
	size_t n, room;
};

/* Of our children, as long as the process lives; -1: this kernel has none. */
int procfs_open_children(void);
/* All children of ours, zombies too.  By fd, or if that is -1 by a look at
 * every process.  0, or -1 and errno: then nothing is known. */
int procfs_children(int fd, struct pids *);
void pids_release(struct pids *);

struct procfs_stat {
	char state;		/* 'Z' = zombie */
	pid_t ppid, pgid, sid;
	uint64_t born;		/* ns of CLOCK_BOOTTIME, rounded down to ... */
};
#define PROCFS_TICK	UINT64_C(10000000)	/* ... this, at most */
/* 0, or -1: there is none, or it cannot be read. */
int procfs_stat(pid_t, struct procfs_stat *);

/*
 * The value of a variable when the program was started; cut to size - 1.  1,
 * or 0 if it has none or may not be looked at, or -1: it has no memory just
 * now, because it starts a program or ends, or errno.
 */
int procfs_env(pid_t, const char *name, char *value, size_t size);

#endif
