/*
 * serve.h - what the rooms of serve share: its options, and reading them.
 */
#ifndef SERVE_H
#define SERVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "mux_io.h"
#include "opt.h"

struct dispatch;
struct methods;
struct targets;

struct serve_opts {
	struct opt_list listen, names, rules;
	struct opt_list methods, dirs, limits, env;
	const char *allow_uid, *default_method, *cwd, *profile;
	uint64_t max_frame, memory;	/* memory: 0 = as the methods want */
	int64_t max_streams, max_conns, max_clients, max_calls, jobs, queue;
	uint64_t connect_timeout, keepalive, grace, idle_exit;
	uint64_t call_timeout, kill_after;
	bool once, allow_admin;
};

extern const struct opt serve_opts_table[];

void serve_opts_init(struct serve_opts *);

/* Each says what is wrong and gives an exit status, or 0. */
int serve_opts_check(const struct serve_opts *, const struct opt_rest *,
    const struct opt_common *);
int serve_opts_config(const struct serve_opts *, struct methods *,
    struct mux_config *);
int serve_opts_targets(const struct serve_opts *, struct targets **);
int serve_opts_methods(const struct serve_opts *, struct methods **);
/* What works are run with; all but the loop and who is told. */
int serve_opts_dispatch(const struct serve_opts *, struct dispatch *);

/* A listener of -l: 0, or what to exit with. */
int serve_opts_addr(const char *word, const char *where,
    struct mux_addr **out);

#endif
