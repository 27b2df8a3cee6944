/*
 * doors.h - the listeners of serve: the words of -l, or what stands in for
 * them.
 */
#ifndef DOORS_H
#define DOORS_H

#include <stdbool.h>
#include <stddef.h>

struct door;
struct mux_ends;
struct mux_loop;
struct opt_list;
struct uids;

/* The fields up to `arg` are the caller's. */
struct doors {
	struct mux_loop *loop;
	bool warn;		/* of TCP ports: there are targets */
	const struct uids *uids;	/* whom they let in */
	/* Takes over the ends.  `check`: its uid decides. */
	void (*accept)(const struct mux_ends *, bool check, void *arg);
	void *arg;
	struct door *list;
	size_t n;
	size_t n_single;	/* that give one connection and no other */
	size_t n_came;		/* of those */
	char *private_dir;
};

/* Each gives 0, or an exit status, and it was said. */
int doors_read(struct doors *, const struct opt_list *words);
/* Listens on all; without a word, on a private or the default socket. */
int doors_open(struct doors *, bool private_socket);

/* Nobody comes in any more. */
void doors_close(struct doors *);
void doors_release(struct doors *);

/* Do all of them give one connection, and are these here? */
bool doors_single(const struct doors *);
bool doors_all_came(const struct doors *);

/* How to reach the first from this machine, whatever the working directory.
 * free() it; NULL = no memory. */
char *doors_address(const struct doors *);

#endif
