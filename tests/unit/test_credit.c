/*
 * credit.h: both ledgers by themselves, then against each other.
 */
#include "credit.h"
#include "tap.h"

#define KIB	1024u
#define MIB	(1024u * 1024u)
#define MS	NS_PER_MS

static void
test_sender(void)
{
	struct credit_tx c = { 64 * KIB, 0 };

	is_u64(credit_tx_left(&c), 64 * KIB, "starts at the initial window");
	credit_tx_use(&c, 64 * KIB - 1);
	is_u64(credit_tx_left(&c), 1, "a byte short of it");
	credit_tx_use(&c, 1);
	is_u64(credit_tx_left(&c), 0, "exactly used up");
	credit_tx_use(&c, 0);
	ok(credit_tx_grant(&c, 1000) && credit_tx_grant(&c, 2500),
	    "two grants");
	is_u64(credit_tx_left(&c), 3500, "add up");
	ok(credit_tx_grant(&c, 0), "0 is no error here");
	is_u64(credit_tx_left(&c), 3500, "and changes nothing");
	ok(!credit_tx_grant(&c, CREDIT_MAX - 3499), "a byte over the limit");
	is_u64(credit_tx_left(&c), 3500, "is not clipped but refused");
	ok(!credit_tx_grant(&c, UINT32_MAX), "the largest CREDIT");
	ok(!credit_tx_grant(&c, UINT64_MAX), "and one that would wrap");
	ok(credit_tx_grant(&c, CREDIT_MAX - 3500), "exactly to the limit");
	is_u64(credit_tx_left(&c), CREDIT_MAX, "2^31 - 1");
	ok(!credit_tx_grant(&c, 1), "full");
}

/* A stream that has carried almost 2^64 bytes goes on. */
static void
test_wrap(void)
{
	struct credit_tx t = { UINT64_MAX - 10, UINT64_MAX - 20 };
	struct credit_rx r;

	ok(credit_tx_grant(&t, 100), "grant over the edge");
	is_u64(credit_tx_left(&t), 110, "left over the edge");
	credit_tx_use(&t, 110);
	is_u64(credit_tx_left(&t), 0, "used over the edge");
	credit_rx_init(&r, 100, 0);
	r.granted = 50;
	r.received = r.consumed = UINT64_MAX - 49;
	ok(!credit_rx_receive(&r, 101), "too much over the edge");
	ok(credit_rx_receive(&r, 100), "received over the edge");
	credit_rx_consume(&r, 100);
	is_u64(credit_rx_charge(&r), 0, "consumed over the edge");
	is_u64(credit_rx_worth(&r, UINT32_MAX), 100, "told over the edge");
}

static void
test_receiver(void)
{
	struct credit_rx c;

	credit_rx_init(&c, 1000, 0);
	is_u64(credit_rx_outstanding(&c), 1000, "all of it outstanding");
	is_u64(credit_rx_charge(&c), 1000, "and charged");
	is_u64(credit_rx_worth(&c, UINT32_MAX), 0, "nothing to tell");
	ok(!credit_rx_receive(&c, 1001), "a byte too much");
	is_u64(credit_rx_buffered(&c), 0, "did not come in");
	ok(credit_rx_receive(&c, 1000), "exactly the window");
	ok(!credit_rx_receive(&c, 1), "and nothing behind it");
	is_u64(credit_rx_buffered(&c), 1000, "waits for the consumer");
	is_u64(credit_rx_worth(&c, UINT32_MAX), 0,
	    "arrival is not consumption");
	credit_rx_consume(&c, 249);
	is_u64(credit_rx_worth(&c, UINT32_MAX), 0, "less than a quarter");
	credit_rx_consume(&c, 1);
	is_u64(credit_rx_worth(&c, UINT32_MAX), 250, "a quarter");
	credit_rx_grant(&c, 250);
	is_u64(credit_rx_worth(&c, UINT32_MAX), 0, "told once");
	ok(credit_rx_receive(&c, 250) && !credit_rx_receive(&c, 1),
	    "the consumed bytes may be sent again, no more");
}

