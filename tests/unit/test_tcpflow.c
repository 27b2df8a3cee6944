/*
 * Packets of TCP into bytes in order: repeated, reordered, overlapping, lost,
 * around the end of the sequence numbers, over every kind of link.
 */
#include <stdlib.h>

#include "../../cmd/tcpflow.h"
#include "tap.h"

#define MAX	(8u << 20)
#define FIN	1
#define SYN	2
#define RST	4
#define ACK	16

static struct {
	uint8_t bytes[2][MAX];	/* of all connections */
	size_t n[2], missing[2];
	char log[4096];		/* the events */
	uint32_t conns;
} got;

static void
on_record(const struct mux_dump_record *r, void *arg)
{
	static const char *const names[] = { "", "open", "close", "eof",
	    "broken" };
	size_t n = strlen(got.log);

	(void)arg;
	if (r->kind == MUX_DUMP_EVENT) {
		snprintf(got.log + n, sizeof(got.log) - n, "%u%c%s(%.*s) ",
		    r->conn, r->s2c ? '<' : '>', names[r->event], (int)r->n,
		    (const char *)r->data);
		return;
	}
	got.missing[r->s2c] += r->wire - r->n;
	if (r->n > 0)
		memcpy(got.bytes[r->s2c] + got.n[r->s2c], r->data, r->n);
	got.n[r->s2c] += r->n;
}

static uint32_t
number(void *arg)
{
	(void)arg;
	return ++got.conns;
}

static struct tcpflow *t;

static void
begin(void)
{
	static const struct tcpflow_ops ops = { on_record, number };

	memset(&got, 0, sizeof(got));
	tcpflow_free(t);
	t = tcpflow_new(&ops, NULL);
}

static bool
came(bool s2c, const void *p, size_t n)
{
	return got.n[s2c] == n && memcmp(got.bytes[s2c], p, n) == 0;
}

/* ---- packets ---- */

static void
put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void
put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

struct seg {
	uint16_t from, to;	/* ports */
	uint32_t seq, ack;
	int flags;
	const void *data;
	uint32_t n, cut;	/* bytes of payload, and not captured */
};

static uint32_t
put_tcp(uint8_t *p, const struct seg *s)
{
	memset(p, 0, 20);
	put16(p, s->from);
	put16(p + 2, s->to);
	put32(p + 4, s->seq);
	put32(p + 8, s->ack);
	p[12] = 5 << 4;
	p[13] = (uint8_t)s->flags;
	if (s->n > 0)
		memcpy(p + 20, s->data, s->n);
	return 20 + s->n;
}

/* Both ends have the same address. */
static uint32_t
put_ip4(uint8_t *p, const struct seg *s)
{
	uint32_t n = 20 + put_tcp(p + 20, s);

	memset(p, 0, 20);
	p[0] = 0x45;
	put16(p + 2, n);
	p[9] = 6;
	put32(p + 12, 0x7f000001);
	put32(p + 16, 0x7f000001);
	return n;
}

/* With options before and behind nothing. */
static uint32_t
put_ip6(uint8_t *p, const struct seg *s)
{
	uint32_t n = 8 + put_tcp(p + 48, s);

	memset(p, 0, 48);
	p[0] = 0x60;
	put16(p + 4, n);
	p[23] = p[39] = 1;
	p[40] = 6;
	return 40 + n;
}

static int
push(uint32_t link, const uint8_t *p, uint32_t n, uint32_t wire)
{
	struct mux_packet pkt = { .wall = 1000, .link = link, .wire = wire };
	uint8_t *copy = malloc(n > 0 ? n : 1);
	int r;

	/* Its own memory, so that a byte too far is noticed. */
	memcpy(copy, p, n);
	pkt.n = n;
	pkt.data = copy;
	r = tcpflow_packet(t, &pkt);
	free(copy);
	return r;
}

static int
send(const struct seg *s)
{
	static uint8_t p[1 << 20];
	uint32_t n = put_ip4(p, s);

	return push(MUX_LINK_RAW, p, n - s->cut, n);
}

static int
c2s(uint32_t seq, int flags, const void *data, uint32_t n)
{
	struct seg s = { 4000, 80, seq, 0, flags, data, n, 0 };

	return send(&s);
}

static int
s2c(uint32_t seq, int flags, const void *data, uint32_t n)
{
	struct seg s = { 80, 4000, seq, 0, flags, data, n, 0 };

	return send(&s);
}

/* A client at 1000, a server at 2000, shaken hands. */
static void
opened(void)
{
	begin();
	c2s(999, SYN, NULL, 0);
	s2c(1999, SYN | ACK, NULL, 0);
}

/* ---- tests ---- */

