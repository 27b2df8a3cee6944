/*
 * serve_methods.c - from the options of serve to its methods and to what they
 * are run with.  Invariant: as for all options, what is wrong with a word is
 * found before anything has been done.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "dispatch.h"
#include "handler_env.h"
#include "methods.h"
#include "out.h"
#include "serve.h"

/* 0 is no limit, as everywhere: many years. */
#define NEVER_KILL	(UINT64_MAX / 4)

/* methods/ beside the configuration file; it need not be there. */
static int
add_own_dir(struct methods *m, struct mux_why *why)
{
	const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char *dir = NULL;
	int err;

	if (base != NULL && base[0] == '/')
		err = asprintf(&dir, "%s/muxctl/methods", base);
	else if (home != NULL && home[0] == '/')
		err = asprintf(&dir, "%s/.config/muxctl/methods", home);
	else
		return 0;
	if (err == -1) {
		*why = (struct mux_why){ .text = "out of memory" };
		return MUX_E_NOMEM;
	}
	err = methods_add_dir(m, dir, true, why);
	free(dir);
	return err;
}

static enum method_kind
kind_of(const struct opt_item *i)
{
	return strcmp(i->opt->lng, "method") == 0 ? METHOD_SHELL :
	    strcmp(i->opt->lng, "worker") == 0 ? METHOD_WORKER :
	    METHOD_PROGRAM;
}

/* *where is the option of the word that is wrong. */
static int
add_all(const struct serve_opts *o, struct methods *m, struct mux_why *why,
    const char **where)
{
	const struct opt_item *i;
	int err;

	STAILQ_FOREACH(i, &o->methods.head, next) {
		*where = i->where;
		if ((err = methods_add(m, kind_of(i), i->word, why)) != 0)
			return err;
	}
	STAILQ_FOREACH(i, &o->dirs.head, next) {
		*where = i->where;
		if ((err = methods_add_dir(m, i->word, false, why)) != 0)
			return err;
	}
	*where = "--profile";
	if (o->profile != NULL && (err = add_own_dir(m, why)) != 0)
		return err;
	STAILQ_FOREACH(i, &o->limits.head, next) {
		*where = i->where;
		if ((err = methods_limit(m, i->word, why)) != 0)
			return err;
	}
	return 0;
}

int
serve_opts_methods(const struct serve_opts *o, struct methods **out)
{
	struct methods *m = methods_new();
	const char *where = "";
	struct mux_why why;

	if (m == NULL)
		return say_exit(CMD_USAGE, "out of memory");
	if (add_all(o, m, &why, &where) != 0) {
		methods_unref(m);
		return say_exit(CMD_USAGE, "%s: %s", where, why.text);
	}
	if (o->default_method != NULL &&
	    methods_unnamed(m, o->default_method) != 0) {
		methods_unref(m);
		return say_exit(CMD_USAGE, "--default-method: there is no "
		    "method '%s'", o->default_method);
	}
	*out = m;
	return 0;
}

int
serve_opts_dispatch(const struct serve_opts *o, struct dispatch *d)
{
	struct mux_why why;
	char **env;

	if (handler_env_base(&o->env, &env, &why) != 0)
		return say_exit(CMD_USAGE, "%s", why.text);
	d->env = env;
	d->cwd = o->cwd;
	d->jobs = o->jobs;
	d->queue = o->queue;
	d->call_timeout = o->call_timeout;
	d->kill_after = o->kill_after != 0 ? o->kill_after : NEVER_KILL;
	d->max_calls = (uint64_t)o->max_calls;
	d->allow_admin = o->allow_admin;
	return 0;
}