static void
test_threshold(void)
{
	static const struct {
		uint32_t window, cap, consumed, want;
		const char *why;
	} rows[] = {
		{ 64 * KIB, UINT32_MAX, 300, 0, "100 + 200 of 64 KiB" },
		{ 64 * KIB, UINT32_MAX, 16383, 0, "a byte under a quarter" },
		{ 64 * KIB, UINT32_MAX, 16684, 16684, "300 + 16384" },
		{ 256 * KIB, UINT32_MAX, 65535, 0, "256 KiB: just not" },
		{ 256 * KIB, UINT32_MAX, 65536, 65536, "256 KiB: just so" },
		{ 16 * MIB, UINT32_MAX, 65535, 0, "64 KiB is enough: not" },
		{ 16 * MIB, UINT32_MAX, 65536, 65536, "64 KiB is enough" },
		{ 1, UINT32_MAX, 1, 1, "window 1" },
		{ 3, UINT32_MAX, 1, 1, "window 3" },
		{ 1, UINT32_MAX, 0, 0, "window 1, not consumed" },
		{ 0, UINT32_MAX, 0, 0, "window 0" },
		{ MIB, CREDIT_CALM, 768 * KIB, 0, "calm: charge at its cap" },
		{ MIB, CREDIT_CALM, 832 * KIB - 1, 0, "calm: just not" },
		{ MIB, CREDIT_CALM, 832 * KIB, 64 * KIB, "calm: just so" },
		{ MIB, CREDIT_CALM, MIB, CREDIT_CALM, "calm: all of its cap" },
		{ 64 * KIB, CREDIT_CALM, 64 * KIB, 64 * KIB,
		    "calm: a small window stays small" },
		{ MIB, 0, MIB, 0, "cap 0" }
	};
	struct credit_rx c;
	size_t i;

	for (i = 0; i < N_ELEM(rows); i++) {
		credit_rx_init(&c, rows[i].window, 0);
		credit_rx_receive(&c, rows[i].consumed);
		credit_rx_consume(&c, rows[i].consumed);
		is_u64(credit_rx_worth(&c, rows[i].cap), rows[i].want,
		    "worth telling: %s", rows[i].why);
	}
}

/* The window grew far beyond what a u32 ledger of the peer can hold. */
static void
test_grant_limit(void)
{
	struct credit_tx t = { 1000, 0 };
	struct credit_rx c;
	uint32_t n;

	credit_rx_init(&c, 1000, 0);
	c.window = UINT32_MAX;
	n = credit_rx_worth(&c, UINT32_MAX);
	is_u64(n, CREDIT_MAX - 1000, "a grant up to the limit");
	credit_rx_grant(&c, n);
	ok(credit_tx_grant(&t, n), "that the peer's ledger accepts");
	is_u64(credit_rx_worth(&c, UINT32_MAX), 0, "then none");
}

/* Smaller windows mean: nothing is told until the surplus is consumed. */
static void
test_shrink(void)
{
	struct credit_rx c;

	credit_rx_init(&c, 1000, 0);
	c.window = 100;
	credit_rx_receive(&c, 1000);
	credit_rx_consume(&c, 900);
	is_u64(credit_rx_worth(&c, UINT32_MAX), 0, "surplus not yet gone");
	credit_rx_consume(&c, 100);
	is_u64(credit_rx_worth(&c, UINT32_MAX), 100, "the small window");
}

/*
 * The deadlock of a sender that waits for room for its whole segment: 31744
 * bytes gone, 33792 left, the next segment is 40960.
 */
static void
test_split(void)
{
	struct credit_tx t = { 64 * KIB, 0 };
	struct credit_rx r;
	uint64_t rest = 40960, n;

	credit_rx_init(&r, 64 * KIB, 0);
	credit_tx_use(&t, 31744);
	credit_rx_receive(&r, 31744);
	credit_rx_consume(&r, 31744);
	n = min_u64(rest, credit_tx_left(&t));
	is_u64(n, 33792, "the credit that is left carries a part");
	credit_tx_use(&t, n);
	rest -= n;
	ok(credit_rx_receive(&r, n), "which is within the window");
	credit_rx_consume(&r, n);
	n = credit_rx_worth(&r, UINT32_MAX);
	is_u64(n, 64 * KIB, "credit comes home");
	credit_rx_grant(&r, (uint32_t)n);
	ok(credit_tx_grant(&t, n) && credit_tx_left(&t) >= rest,
	    "and carries the rest");
}