static void
a_life(void)
{
	opened();
	c2s(1000, ACK, "hello", 5);
	s2c(2000, ACK, "HELLO", 5);
	c2s(1005, FIN | ACK, NULL, 0);
	s2c(2005, ACK, " you", 4);
	s2c(2009, FIN | ACK, "!", 1);
	c2s(1006, ACK, NULL, 0);
	ok(came(0, "hello", 5) && came(1, "HELLO you!", 10),
	    "what both said");
	is_str(got.log, "1>open(tcp:127.0.0.1:4000 to tcp:127.0.0.1:80) "
	    "1>eof(fin) 1<eof(fin) 1>close(fin) ", "and when");
	c2s(1000, ACK, "hello", 5);
	s2c(2009, FIN | ACK, "!", 1);
	ok(got.conns == 1 && got.n[0] == 5 && got.n[1] == 10,
	    "what comes late is dropped");
	c2s(5000, SYN, NULL, 0);
	c2s(5001, ACK, "x", 1);
	/* One byte may still be the beginning of a header. */
	tcpflow_end(t);
	ok(got.conns == 2 && came(0, "hellox", 6),
	    "the same ports again are another connection");
	c2s(5000, SYN, NULL, 0);
	ok(got.conns == 2, "the same SYN again is not");
	s2c(1, RST, NULL, 0);
	ok(strstr(got.log, "2<broken(reset) 2>close(reset)") != NULL,
	    "a reset, and by whom");
}

static void
out_of_order(void)
{
	opened();
	c2s(1005, ACK, "fghij", 5);
	c2s(1003, ACK, "def", 3);
	c2s(1010, FIN | ACK, "k", 1);
	c2s(1004, ACK, "efgh", 4);
	ok(got.n[0] == 0, "what is early waits");
	c2s(1000, ACK, "abcde", 5);
	ok(came(0, "abcdefghijk", 11) && strstr(got.log, "eof") != NULL,
	    "until what was before it is there; overlaps count once");
	opened();
	c2s(1000, ACK, "abc", 3);
	c2s(1000, ACK, "abcde", 5);
	c2s(999, ACK, "?", 1);
	c2s(1002, ACK, "cdef", 4);
	ok(came(0, "abcdef", 6), "repeated, with more behind");
}

static void
middle(void)
{
	struct seg s = { 80, 4000, 77, 500, ACK, "ab", 2, 0 };

	begin();
	s2c(1, ACK, NULL, 0);
	ok(got.conns == 0, "an acknowledgement begins nothing");
	send(&s);
	c2s(498, ACK, "??cd", 4);
	tcpflow_end(t);
	ok(came(1, "ab", 2) && came(0, "cd", 2),
	    "from the middle on: the higher port dialled");
	is_str(got.log, "1>open(tcp:127.0.0.1:4000 to tcp:127.0.0.1:80, from "
	    "the middle on) ", "and it is said");
	begin();
	s2c(1, SYN | ACK, NULL, 0);
	s2c(2, ACK, "x", 1);
	tcpflow_end(t);
	ok(came(1, "x", 1), "a SYN with ACK is of who accepted");
}

static void
lost(void)
{
	opened();
	c2s(1000, ACK, "GET ", 4);
	c2s(1010, ACK, "klm", 3);
	tcpflow_end(t);
	ok(came(0, "GET klm", 7) &&
	    strstr(got.log, "1>broken(6 bytes are missing)") != NULL,
	    "at the end what is missing is told, and what waited");
	opened();
	c2s(1010, ACK, "klm", 3);
	s2c(2000, RST | ACK, NULL, 0);
	ok(strstr(got.log, "1>broken(10 bytes are missing) 1<broken(reset) "
	    "1>close(reset)") != NULL, "at a reset, too");
}

/* A frame of which a segment was cut by --snapshot-length. */
static void
cut_short(void)
{
	uint8_t f[40] = { 26, 0, 0, 0, 1 };
	struct seg s = { 4000, 80, 1000, 0, ACK, f, 30, 10 };

	opened();
	send(&s);
	c2s(1030, ACK, f + 30, 10);
	c2s(1040, ACK, f, 40);
	ok(got.n[0] == 70 && got.missing[0] == 10,
	    "what was not captured is missing in its frame only");
}

static void
bounds(void)
{
	static uint8_t block[60000];
	uint32_t i;

	opened();
	for (i = 0; i < 16; i++)
		c2s(1001 + i * 60000, ACK, block, sizeof(block));
	ok(got.n[0] == 0, "a megabyte waits for a byte");
	for (; i < 20; i++)
		c2s(1001 + i * 60000, ACK, block, sizeof(block));
	ok(got.n[0] == 20 * sizeof(block) && strstr(got.log,
	    "1>broken(1 bytes are missing)") != NULL, "but no more");
	opened();
	for (i = 0; i < 1200; i++)
		c2s(1001 + i * 2, ACK, "x", 1);
	ok(got.n[0] > 0, "of single bytes there are fewer");
}

static void
many(void)
{
	struct seg s = { 0, 80, 1, 0, SYN, NULL, 0, 0 };
	uint32_t i;

	begin();
	for (i = 0; i <= TCPFLOW_FLOWS; i++) {
		s.from = (uint16_t)(1000 + i);
		got.log[0] = '\0';
		send(&s);
	}
	ok(strstr(got.log, "1>close(given up: too many connections)") != NULL
	    && strstr(got.log, "2>close") == NULL,
	    "of too many the idlest is given up");
}

