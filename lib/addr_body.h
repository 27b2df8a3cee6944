/*
 * addr_body.h - the schemes of addresses: the one table of their names and of
 * what reads and prints their bodies.
 */
#ifndef ADDR_BODY_H
#define ADDR_BODY_H

#include "mux_io.h"

/* Where a parser is. */
struct addr_parse {
	struct mux_addr *a;	/* to be filled in */
	char *body;		/* decoded (exec: verbatim); overwritten */
	const char *word;	/* as it was given, for messages */
	struct mux_why *why;
};

/* 0 or MUX_E_*; what was filled in by then is mux_addr_free()'s. */
typedef int addr_body_parse(const struct addr_parse *);

/* Prints scheme and body (exec: its options too) with all room it needs;
 * gives the end. */
typedef char *addr_body_print(char *, const struct mux_addr *);

#define ADDR_N_SCHEMES	(MUX_STDIO + 1)

extern const struct addr_scheme {
	const char *name;	/* "-" is last: it is the only one in a word */
	addr_body_parse *parse;
	addr_body_print *print;
} addr_schemes[ADDR_N_SCHEMES];

#endif
