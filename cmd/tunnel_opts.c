/*
 * tunnel_opts.c - the options of tunnel and what they mean, up to the point
 * where something has to be opened.  Invariant: everything that can be wrong
 * with a word is found here, before anything has been done.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "conf.h"
#include "life.h"
#include "locals.h"
#include "tunnel.h"

#define S(field)	.offset = offsetof(struct tunnel_opts, field)

const struct opt tunnel_opts_table[] = {
	OPT_HEADING("What is carried"),
	{ "local", 'L', OPT_LIST, "SPEC",
	    "listen here, connect there: LISTEN=TARGET, "
	    "[BIND:]PORT:HOST:HOSTPORT, ...", S(local) },
	{ "stdio", 'W', OPT_STRING, "TARGET",
	    "standard input and output to TARGET, and nothing else",
	    S(stdio) },
	{ "allow-uid", 0, OPT_STRING, "USER,...",
	    "who may connect to unix sockets of -L (the own user and root)",
	    S(allow_uid) },

	OPT_HEADING("Limits"),
	{ "connect-timeout", 0, OPT_DURATION, "D",
	    "give the server D to take the connection, and D to answer (10s)",
	    S(connect_timeout) },
	{ "max-streams", 0, OPT_NUMBER, "N",
	    "local connections at once (256; the server has a limit too)",
	    S(max_streams), .min = 1, .max = 1 << 24 },
	{ "memory", 0, OPT_SIZE, "SIZE",
	    "what slow local readers may hold back (64M)",
	    S(memory), .min = 8192, .max = INT64_MAX },
	{ "keepalive", 0, OPT_DURATION, "D",
	    "ask a silent server after D, three times (30s)",
	    S(keepalive) },

	OPT_HEADING("End"),
	{ "exit-on-forward-failure", 0, OPT_FLAG, NULL,
	    "end if a listener cannot be made (always so)",
	    S(exit_on_failure) },
	{ "idle-exit", 0, OPT_DURATION, "D",
	    "end after D without a local connection", S(idle_exit) },
	{ "grace", 0, OPT_DURATION, "D",
	    "how long streams may go on after SIGTERM (5s)", S(grace) },
	OPT_LAST
};

void
tunnel_opts_init(struct tunnel_opts *o)
{
	*o = (struct tunnel_opts){
		.max_streams = 256,
		.keepalive = OPT_UNSET,
		.connect_timeout = UINT64_C(10000000000),
		.grace = UINT64_C(5000000000),
		.exit_on_failure = true
	};
	STAILQ_INIT(&o->local.head);
}

int
tunnel_opts_check(const struct tunnel_opts *o, const struct opt_rest *rest,
    const struct opt_common *com)
{
	if (rest->argc > 0)
		return opt_unexpected(rest, "");
	/* Only a configuration file can say so. */
	if (!o->exit_on_failure)
		return say_exit(CMD_USAGE, "exit-on-forward-failure cannot be "
		    "turned off");
	if (o->local.n == 0 && o->stdio == NULL)
		return say_exit(CMD_USAGE, "expected -L SPEC or -W TARGET");
	if (o->stdio == NULL)
		return 0;
	if (o->local.n > 0)
		return say_exit(CMD_USAGE, "-W and -L do not go together");
	if (com->background != NULL)
		return say_exit(CMD_USAGE, "--background does not go with -W, "
		    "whose input and output it would close");
	if (com->print_addr != NULL)
		return say_exit(CMD_USAGE, "--print-addr does not go with -W, "
		    "which does not listen");
	return 0;
}

int
tunnel_opts_config(const struct tunnel_opts *o, struct mux_config *cfg)
{
	*cfg = (struct mux_config){ .size = sizeof(*cfg) };
	cfg->initiator = true;
	cfg->agent = "muxctl/" MUX_VERSION;
	/* Nobody opens anything towards us. */
	cfg->max_streams = MUX_NONE;
	cfg->max_calls = MUX_NONE;
	cfg->max_open = (uint32_t)o->max_streams;
	cfg->memory = o->memory;
	cfg->handshake = conf_duration(o->connect_timeout);
	cfg->keepalive = conf_duration(o->keepalive);
	return conf_check(cfg, (uint64_t)o->max_streams);
}

int
tunnel_opts_locals(const struct tunnel_opts *o, struct locals *l)
{
	const struct opt_item *i;
	struct mux_addr *addr;
	struct mux_why why;
	char *target;

	STAILQ_FOREACH(i, &o->local.head, next) {
		if (mux_spec_parse(i->word, &addr, &target, &why) != 0)
			return say_exit(CMD_USAGE, "%s: %s", i->where,
			    why.text);
		life_keep_addr(addr);
		if (mux_addr_scheme(addr) == MUX_STDIO) {
			mux_addr_free(addr);
			free(target);
			return say_exit(CMD_USAGE, "%s: '%s': standard input "
			    "and output are carried with -W", i->where,
			    i->word);
		}
		if (!locals_add(l, addr, target)) {
			mux_addr_free(addr);
			free(target);
			return say_exit(CMD_USAGE, "out of memory");
		}
	}
	return 0;
}

/*
 * ssh says [%h]:%p whatever the host is: in an address, only that of IPv6
 * stands in brackets.
 */
static char *
unbracket(const char *word)
{
	const char *end = word[0] == '[' ? strchr(word, ']') : NULL;
	size_t len = end != NULL ? (size_t)(end - word - 1) : 0;
	char *out;

	if (end == NULL || end[1] != ':' || memchr(word + 1, ':', len) != NULL)
		return strdup(word);
	return asprintf(&out, "tcp:%.*s%s", (int)len, word + 1, end + 1) < 0 ?
	    NULL : out;
}

int
tunnel_opts_target(const char *word, char **target)
{
	struct mux_addr *unused;
	struct mux_why why;
	char *plain, *spec = NULL;
	size_t skip;
	int err;

	if (word[0] == '\0')
		return say_exit(CMD_USAGE, "-W: expected a target");
	plain = unbracket(word);
	/* The same words as behind the = of -L, by the same grammar. */
	if (plain == NULL || asprintf(&spec, "0=%s", plain) < 0) {
		free(plain);
		return say_exit(CMD_USAGE, "out of memory");
	}
	free(plain);
	err = mux_spec_parse(spec, &unused, target, &why);
	/* What the user did not write is not what is wrong. */
	skip = strlen(spec) + strlen(": ");
	if (err != 0 && strncmp(why.text, spec, skip - 2) != 0)
		skip = 0;
	free(spec);
	if (err != 0)
		return say_exit(CMD_USAGE, "-W: %s", why.text + skip);
	mux_addr_free(unused);
	return 0;
}
