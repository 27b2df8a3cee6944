/*
 * addr.c - muxctl addr: reads address words and prints them in the canonical
 * form, one per line.  Connects to nothing and looks nothing up.
 */
#include <limits.h>
#include <stdio.h>

#include "cmd.h"
#include "mux_io.h"
#include "opt.h"
#include "out.h"

static int cmd_addr(int argc, char **argv);

const struct verb verb_addr = {
	.name = "addr",
	.main = cmd_addr,
	.synopsis = "addr ADDR...",
	.about = "check addresses and print their canonical form",
	.mixed = INT_MAX
};

static int
print_addr(const char *word)
{
	struct mux_addr *addr;
	struct mux_why why;

	if (mux_addr_parse(word, &addr, &why) != 0)
		return say_exit(CMD_USAGE, "%s", why.text);
	puts(mux_addr_str(addr));
	mux_addr_free(addr);
	return CMD_OK;
}

/* All words are looked at: a script may check several at once. */
static int
cmd_addr(int argc, char **argv)
{
	struct opt_common com;
	struct opt_rest rest;
	int i, r, status = CMD_OK;

	r = opt_parse(&verb_addr, argc, argv, NULL, &com, &rest);
	if (r >= 0)
		return r;
	if (rest.argc == 0)
		return say_exit(CMD_USAGE, "expected an address");
	for (i = 0; i < rest.argc; i++)
		if (print_addr(rest.argv[i]) != CMD_OK)
			status = CMD_USAGE;
	return status;
}
