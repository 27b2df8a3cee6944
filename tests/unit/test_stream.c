/*
 * stream.h: the tables of the two half-automata, each state and event, and
 * who counts as interactive.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "stream.h"
#include "tap.h"

static struct mux_stream
in_state(enum send_state send, enum recv_state recv)
{
	struct mux_stream st = { .send = (uint8_t)send,
	    .recv = (uint8_t)recv };

	return st;
}

static void
test_verdicts(void)
{
	static const uint8_t data[] = { DO, DISCARD, AFTER_END };
	static const uint8_t end[] = { DO, DO, AFTER_END };
	static const uint8_t sender[] = { DO, DO, IGNORE, IGNORE };
	struct mux_stream st;

	for (int s = SEND_HELD; s <= SEND_DONE; s++)
		for (int r = RECV_OPEN; r <= RECV_DONE; r++) {
			st = in_state((enum send_state)s,
			    (enum recv_state)r);
			ok(stream_verdict(&st, EV_DATA) == data[r] &&
			    stream_verdict(&st, EV_END) == end[r] &&
			    stream_verdict(&st, EV_SENDER) == sender[s],
			    "send half %s, receive half %s",
			    stream_send_name(&st), stream_recv_name(&st));
		}
}

/* Does the step hit the assertion?  Asked in a process of its own. */
static bool
refused(bool send, int from, int to)
{
	struct mux_stream st = in_state(send ? (enum send_state)from : 0,
	    send ? 0 : (enum recv_state)from);
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		fclose(stderr);
		if (send)
			stream_set_send(&st, (enum send_state)to);
		else
			stream_set_recv(&st, (enum recv_state)to);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return false;
	return status != 0;
}

static void
test_steps(void)
{
	/* [from] has a bit for each state that may come next */
	static const unsigned send[] = { 0xe, 0xc, 0x8, 0x8 };
	static const unsigned recv[] = { 0x6, 0x4, 0x4 };
	bool good = true;

	for (int from = 0; from < 4; from++)
		for (int to = 0; to < 4; to++)
			good &= refused(true, from, to) ==
			    ((send[from] & 1u << to) == 0);
	ok(good, "a send half only moves forward");
	good = true;
	for (int from = 0; from < 3; from++)
		for (int to = 0; to < 3; to++)
			good &= refused(false, from, to) ==
			    ((recv[from] & 1u << to) == 0);
	ok(good, "so does a receive half");
}

static void
test_may_send(void)
{
	struct mux_stream st = in_state(SEND_OPEN, RECV_DONE);

	st.ready = true;
	st.tx.limit = 1;
	ok(stream_may_send(&st), "open, ready, credit, not paused");
	st.ready = false;
	ok(!stream_may_send(&st), "not ready");
	st.ready = true;
	st.paused_peer = true;
	ok(!stream_may_send(&st), "paused");
	st.paused_peer = false;
	st.tx.used = 1;
	ok(!stream_may_send(&st), "no credit");
	st.tx.used = 0;
	for (int s = SEND_HELD; s <= SEND_DONE; s++) {
		st.send = (uint8_t)s;
		ok(stream_may_send(&st) == (s == SEND_OPEN), "%s",
		    stream_send_name(&st));
	}
}

static void
test_over(void)
{
	struct mux_stream st = in_state(SEND_DONE, RECV_DONE);

	ok(stream_over(&st), "both done");
	st.owed = OWE_RESET;
	ok(!stream_over(&st), "but RESET is owed");
	st = in_state(SEND_ENDING, RECV_DONE);
	ok(!stream_over(&st), "END is not out");
	st = in_state(SEND_DONE, RECV_STOPPED);
	ok(!stream_over(&st), "stopped is not ended");
}

#define MS	NS_PER_MS

static void
test_interactive(void)
{
	struct mux_stream st = in_state(SEND_OPEN, RECV_OPEN);
	uint64_t t = 0;

	ok(stream_note(&st, 4096, t), "4 KiB at the first moment of time");
	ok(stream_note(&st, 10000, t + 100 * MS),
	    "for 100 ms, in between is neither");
	ok(!stream_note(&st, 10000, t + 101 * MS), "no longer");
	t = 1000 * MS;
	ok(!stream_note(&st, 4097, t), "4 KiB and a byte are not small");
	ok(stream_note(&st, 1, t), "a byte is");
	ok(stream_note(&st, 16384, t + 1), "16 KiB are not large");
	ok(!stream_note(&st, 16385, t + 2), "a byte more is: bulk");
	ok(!stream_note(&st, 1, t + 100 * MS), "for 100 ms");
	ok(stream_note(&st, 1, t + 101 * MS), "no longer");
	t = UINT64_C(4294967293) * MS;	/* milliseconds are 32 bits wide */
	ok(!stream_note(&st, 20000, t) && !stream_note(&st, 1, t + 5 * MS) &&
	    stream_note(&st, 1, t + 101 * MS), "the same in 49 days");
	t += 200 * MS;
	ok(stream_note(&st, 0, t + 300 * MS), "nothing at all is small");
}

int
main(void)
{
	test_verdicts();
	test_steps();
	test_may_send();
	test_over();
	test_interactive();
	return tap_done();
}
