/*
 * methods.h - what serve answers to: the names of -m, -x, -M, --worker and
 * the built-in mux.*.  A registry only; running them is dispatch.c's.
 */
#ifndef METHODS_H
#define METHODS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mux_why;
struct methods;
struct work_ops;

enum method_kind {
	METHOD_SHELL,		/* -m: sh -c */
	METHOD_PROGRAM,		/* -x, -M */
	METHOD_WORKER,		/* --worker */
	METHOD_BUILTIN		/* mux.* */
};

struct method {
	char *name;		/* any bytes but NUL, UTF-8 or not */
	enum method_kind kind;
	const struct work_ops *ops;	/* how it is run */
	char **argv;		/* program and first arguments, or NULL */
	char *line;		/* as it was given, for --describe */
	char *about;		/* "# muxctl: TEXT" of a script, or NULL */
	bool own_uid;		/* built-in: only for the server's own uid */
	uint64_t timeout;	/* ns; 0 = none, UINT64_MAX = as all */
	int64_t jobs, queue;	/* its own limits; 0 = only the general ones */
	/* Kept by dispatch.c: */
	size_t n_running, n_queued;
	void *pool;		/* worker.c: its processes, or NULL */
};

/* With the built-ins; NULL = no memory. */
struct methods *methods_new(void);
/* Counted: a call in hand keeps the methods it was found in. */
struct methods *methods_ref(struct methods *);
void methods_unref(struct methods *);

/* word is NAME=TEXT.  0, or an error of mux.h and *why: no '=', an empty or
 * duplicate name, mux.*, an unclosed quote. */
int methods_add(struct methods *, enum method_kind, const char *word,
    struct mux_why *why);
/* A built-in one, for methods_new(); `about` is kept by reference. */
int methods_add_builtin(struct methods *, const char *name,
    const struct work_ops *, bool own_uid, const char *about);
/* A program by its path; takes over `about` on success. */
int methods_add_program(struct methods *, const char *name, const char *path,
    char *about, struct mux_why *);
/* Every executable in dir with a name of [A-Za-z0-9_.-]+ that does not begin
 * with a dot.  No directory, no methods, if `may_lack`. */
int methods_add_dir(struct methods *, const char *dir, bool may_lack,
    struct mux_why *why);
/* --limit NAME=jobs:N,queue:N,timeout:D.  After the methods were added. */
int methods_limit(struct methods *, const char *word, struct mux_why *why);

/* --default-method: what a name of no bytes means from now on.  -1: there is
 * none of this name. */
int methods_unnamed(struct methods *, const char *name);

/* NULL: there is none. */
struct method *methods_find(struct methods *, const char *name, size_t len);
/* Sorted by name; prev NULL gives the first, NULL comes at the end. */
struct method *methods_next(struct methods *, struct method *prev);
bool methods_any(const struct methods *);	/* besides the built-ins */

#endif
