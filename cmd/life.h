/*
 * life.h - how a long-running verb begins, says that it is ready, and ends:
 * inherited descriptors, --background, --die-with, --print-addr, --ready-fd
 * and the notices to systemd.
 *
 *	life_keep(), life_keep_addr()	descriptors that the options name
 *	life_begin()			before the loop or any descriptor exists
 *	life_addr()			once per listener, in argv order
 *	life_ready()			everything is up
 *	life_stopping()			a drain begins
 *	life_end()			always, if life_begin() gave -1
 */
#ifndef LIFE_H
#define LIFE_H

struct mux_addr;
struct opt_common;

/* This inherited descriptor was named: do not close it. */
void life_keep(int fd);
/* The number in fd:N, or -1. */
int life_addr_fd(const struct mux_addr *);
/* Those of fd:N and systemd:; nothing for other schemes. */
void life_keep_addr(const struct mux_addr *);

/*
 * Closes what nobody named and, with --background, forks; *com must live on.
 * -1: go on (in the child, then).  Else an exit status: an error, or, in the
 * parent, 0 when the child is ready and the child's own when it ended before.
 */
int life_begin(const struct opt_common *com);

/* Readable when the process of --die-with or our parent has ended: stop then.
 * -1 = not asked for. */
int life_death_fd(void);

/* For --print-addr. */
void life_addr(const char *canonical);

/* Tells everyone who waits.  With --background descriptors 0-2 are gone from
 * here on.  -1: go on.  Else what to exit with; it has been said. */
int life_ready(void);

void life_stopping(void);
void life_end(void);

#endif
