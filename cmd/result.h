/*
 * result.h - how a call ended, in the words of muxctl(1): kind, exit status,
 * and the JSON object.  The one place where answers become exit codes.
 */
#ifndef RESULT_H
#define RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "out.h"

struct mux_answer;

enum result_kind {
	RESULT_EXIT, RESULT_SIGNAL, RESULT_ERROR, RESULT_TIMEOUT,
	RESULT_CANCELLED, RESULT_REFUSED, RESULT_NOMETHOD, RESULT_SPAWN,
	RESULT_TRANSPORT, RESULT_INDETERMINATE, RESULT_NOT_SENT
};

struct result {
	enum result_kind kind;
	int code;		/* the exit status of a single call */
	int signal;		/* 0 = none */
	uint32_t err;		/* MUX_*; MUX_OK with an exit or a signal */
	char *error;		/* sentence, vis-unsafe; NULL = none; free() */
	uint64_t queued, total;	/* ns: until it was begun; in all */
	bool have_usage;
	uint64_t utime, stime, maxrss;
	bool by_peer;		/* the server said so; else we found out */
	bool not_started;	/* certain: may be tried again elsewhere */
};

/*
 * Which answer means what: muxctl(1), EXIT STATUS.  What is
 * not in the table is RESULT_TRANSPORT below MUX_APPLICATION and from
 * MUX_F_PROTOCOL on, and RESULT_ERROR between.  MUX_INTERNAL is 125 unless the
 * program could not even be started (EXIT of kind 2): then RESULT_SPAWN.
 */

/* From the answer of mux_call(3).  A response without an EXIT tag (plain S0
 * servers, built-ins) is exit 0. */
void result_from(struct result *, const struct mux_answer *);
/* One that never got as far: kind NOT_SENT, TRANSPORT, TIMEOUT, ...  The
 * text is copied.  RESULT_ERROR with MUX_INTERNAL is a fault on this side:
 * exit status 125. */
void result_make(struct result *, enum result_kind, uint32_t err,
    const char *error);
void result_release(struct result *);
/* May it be asked for again, as far as the server is concerned? */
bool result_may_repeat(const struct result *, bool idempotent);
const char *result_kind_name(enum result_kind);

/*
 * Keys in their fixed order: v,id,method,kind,code,signal,error,
 * body|body_b64,stderr,queued_ns,total_ns,user_ns,sys_ns,maxrss.  `id` is a
 * JSON value as text ("7", "\"a\""), or NULL; body and stderr NULL = leave
 * out.  A body that is not UTF-8, or has a NUL, comes as body_b64.  Between
 * jout_begin() and jout_end(); queued_ns and total_ns are left out where
 * nothing was sent.
 */
struct result_json {
	const char *id;
	const char *method;
	const void *body;
	size_t body_len;
	const void *err_text;
	size_t err_len;
};
void result_json(const struct result *, const struct result_json *,
    struct jout *);

#endif
