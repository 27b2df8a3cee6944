/*
 * serve_opts.c - the options of serve and what they mean, up to the point
 * where something has to be opened.  Invariant: everything that can be wrong
 * with a word is found here, before anything has been done.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "conf.h"
#include "methods.h"
#include "out.h"
#include "serve.h"
#include "targets.h"

/* At once, of one peer: as many as one that pipelines keeps under way. */
#define MAX_CALLS	1024u
/* So that a window is 64 KiB with these and the default of --max-streams. */
#define MEMORY_CALLS	(160u * 1024u * 1024u)

#define S(field)	.offset = offsetof(struct serve_opts, field)

const struct opt serve_opts_table[] = {
	OPT_HEADING("Where"),
	{ "listen", 'l', OPT_LIST, "ADDR",
	    "listen there (muxaddr(7)); default: the user's own socket",
	    S(listen) },
	{ "allow-uid", 0, OPT_STRING, "USER,...",
	    "who may connect to unix sockets (the own user and root)",
	    S(allow_uid) },

	OPT_HEADING("Targets (nothing else is reached)"),
	{ "target", 'T', OPT_LIST, "NAME=ADDR",
	    "peers reach ADDR by this name", S(names), .flags = OPT_ADD },
	{ "allow-target", 0, OPT_LIST, "RULE",
	    "tcp:HOST:PORTS or unix:PATH that peers may ask for",
	    S(rules), .flags = OPT_ADD },
	{ "deny-target", 0, OPT_LIST, "RULE",
	    "the same, never; wins over the others",
	    S(rules), .flags = OPT_ADD },
	{ "connect-timeout", 0, OPT_DURATION, "D",
	    "give a target D to take a connection (10s)",
	    S(connect_timeout) },

	OPT_HEADING("Methods"),
	{ "method", 'm', OPT_LIST, "NAME=COMMAND",
	    "calls of NAME run the shell command", S(methods),
	    .flags = OPT_ADD },
	{ "exec", 'x', OPT_LIST, "NAME=PROGRAM",
	    "the same without a shell: a program and arguments", S(methods),
	    .flags = OPT_ADD },
	{ "worker", 0, OPT_LIST, "NAME=PROGRAM",
	    "one process for all calls of NAME", S(methods),
	    .flags = OPT_ADD },
	{ "methods", 'M', OPT_LIST, "DIR",
	    "every executable in DIR is a method", S(dirs),
	    .flags = OPT_ADD },
	{ "profile", 0, OPT_STRING, "ssh",
	    "methods of the user's own directory", S(profile) },
	{ "default-method", 0, OPT_STRING, "NAME",
	    "what plain calls without a method mean", S(default_method) },
	{ "env", 0, OPT_LIST, "NAME[=VALUE]",
	    "methods find it in their environment", S(env),
	    .flags = OPT_ADD },
	{ "cwd", 0, OPT_STRING, "DIR", "methods run there (here)", S(cwd) },
	{ "jobs", 0, OPT_NUMBER, "N", "methods that run at once (64)",
	    S(jobs), .min = 0, .max = INT_MAX },
	{ "queue", 0, OPT_NUMBER, "N", "calls that wait for one (1024)",
	    S(queue), .min = 0, .max = INT_MAX },
	{ "call-timeout", 0, OPT_DURATION, "D",
	    "how long a call may take (as long as its caller waits)",
	    S(call_timeout) },
	{ "kill-after", 0, OPT_DURATION, "D",
	    "how long what is ended may take before it is killed (5s)",
	    S(kill_after) },
	{ "limit", 0, OPT_LIST, "NAME=LIMITS",
	    "for one method: jobs:N,queue:N,timeout:D", S(limits),
	    .flags = OPT_ADD },

	{ "allow-admin", 0, OPT_FLAG, NULL,
	    "mux.stats, mux.streams, mux.drain are for all who may connect",
	    S(allow_admin) },

	OPT_HEADING("Limits of each connection"),
	{ "max-frame", 0, OPT_SIZE, "SIZE", "largest frame taken (1M)",
	    S(max_frame), .min = 4096, .max = 16 << 20 },
	{ "max-streams", 0, OPT_NUMBER, "N", "streams at once (256)",
	    S(max_streams), .min = 1, .max = 1 << 24 },
	{ "memory", 0, OPT_SIZE, "SIZE",
	    "what slow readers may hold back (64M, with methods 160M)",
	    S(memory), .min = 8192, .max = INT64_MAX },
	{ "keepalive", 0, OPT_DURATION, "D",
	    "ask a silent peer after D, three times (30s)", S(keepalive) },

	OPT_HEADING("Limits of all"),
	{ "max-clients", 0, OPT_NUMBER, "N", "connections at once (256)",
	    S(max_clients), .min = 1, .max = INT_MAX },

	OPT_HEADING("End"),
	{ "once", 0, OPT_FLAG, NULL, "end after one connection", S(once) },
	{ "max-conns", 0, OPT_NUMBER, "N", "end after N connections",
	    S(max_conns), .min = 0, .max = INT_MAX },
	{ "max-calls", 0, OPT_NUMBER, "N", "end after N calls",
	    S(max_calls), .min = 0, .max = INT_MAX },
	{ "idle-exit", 0, OPT_DURATION, "D",
	    "end after D without a connection", S(idle_exit) },
	{ "grace", 0, OPT_DURATION, "D",
	    "how long work may go on after SIGTERM (5s)", S(grace) },
	OPT_LAST
};

