/*
 * inout.c - standard input and output as the one stream of a tunnel, and what
 * its end means for a script.  It moves no bytes.  Invariant: over() runs at
 * most once for each start.
 */
#include <string.h>

#include "cmd.h"
#include "locals.h"
#include "mux_io.h"
#include "flow.h"
#include "inout.h"

/* ---- the end ---- */

int
inout_status(const struct mux_relay_end *end)
{
	bool fin = strcmp(end->how, "fin") == 0;

	if (end->code == MUX_OK || (fin && end->by_peer))
		return CMD_OK;
	/* Ended in both directions, but somebody here did not read it all. */
	if (fin)
		return CMD_PIPE;
	if (end->code == MUX_CARRIER_LOST && !end->by_peer)
		return CMD_LOST;
	/* Ours: a disk that is full, a descriptor that cannot be read. */
	if (end->code == MUX_ENDPOINT_IO && !end->by_peer)
		return CMD_USAGE;
	return end->code == MUX_NOT_PERMITTED ? CMD_REFUSED : CMD_FAIL;
}

void
inout_ended(struct inout *s, const struct mux_relay_end *end)
{
	int status = inout_status(end);
	char words[FLOW_WORDS];

	if (status == CMD_LOST)
		return;
	flow_words(end->code, end->text, words);
	if (status == CMD_USAGE)
		say(SAY_ERROR, "standard input or output: %s",
		    end->text[0] != '\0' ? end->text : words);
	else if (status == CMD_FAIL || status == CMD_REFUSED)
		say(SAY_ERROR, "target %s: %s: %s", s->target, end->how,
		    words);
	s->over(status, s->arg);
}

/* ---- a reader that goes ---- */

static void
on_pipe_gone(struct mux_task *task, void *arg)
{
	struct inout *s = arg;

	(void)task;
	s->over(CMD_PIPE, s->arg);
}

/*
 * Our output is what `| head` wanted, and waiting for our input to end would
 * be in vain.
 */
void
inout_stopped(struct inout *s)
{
	mux_task_run(s->pipe_task);
}

/* ---- the beginning ---- */

static void
on_ends(const struct mux_ends *ends, const struct mux_why *why, void *arg)
{
	struct inout *s = arg;

	s->dial = NULL;
	if (ends == NULL)
		s->over(say_exit(CMD_USAGE, "%s", why->text), s->arg);
	else
		locals_open(s->locals, s->target, ends);
}

int
inout_start(struct inout *s)
{
	struct mux_addr *addr;
	struct mux_why why;
	int err;

	if ((err = mux_addr_parse("-", &addr, &why)) == 0) {
		err = mux_dial(s->loop, addr, 0, NULL, on_ends, s, &s->dial);
		mux_addr_free(addr);
	}
	if (err == 0)
		err = mux_task_new(s->loop, on_pipe_gone, s, &s->pipe_task);
	return err == 0 ? 0 : say_exit(CMD_USAGE, "%s", mux_strerror(err));
}

void
inout_stop(struct inout *s)
{
	mux_dial_cancel(s->dial);
	s->dial = NULL;
	mux_task_free(s->pipe_task);
	s->pipe_task = NULL;
}