/*
 * One random run: the sender splits at its credit, the receiver consumes in
 * pieces and tells only what is worth it.  The answer is how much got across
 * until nothing could move any more.
 */
static uint64_t
transfer(uint32_t window, uint64_t total)
{
	struct credit_tx t = { window, 0 };
	struct credit_rx r;
	uint64_t n;
	uint32_t grant;
	bool moved = true;

	credit_rx_init(&r, window, 0);
	while (r.consumed < total && moved) {
		n = min_u64(total - t.used, credit_tx_left(&t));
		n = min_u64(n, 1 + tap_rnd(3 * window));
		credit_tx_use(&t, n);
		moved = n > 0;
		if (!credit_rx_receive(&r, n) ||
		    credit_rx_charge(&r) > window)
			return 0;
		n = credit_rx_buffered(&r);
		if (!moved || tap_rnd(3) > 0)
			n = min_u64(n, 1 + tap_rnd(window));
		credit_rx_consume(&r, n);
		grant = credit_rx_worth(&r, UINT32_MAX);
		credit_rx_grant(&r, grant);
		if (!credit_tx_grant(&t, grant))
			return 0;
		moved = moved || n > 0 || grant > 0;
	}
	return r.consumed;
}

static void
test_progress(void)
{
	static const uint32_t big[] = { 4096, 65535, 65536, 65537, 262144,
		1048576, 16777216 };
	uint32_t w;
	size_t i;

	for (w = 1; w <= 300; w++)
		if (transfer(w, 20000) != 20000)
			break;
	is_u64(w, 301, "no window from 1 to 300 gets stuck");
	for (i = 0; i < N_ELEM(big); i++)
		is_u64(transfer(big[i], 100 * (uint64_t)big[i]),
		    100 * (uint64_t)big[i], "window %u", big[i]);
}

struct grow_row {
	uint32_t window;
	uint64_t took, got, srtt, min_rtt, spare;
	uint32_t want;
	const char *why;
};

#define ANY	UINT64_MAX

static const struct grow_row grow_rows[] = {
	/* up to 1 MiB: 4/5 within max(2 srtt, 20 ms) */
	{ 1000, 20 * MS, 801, 0, 0, ANY, 2000, "4/5 and a byte in 20 ms" },
	{ 1000, 20 * MS, 800, 0, 0, ANY, 1000, "exactly 4/5" },
	{ 1000, 20 * MS + 1, 1000, 0, 0, ANY, 1000, "in more than 20 ms" },
	{ 1000, 100 * MS, 801, 50 * MS, 50 * MS, ANY, 2000, "2 srtt" },
	{ 1000, 100 * MS + 1, 999, 50 * MS, 50 * MS, ANY, 1000, "later" },
	{ 1000, 0, 1000, 0, 0, ANY, 2000, "at once" },
	{ 1000, 1, 1000, 0, 0, 300, 1300, "as much as can be spared" },
	{ 1000, 1, 1000, 0, 0, 0, 1000, "nothing to spare" },
	{ 768 * KIB, 1, MIB, 0, 0, ANY, MIB, "the quick part ends at 1 MiB" },
	/* beyond: twice what the path holds */
	{ MIB, 1, MIB, 0, 0, ANY, MIB, "1 MiB, RTT unknown" },
	{ MIB, 100 * MS, MIB, 100 * MS, 100 * MS, ANY, 2 * MIB, "full path" },
	{ MIB, 100 * MS - 1, MIB, 100 * MS, 100 * MS, ANY, MIB,
	    "in less than a round trip: a burst" },
	{ MIB, 200 * MS, MIB, 100 * MS, 100 * MS, ANY, MIB,
	    "the path holds half of it: enough" },
	{ MIB, 160 * MS, MIB, 100 * MS, 100 * MS, ANY, MIB / 4 * 5,
	    "what is demanded, not double" },
	{ MIB, 15 * MS, MIB, 5 * MS, 5 * MS, ANY, MIB, "no 20 ms here" },
	{ MIB, 1 * MS, 900 * KIB, 1 * MS, MS / 20, ANY, MIB,
	    "a local path whose srtt is all queue" },
	{ 12 * MIB, 100 * MS, 12 * MIB, 100 * MS, 100 * MS, ANY, 16 * MIB,
	    "never past 16 MiB" },
	{ 16 * MIB, 100 * MS, 16 * MIB, 100 * MS, 100 * MS, ANY, 16 * MIB,
	    "at the top" },
	{ 32 * MIB, 100 * MS, 32 * MIB, 100 * MS, 100 * MS, ANY, 32 * MIB,
	    "configured past the top stays" },
	{ 2 * MIB, NEVER / 2, 2 * MIB, NEVER, NEVER / 2, ANY, 4 * MIB,
	    "figures that would wrap" }
};

