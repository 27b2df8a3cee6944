/*
 * conf.h - options of a connection as its session wants them.
 */
#ifndef CONF_H
#define CONF_H

#include <stdint.h>

struct mux_config;

/* For the fields of struct mux_config where 0 is the default and UINT64_MAX
 * is never: of options, whose 0 is never and OPT_UNSET the default. */
uint64_t conf_duration(uint64_t ns);

/*
 * Do the streams fit into the memory?  0; or an exit status, and it was said
 * how much is enough for that many.
 */
int conf_check(const struct mux_config *, uint64_t max_streams);

#endif