/* ---- random ---- */

/* `data` in segments that are repeated, that overlap and come in any order
 * within a few. */
static void
scatter(uint32_t isn, const uint8_t *data, uint32_t n)
{
	uint32_t from[8], len[8], done = 0, i, k;

	c2s(isn, SYN, NULL, 0);
	while (done < n) {
		uint32_t start = done;

		for (i = 0; i < 8; i++) {
			from[i] = start - tap_rnd(start < 300 ? start + 1 :
			    300);
			len[i] = start - from[i] + tap_rnd(500);
			if (len[i] > n - from[i])
				len[i] = n - from[i];
			start = from[i] + len[i];
		}
		for (k = 0; k < 24; k++) {
			i = k < 16 ? tap_rnd(8) : k - 16;
			c2s(isn + 1 + from[i], ACK, data + from[i], len[i]);
		}
		done = start;
	}
}

static void
random_orders(void)
{
	static uint8_t data[200000];
	uint32_t i, run;

	for (i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 256);
	memcpy(data, "GET ", 4);
	for (run = 0; run < 20; run++) {
		begin();
		scatter(UINT32_MAX - run * 5000, data, sizeof(data));
		if (!ok(came(0, data, sizeof(data)) &&
		    strstr(got.log, "broken") == NULL,
		    "in any order, over the end of the numbers, run %u", run))
			break;
	}
}

static void
byte_by_byte(void)
{
	uint32_t i;

	begin();
	c2s(UINT32_MAX - 3, SYN, NULL, 0);
	for (i = 0; i < 10; i++)
		c2s(UINT32_MAX - 2 + i, ACK, &"abcdefghij"[i], 1);
	ok(came(0, "abcdefghij", 10), "byte by byte, over the end, too");
}

/* ---- links ---- */

static const struct {
	const char *name;
	uint32_t link, n;
	uint8_t head[24];
	bool ip6;
} links[] = {
	{ "Ethernet", MUX_LINK_ETHERNET, 14, { [12] = 8 }, false },
	{ "Ethernet, IPv6", MUX_LINK_ETHERNET, 14,
	    { [12] = 0x86, [13] = 0xdd }, true },
	{ "two VLANs", MUX_LINK_ETHERNET, 22, { [12] = 0x88, [13] = 0xa8,
	    [16] = 0x81, [20] = 8 }, false },
	{ "SLL", MUX_LINK_SLL, 16, { [14] = 8 }, false },
	{ "SLL2, IPv6", MUX_LINK_SLL2, 20, { [0] = 0x86, [1] = 0xdd }, true },
	{ "NULL", MUX_LINK_NULL, 4, { [0] = 2 }, false },
	{ "NULL, the other order, IPv6", MUX_LINK_NULL, 4, { [3] = 30 },
	    true },
	{ "LOOP", MUX_LINK_LOOP, 4, { [3] = 2 }, false },
	{ "RAW, IPv6", MUX_LINK_RAW, 0, { 0 }, true }
};

static void
over_links(void)
{
	struct seg s = { 4000, 80, 1000, 0, ACK, "GET /", 5, 0 };
	uint8_t p[256];
	uint32_t n, k;
	size_t i;
	int r;

	for (i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		begin();
		memset(p, 0, sizeof(p));
		n = links[i].n;
		memcpy(p, links[i].head, n);
		k = n + (links[i].ip6 ? put_ip6(p + n, &s) :
		    put_ip4(p + n, &s));
		/* With some padding. */
		r = push(links[i].link, p, k + 6, k + 6);
		ok(r == 1 && came(0, "GET /", 5), "%s", links[i].name);
		for (r = 0, n = 0; n < k - 5; n++)
			r |= push(links[i].link, p, n, n);
		ok(got.n[0] == 5, "%s, cut anywhere", links[i].name);
	}
}

static void
no_tcp(void)
{
	struct seg s = { 4000, 80, 1000, 0, ACK, "GET /", 5, 0 };
	uint8_t p[256];
	uint32_t n = put_ip4(p, &s);

	begin();
	p[9] = 17;
	ok(push(MUX_LINK_RAW, p, n, n) == 0, "UDP is not TCP");
	p[9] = 6;
	p[6] = 0x20;
	ok(push(MUX_LINK_RAW, p, n, n) == 0, "nor is a fragment");
	p[6] = 0;
	ok(push(105, p, n, n) == 0, "nor what some other link has");
	ok(push(MUX_LINK_RAW, p, n, n) == 1 && got.conns == 1, "this is");
}

int
main(void)
{
	a_life();
	out_of_order();
	middle();
	lost();
	cut_short();
	bounds();
	many();
	random_orders();
	byte_by_byte();
	over_links();
	no_tcp();
	tcpflow_free(t);
	return tap_done();
}