void
serve_opts_init(struct serve_opts *o)
{
	*o = (struct serve_opts){
		.max_streams = 256,
		.max_clients = 256,
		.keepalive = OPT_UNSET,
		.jobs = 64,
		.queue = 1024,
		.kill_after = UINT64_C(5000000000),
		.connect_timeout = UINT64_C(10000000000),
		.grace = UINT64_C(5000000000)
	};
	STAILQ_INIT(&o->listen.head);
	STAILQ_INIT(&o->names.head);
	STAILQ_INIT(&o->rules.head);
	STAILQ_INIT(&o->methods.head);
	STAILQ_INIT(&o->dirs.head);
	STAILQ_INIT(&o->limits.head);
	STAILQ_INIT(&o->env.head);
}

static bool
is_stdio(const struct opt_list *list)
{
	const struct opt_item *i;

	STAILQ_FOREACH(i, &list->head, next)
		if (strcmp(i->word, "-") == 0)
			return true;
	return false;
}

int
serve_opts_check(const struct serve_opts *o, const struct opt_rest *rest,
    const struct opt_common *com)
{
	if (rest->n_before > 0)
		return opt_unexpected(rest, " (a command to run stands "
		    "behind --)");
	if (rest->dashes && rest->argc == 0)
		return say_exit(CMD_USAGE, "expected a command behind --");
	if (rest->argc > 0 && com->background != NULL)
		return say_exit(CMD_USAGE, "--background does not go with a "
		    "command, whose status would be lost");
	if (o->once && o->max_conns != 0)
		return say_exit(CMD_USAGE,
		    "--once and --max-conns do not go together");
	if (o->profile != NULL && strcmp(o->profile, "ssh") != 0)
		return say_exit(CMD_USAGE, "--profile: '%s': expected ssh",
		    o->profile);
	if (!is_stdio(&o->listen))
		return 0;
	if (com->background != NULL)
		return say_exit(CMD_USAGE, "--background does not go with "
		    "-l -, whose input and output it would close");
	if (com->print_addr != NULL && com->print_addr[0] == '\0')
		return say_exit(CMD_USAGE, "--print-addr needs a file or fd:N "
		    "with -l -, which uses standard output");
	if (rest->argc > 0)
		return say_exit(CMD_USAGE, "a command does not go with -l -, "
		    "which uses standard input and output");
	return 0;
}

int
serve_opts_addr(const char *word, const char *where, struct mux_addr **out)
{
	struct mux_addr *addr = NULL;
	struct mux_why why;
	int err;

	err = mux_addr_parse(word, &addr, &why);
	if (err == 0)
		err = mux_addr_check(addr, MUX_AS_LISTENER, &why);
	if (err != 0) {
		mux_addr_free(addr);
		return say_exit(CMD_USAGE, "%s: %s", where, why.text);
	}
	*out = addr;
	return 0;
}

int
serve_opts_config(const struct serve_opts *o, struct methods *m,
    struct mux_config *cfg)
{
	*cfg = (struct mux_config){ .size = sizeof(*cfg) };
	cfg->agent = "muxctl/" MUX_VERSION;
	cfg->max_frame = (uint32_t)o->max_frame;
	cfg->max_streams = (uint32_t)o->max_streams;
	cfg->max_open = MUX_NONE;
	cfg->max_calls = methods_any(m) ? MAX_CALLS : 0;
	cfg->memory = o->memory != 0 || !methods_any(m) ? o->memory :
	    MEMORY_CALLS;
	cfg->keepalive = conf_duration(o->keepalive);
	return conf_check(cfg, (uint64_t)o->max_streams);
}

static int
add_all(const struct serve_opts *o, struct targets *t, struct mux_why *why,
    const struct opt_item **at)
{
	STAILQ_FOREACH(*at, &o->names.head, next)
		if (targets_add_name(t, (*at)->word, why) != 0)
			return -1;
	STAILQ_FOREACH(*at, &o->rules.head, next)
		if (targets_add_rule(t, (*at)->word,
		    strcmp((*at)->opt->lng, "allow-target") == 0, why) != 0)
			return -1;
	return 0;
}

int
serve_opts_targets(const struct serve_opts *o, struct targets **out)
{
	struct targets *t = targets_new();
	const struct opt_item *at;
	struct mux_why why;

	if (t == NULL)
		return say_exit(CMD_USAGE, "out of memory");
	if (add_all(o, t, &why, &at) != 0) {
		targets_free(t);
		return say_exit(CMD_USAGE, "%s: %s", at->where, why.text);
	}
	*out = t;
	return 0;
}
