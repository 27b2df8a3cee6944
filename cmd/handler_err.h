/*
 * handler_err.h - the standard error of one handler: a one-way stream to the
 * caller, or our log.
 */
#ifndef HANDLER_ERR_H
#define HANDLER_ERR_H

#include <stdbool.h>
#include <stdint.h>

struct herr;
struct work;

/* Takes over the descriptor; NULL: no memory, and it is closed. */
struct herr *herr_new(struct work *, int fd);
/*
 * The program has exited: is it known whether it has said anything, and if so
 * by which stream?  Then true, and *id is that or 0.  Else work_ready()
 * follows.
 */
bool herr_settle(struct herr *, uint64_t *id);
/* Nothing of the program is left, and of the work neither: what is in the
 * pipe still goes where it belongs, without anybody's help. */
void herr_leave(struct herr *);
/* Nobody waits for it: what comes goes to the log. */
void herr_cut(struct herr *);
void herr_free(struct herr *);	/* the program ends; NULL is fine */

#endif
