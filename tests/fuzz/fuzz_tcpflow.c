/*
 * fuzz_tcpflow.c - every input is a series of packets: a byte for the link, a
 * byte for the length, the bytes.  Records must add up, and with headers that
 * are put right an input also gets as far as connections.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../cmd/tcpflow.h"

#define MUST(cond)	((cond) ? (void)0 : broken(#cond))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct {
	uint32_t conns;
	uint64_t records;
	uint32_t sum;
} seen;

static void
broken(const char *what)
{
	fprintf(stderr, "fuzz_tcpflow: not %s\n", what);
	abort();
}

static void
on_record(const struct mux_dump_record *r, void *arg)
{
	uint32_t i;

	(void)arg;
	seen.records++;
	MUST(r->conn >= 1 && r->conn <= seen.conns && r->number > 0);
	MUST(r->n <= r->wire && r->wire <= r->total);
	MUST(r->off <= r->total - r->wire && r->n <= MUX_DUMP_PIECE);
	MUST(r->kind == MUX_DUMP_EVENT || r->wire > 0);
	for (i = 0; i < r->n; i++)
		seen.sum += r->data[i];
}

static uint32_t
number(void *arg)
{
	(void)arg;
	return ++seen.conns;
}

/* What a guess seldom gets right: it is IPv4 and TCP, with two ports. */
static void
put_right(uint8_t *p, size_t n)
{
	if (n < 40)
		return;
	p[0] = 0x45;
	p[2] = 0;
	p[3] = (uint8_t)n;
	p[6] = p[7] = 0;
	p[9] = 6;
	memset(p + 12, 1, 8);
	p[20] = p[22] = 0;
	p[21] = p[21] & 1;
	p[23] = !p[21];
	p[32] = 0x50;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
	static const uint32_t links[] = { MUX_LINK_NULL, MUX_LINK_ETHERNET,
	    MUX_LINK_RAW, MUX_LINK_LOOP, MUX_LINK_SLL, MUX_LINK_SLL2 };
	static const struct tcpflow_ops ops = { on_record, number };
	struct tcpflow *t = tcpflow_new(&ops, NULL);
	struct mux_packet pkt = { 0 };
	uint8_t *copy, how;
	size_t n;

	memset(&seen, 0, sizeof(seen));
	MUST(t != NULL);
	while (size >= 2) {
		how = p[0];
		n = p[1] < size - 2 ? p[1] : size - 2;
		copy = malloc(n > 0 ? n : 1);
		MUST(copy != NULL);
		memcpy(copy, p + 2, n);
		pkt.link = links[(how & 15) % 6];
		pkt.wire = (uint32_t)n + (how >> 6);
		pkt.n = (uint32_t)n;
		pkt.data = copy;
		if (how & 16) {
			pkt.link = MUX_LINK_RAW;
			put_right(copy, n);
		}
		MUST(tcpflow_packet(t, &pkt) >= 0);
		free(copy);
		p += n + 2;
		size -= n + 2;
	}
	tcpflow_end(t);
	tcpflow_free(t);
	return 0;
}
