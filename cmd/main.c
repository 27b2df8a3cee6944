/*
 * main.c - finds the verb and hands over.  Everything that verbs have in
 * common is elsewhere; here is only what holds for the process as a whole:
 * descriptors 0-2 exist, SIGPIPE is an error like others, and no failure of
 * stdout goes unnoticed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "mux.h"
#include "opt.h"
#include "out.h"

static int cmd_help(int argc, char **argv);
static int cmd_version(int argc, char **argv);

static const struct verb verb_help = {
	.name = "help",
	.main = cmd_help,
	.synopsis = "help [VERB]",
	.about = "show the options of a verb",
	.on_verbs = true
};

static const struct verb verb_version = {
	.name = "version",
	.main = cmd_version,
	.synopsis = "version",
	.about = "show the version"
};

const struct verb *const cmd_verbs[] = {
	&verb_serve,
	&verb_call,
	&verb_tunnel,
	&verb_dump,
	&verb_addr,
	&verb_help,
	&verb_version,
	NULL
};

static const struct verb verb_muxctl = {
	.synopsis = "VERB [OPTION]... [WORD]...\n"
	    "VERB -h\n"
	    "-h | --version",
	.about = "many streams through one connection",
	.on_verbs = true
};

static const char *
next_name(void *arg)
{
	const struct verb *const **v = arg;

	return **v != NULL ? (*(*v)++)->name : NULL;
}

/* NULL, and it has been said. */
static const struct verb *
find_verb(const char *name)
{
	const struct verb *const *v;
	const char *near;

	for (v = cmd_verbs; *v != NULL; v++)
		if (strcmp((*v)->name, name) == 0)
			return *v;
	v = cmd_verbs;
	near = opt_nearest(name, next_name, &v);
	if (near != NULL)
		say(SAY_ERROR, "unknown verb '%s' (did you mean '%s'?)", name,
		    near);
	else
		say(SAY_ERROR, "unknown verb '%s' (see muxctl -h)", name);
	return NULL;
}

static int
cmd_help(int argc, char **argv)
{
	const struct verb *verb = &verb_muxctl;
	struct opt_common com;
	struct opt_rest rest;
	int r;

	r = opt_parse(&verb_help, argc, argv, NULL, &com, &rest);
	if (r >= 0)
		return r;
	if (rest.argc > 1)
		return say_exit(CMD_USAGE, "unexpected '%s': expected one verb",
		    rest.argv[1]);
	if (rest.argc == 1 && (verb = find_verb(rest.argv[0])) == NULL)
		return CMD_USAGE;
	opt_help(verb, stdout);
	return CMD_OK;
}

static int
cmd_version(int argc, char **argv)
{
	struct opt_common com;
	struct opt_rest rest;
	int r;

	r = opt_parse(&verb_version, argc, argv, NULL, &com, &rest);
	if (r >= 0)
		return r;
	if (rest.argc > 0)
		return say_exit(CMD_USAGE, "unexpected '%s'", rest.argv[0]);
	printf("muxctl %s\n", MUX_VERSION);
	return CMD_OK;
}

/*
 * If 0-2 were closed, the next descriptor to be opened would be taken for
 * them.  0 cannot be read and 1 not be written, which is as it was.
 */
static int
open_stdio(void)
{
	static const int flags[] = { O_WRONLY, O_RDONLY, O_RDWR };
	int fd;

	for (fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", flags[fd]) != fd)
			return -1;
	return 0;
}

static int
run(int argc, char **argv)
{
	const struct verb *verb;
	struct opt_common com;
	struct opt_rest rest;
	int r;

	r = opt_parse(&verb_muxctl, argc, argv, NULL, &com, &rest);
	if (r >= 0)
		return r;
	if (rest.argc == 0)
		return say_exit(CMD_USAGE, "expected a verb (see muxctl -h)");
	verb = find_verb(rest.argv[0]);
	if (verb == NULL)
		return CMD_USAGE;
	out_verb(verb->name);
	return verb->main(rest.argc, rest.argv);
}

int
main(int argc, char **argv)
{
	if (open_stdio() != 0)
		return CMD_USAGE;
	signal(SIGPIPE, SIG_IGN);
	return out_finish(run(argc, argv));
}