static void
test_growth(void)
{
	struct credit_rx c;
	size_t i;

	for (i = 0; i < N_ELEM(grow_rows); i++) {
		const struct grow_row *g = &grow_rows[i];

		credit_rx_init(&c, g->window, 1000);
		c.consumed = g->got;
		is_u64(credit_rx_grown(&c, 1000 + g->took, g->srtt,
		    g->min_rtt, g->spare), g->want, "growth: %s", g->why);
		is_u64(c.window, g->window, "the ledger leaves it alone");
	}
}

/* A measure begins anew when its time is over and after each step. */
static void
test_epoch(void)
{
	struct credit_rx c;

	credit_rx_init(&c, 1000, 0);
	c.consumed = 700;
	is_u64(credit_rx_grown(&c, 10 * MS, 0, 0, ANY), 1000, "not yet");
	c.consumed = 1400;
	is_u64(credit_rx_grown(&c, 30 * MS, 0, 0, ANY), 1000, "too late");
	c.consumed = 2100;
	is_u64(credit_rx_grown(&c, 40 * MS, 0, 0, ANY), 1000,
	    "what came before does not count");
	c.consumed = 2300;
	is_u64(credit_rx_grown(&c, 50 * MS, 0, 0, ANY), 2000, "in time");
	c.window = 2000;
	c.consumed = 3900;
	is_u64(credit_rx_grown(&c, 51 * MS, 0, 0, ANY), 2000,
	    "nor does what a step was taken for");
	c.consumed = 3901;
	is_u64(credit_rx_grown(&c, 52 * MS, 0, 0, ANY), 4000, "next step");
}

/* A window-limited stream on a path of 80 ms, 20 MB/s: where does it end? */
static void
test_settles(void)
{
	const uint64_t rtt = 80 * MS, rate = 20000000;
	const uint64_t holds = rate * rtt / NS_PER_S;
	struct credit_rx c;
	uint64_t now = 0, n;
	int i;

	credit_rx_init(&c, 64 * KIB, now);
	for (i = 0; i < 4000; i++) {
		now += MS;
		n = min_u64(c.window * MS / rtt, rate * MS / NS_PER_S);
		c.granted += n;
		c.received += n;
		c.consumed += n;
		c.window = credit_rx_grown(&c, now, rtt, rtt, ANY);
	}
	ok(c.window >= holds, "the path can be filled");
	ok(c.window <= 2 * holds + holds / 10, "and not much more");
}

/* Whoever is young need not be asked anything: there is nothing to tell. */
static void
test_young(void)
{
	static const uint32_t windows[] = { 4096, 64 * KIB, 4 * MIB };
	struct credit_rx c;
	uint64_t told = 0, grown = 0;
	uint32_t n, w;

	for (size_t i = 0; i < N_ELEM(windows); i++) {
		w = windows[i];
		credit_rx_init(&c, w, 0);
		for (n = 0; credit_rx_young(&c) && n < w; n++) {
			told += credit_rx_worth(&c, UINT32_MAX);
			grown += credit_rx_grown(&c, 1, MS, MS, MIB) != w;
			credit_rx_receive(&c, 1);
			credit_rx_consume(&c, 1);
		}
		is_u64(n, w / 4 < CREDIT_TELL ? w / 4 : CREDIT_TELL,
		    "young for a quarter of %u", w);
		ok(credit_rx_worth(&c, UINT32_MAX) == n, "then all is told");
		credit_rx_grant(&c, n);
		ok(!credit_rx_young(&c), "and never again");
	}
	is_u64(told + grown, 0, "before that nothing was worth telling");
}

int
main(void)
{
	test_sender();
	test_wrap();
	test_receiver();
	test_threshold();
	test_grant_limit();
	test_shrink();
	test_split();
	test_progress();
	test_growth();
	test_epoch();
	test_settles();
	test_young();
	return tap_done();
}
