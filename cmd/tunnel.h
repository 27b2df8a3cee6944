/*
 * tunnel.h - what the rooms of tunnel share: its options, and reading them.
 */
#ifndef TUNNEL_H
#define TUNNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "mux_io.h"
#include "opt.h"

struct locals;

struct tunnel_opts {
	struct opt_list local;
	const char *stdio;	/* -W */
	const char *allow_uid;
	uint64_t connect_timeout, keepalive, grace, idle_exit, memory;
	int64_t max_streams;
	bool exit_on_failure;
};

extern const struct opt tunnel_opts_table[];

void tunnel_opts_init(struct tunnel_opts *);

/* Each says what is wrong and gives an exit status, or 0. */
int tunnel_opts_check(const struct tunnel_opts *, const struct opt_rest *,
    const struct opt_common *);
int tunnel_opts_config(const struct tunnel_opts *, struct mux_config *);
int tunnel_opts_locals(const struct tunnel_opts *, struct locals *);
/* The target of -W as it goes on the wire; the caller's to free. */
int tunnel_opts_target(const char *word, char **target);

#endif
