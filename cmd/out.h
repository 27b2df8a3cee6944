/*
 * out.h - what the program says: diagnostics, log lines, JSON.  Data goes to
 * stdout by the verbs themselves; everything else goes through say(), the one
 * place where bytes of peers and users are made harmless.
 */
#ifndef OUT_H
#define OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct opt_common;

enum say_level {
	SAY_ERROR,		/* also with -q */
	SAY_WARN,		/* by default, and: */
	SAY_NOTE,		/* the end of a stream or connection */
	SAY_INFO,		/* -v: events */
	SAY_DEBUG		/* -vv: frames */
};

/*
 * One cause of lines that a peer can provoke: `burst` lines at once, then one
 * per `every` ns; the next one that passes says how many did not.  Keep one
 * per cause (and per connection, where that is the cause).
 */
struct say_gate {
	uint64_t burst;
	uint64_t every;
	uint64_t due;		/* private from here: when the bucket is full */
	uint64_t hidden;
};

#define SAY_GATE(n, ms)	{ (n), (ms) * UINT64_C(1000000), 0, 0 }

/* Prefix of all lines; NULL for muxctl itself.  Before anything is said. */
void out_verb(const char *verb);
/* Level, destination, format and colour as asked; 0, or an exit status. */
int out_open(const struct opt_common *);
/* SIGHUP: a log file by the same name is opened anew. */
void out_reopen(void);
/* The descriptor that the log goes to, -1 if it is stderr. */
int out_log_fd(void);
/* Descriptors 0-2 let go of whoever started us: they lead to the log, if that
 * is a file, else to /dev/null. */
void out_detach(void);
/*
 * The work has begun: from now on a line for which there is no room is lost,
 * and the next one tells how many were.  Until then errors go to stderr, too,
 * if the log is elsewhere.
 */
void out_started(void);
/* It is over: waiting for a reader holds nothing up any more. */
void out_ended(void);
/* Lines of the live state, to stderr as they are. */
void out_state(const char *text, size_t len);
/* May colours be used on this descriptor? */
bool out_color(int fd);
/* What was written to stdout so far; -1, which out_finish() will explain. */
int out_flush(void);
/* At the end of main(): flushes stdout and closes it; what the exit status
 * is then. */
int out_finish(int status);

/* Would a line of this level go anywhere? */
bool say_on(enum say_level);

/* "muxctl: VERB: text", encoded by vis(3); text has no newline. */
void say(enum say_level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void say_gated(struct say_gate *, enum say_level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* What has been encoded by vis(3) already, with the prefix. */
void say_plain(enum say_level, const char *line);
/* The same as SAY_ERROR, and gives back the status. */
int say_exit(int status, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Facts of an event; `str` NULL means that it is a number. */
struct say_field {
	const char *key;
	const char *str;
	uint64_t num;
};

/*
 * An event: as text what fmt makes, as JSON its name and fields, in order.
 * The gate may be NULL.
 */
void say_event(struct say_gate *, enum say_level, const char *event,
    const struct say_field *, size_t n, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

/* Encodes for terminals: only 0x20..0x7e are left.  free() it; NULL = no
 * memory. */
char *out_vis(const char *text);

/*
 * One JSON object on one line, "v":1 first.  Pure ASCII: what is not UTF-8
 * becomes \ufffd, the rest beyond ASCII is escaped, so a line is harmless on
 * a terminal.  Keys are ours and need no escaping.
 */
struct jout {
	FILE *f;
	bool b64;		/* of the list at hand */
	size_t n_items;
};

void jout_begin(struct jout *, FILE *);
void jout_str(struct jout *, const char *key, const char *val);
void jout_mem(struct jout *, const char *key, const void *p, size_t n);
/* Bytes that need not be text: what is not UTF-8, or has a NUL, is KEY_b64
 * instead. */
bool jout_is_text(const void *p, size_t n);
void jout_bytes(struct jout *, const char *key, const void *p, size_t n);
/* A list, of texts or else as KEY_b64, and of numbers. */
void jout_list_begin(struct jout *, const char *key, bool text);
void jout_list_bytes(struct jout *, const void *p, size_t n);
void jout_list_u64(struct jout *, uint64_t val);
void jout_list_end(struct jout *);
/* A JSON value that is ASCII on one line. */
void jout_raw(struct jout *, const char *key, const char *json);
void jout_u64(struct jout *, const char *key, uint64_t val);
/* As seconds, with nine digits behind the point. */
void jout_ns(struct jout *, const char *key, uint64_t ns);
void jout_bool(struct jout *, const char *key, bool val);
int jout_end(struct jout *);	/* 0, or -1 if the file has an error */

#endif
