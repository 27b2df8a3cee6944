/*
 * addr_opt.h - the options of addresses, ?key=value&key=value.  One table
 * says which there are, where they belong and how their values look.
 */
#ifndef ADDR_OPT_H
#define ADDR_OPT_H

#include "int.h"
#include "mux_io.h"

#define ADDR_N_OPTS	13

struct addr_opts {
	char *value[ADDR_N_OPTS];	/* canonical; NULL = not given */
};

/*
 * Takes "key=value&..." apart, which it overwrites.  What was given stays in
 * *opts even on failure: addr_opts_release().  `word` is for messages.
 */
int addr_opts_parse(struct addr_opts *opts, enum mux_scheme, char *text,
    const char *word, struct mux_why *why);
void addr_opts_release(struct addr_opts *);

/* Room that addr_opts_put() needs, without the NUL. */
size_t addr_opts_room(const struct addr_opts *);
/* "?key=value&...", sorted by key, or nothing; gives the end. */
char *addr_opts_put(char *p, const struct addr_opts *, enum mux_scheme);

const char *addr_opts_get(const struct addr_opts *, const char *key);
/* A key that was given and is not for this role, with the reason; or NULL. */
const char *addr_opts_unfit(const struct addr_opts *, enum mux_role,
    const char **reason);

/* The value of idle=, keepalive=, linger= in ns. */
bool addr_duration(const char *value, uint64_t *ns);

#endif
