/*
 * conf.c - options of a connection as its session wants them.  Whether they
 * go together is the session's sum; here a session is only asked for it.
 * Invariant: a number in a message was tried.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd.h"
#include "conf.h"
#include "mux.h"
#include "opt.h"
#include "out.h"

#define STEP	UINT64_C(1024)	/* what is said is exact to so much */

static const struct mux_session_ops no_ops = { .size = sizeof(no_ops) };

uint64_t
conf_duration(uint64_t ns)
{
	return ns == OPT_UNSET ? 0 : ns == 0 ? UINT64_MAX : ns;
}

static int
try_memory(const struct mux_config *cfg, uint64_t memory)
{
	struct mux_config c = *cfg;
	struct mux_session *probe;
	int err;

	c.memory = memory;
	err = mux_session_new(&c, &no_ops, NULL, 0, &probe);
	if (err == 0)
		mux_session_free(probe);
	return err;
}

/* The least memory, in steps, that is enough; 0: none is. */
static uint64_t
find_enough(const struct mux_config *cfg)
{
	uint64_t low = 0, high = 1, mid;

	while (try_memory(cfg, high * STEP) != 0)
		if ((high *= 2) > UINT32_MAX)
			return 0;
	while (high - low > 1) {
		mid = low + (high - low) / 2;
		if (try_memory(cfg, mid * STEP) == 0)
			high = mid;
		else
			low = mid;
	}
	return high;
}

int
conf_check(const struct mux_config *cfg, uint64_t max_streams)
{
	int err = try_memory(cfg, cfg->memory);
	uint64_t enough;

	if (err == 0)
		return 0;
	if (err != MUX_E_INVAL || (enough = find_enough(cfg)) == 0)
		return say_exit(CMD_USAGE, "%s", mux_strerror(err));
	return say_exit(CMD_USAGE, "--memory is too small for --max-streams "
	    "%" PRIu64 ": expected %" PRIu64 "K or more", max_streams,
	    enough);
}
