/*
 * test_flow.c - the line at the end of a stream: nothing in it twice, and
 * what a peer is not told is there.
 */
#include <string.h>

#include "../../cmd/cmd.h"
#include "../../cmd/flow.h"
#include "../../cmd/opt.h"
#include "captive.h"
#include "mux_io.h"
#include "tap.h"

const struct verb *const cmd_verbs[] = { NULL };

static struct captive c;

struct line {
	struct flow flow;
	struct mux_relay_end end;
	struct opt_common com;
};

static int
say_line(void *arg)
{
	const struct line *l = arg;

	if (out_open(&l->com) != 0)
		return 1;
	flow_say_end(&l->flow, SAY_NOTE, &l->end);
	return 0;
}

/* What stands in brackets, or all of it. */
static const char *
said(struct line *l, uint32_t code, const char *how, const char *text)
{
	char *p;

	l->flow.who = "uid 0";
	l->flow.target = "t";
	l->end.code = code;
	l->end.how = how;
	snprintf(l->end.text, sizeof(l->end.text), "%s", text);
	captive_run(&c, say_line, l);
	p = strrchr(c.said, '\n');
	if (p != NULL)
		*p = '\0';
	p = strchr(c.said, '(');
	return p != NULL ? p : c.said;
}

static void
test_reasons(void)
{
	struct line l = { .end = { .by_peer = true } };

	is_str(said(&l, MUX_OK, "fin", ""), "muxctl: uid 0 -> t: 0 bytes "
	    "there, 0 back, 0.000 s, fin", "an end needs no reason");
	is_str(said(&l, MUX_ENDPOINT_RESET, "reset", "Connection reset by "
	    "peer"), "(endpoint reset: Connection reset by peer)", "a reason");
	is_str(said(&l, MUX_ENDPOINT_RESET, "reset", "endpoint reset"),
	    "(endpoint reset)", "the same word only once");
	is_str(said(&l, MUX_ENDPOINT_RESET, "reset", ""), "(endpoint reset)",
	    "none");
	is_str(said(&l, MUX_CARRIER_LOST, "carrier-lost", "closed by the peer"),
	    "(closed by the peer)", "how it ended is not said again");
	is_str(said(&l, MUX_CARRIER_LOST, "carrier-lost", ""),
	    "(carrier lost)", "unless there is nothing else");
	is_str(said(&l, 4711, "reset", "x"), "(code 4711: x)", "a number");
}

static void
test_detail(void)
{
	char dialled[] = "tcp:10.0.0.1:1", rule[] = "no rule allows it";
	char detail[] = "connect tcp:db:1: Connection refused";
	struct line l = { .flow = { .detail = detail } };

	is_str(said(&l, MUX_CONNECT_FAILED, "refused", "Connection refused"),
	    "(connect failed: connect tcp:db:1: Connection refused)",
	    "more than the peer is told");
	l.com.log_format = OPT_LOG_JSON;
	said(&l, MUX_CONNECT_FAILED, "refused", "Connection refused");
	ok(strstr(c.said, "\"reason\":\"connect tcp:db:1: Connection refused"
	    "\"") != NULL, "in JSON, too");
	memset(&l, 0, sizeof(l));
	l.flow.dialled = dialled;
	l.flow.rule = rule;
	is_str(said(&l, MUX_NOT_PERMITTED, "refused", ""), "(not permitted; "
	    "dialled tcp:10.0.0.1:1; rule: no rule allows it)", "a rule");
}

int
main(void)
{
	test_reasons();
	test_detail();
	return tap_done();
}
