/*
 * packet.c - finds the TCP segment in a captured packet: link, network and
 * transport header, one after the other.  Checks no checksums (offloading
 * makes them wrong in captures) and keeps nothing.  Invariant: no byte beyond
 * those that were captured is looked at.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "mux_dump.h"
#include "packet.h"

#define ETHER_IP4	0x0800u
#define ETHER_IP6	0x86ddu
#define MAX_TAGS	4		/* of VLANs */
#define MAX_EXTENSIONS	8		/* headers of IPv6 */
#define PROTO_TCP	6u

/* What is left of a packet: n bytes here, of wire that there were. */
struct rest {
	const uint8_t *p;
	uint32_t n, wire;
};

static uint16_t
be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t
be32(const uint8_t *p)
{
	return (uint32_t)be16(p) << 16 | be16(p + 2);
}

static bool
drop(struct rest *r, uint32_t n)
{
	if (r->n < n)
		return false;
	r->p += n;
	r->n -= n;
	r->wire -= n;
	return true;
}

/* What lies behind the first n bytes is padding. */
static void
trim(struct rest *r, uint32_t n)
{
	if (r->wire > n)
		r->wire = n;
	if (r->n > n)
		r->n = n;
}

/* ---- link ---- */

/* Behind the addresses: tags of VLANs, then the type. */
static unsigned
ether_type(struct rest *r)
{
	unsigned type, i;

	for (i = 0; i < MAX_TAGS && r->n >= 2; i++) {
		type = be16(r->p);
		if (type != 0x8100 && type != 0x88a8 && type != 0x9100)
			return drop(r, 2) ? type : 0;
		if (!drop(r, 4))
			return 0;
	}
	return 0;
}

/* AF_INET is 2 everywhere, AF_INET6 is not; in whose order is not said. */
static unsigned
null_type(struct rest *r)
{
	unsigned family;

	if (r->n < 4)
		return 0;
	family = r->p[0] != 0 || r->p[1] != 0 ? r->p[0] : r->p[3];
	drop(r, 4);
	if (family == 2)
		return ETHER_IP4;
	return family == 10 || family == 24 || family == 28 || family == 30 ?
	    ETHER_IP6 : 0;
}

static unsigned
raw_type(const struct rest *r)
{
	if (r->n == 0)
		return 0;
	return r->p[0] >> 4 == 4 ? ETHER_IP4 : r->p[0] >> 4 == 6 ?
	    ETHER_IP6 : 0;
}

/* The EtherType of what is behind the link header, 0 if there is none. */
static unsigned
link_type(uint32_t link, struct rest *r)
{
	unsigned type;

	switch (link) {
	case MUX_LINK_NULL:
	case MUX_LINK_LOOP:
		return null_type(r);
	case MUX_LINK_RAW:
		return raw_type(r);
	case MUX_LINK_ETHERNET:
		return drop(r, 12) ? ether_type(r) : 0;
	case MUX_LINK_SLL:
		return drop(r, 14) ? ether_type(r) : 0;
	case MUX_LINK_SLL2:
		type = r->n >= 2 ? be16(r->p) : 0;
		return drop(r, 20) ? type : 0;
	default:
		return 0;
	}
}

/* ---- network ---- */

static bool
take_ip4(struct rest *r, struct packet *out)
{
	const uint8_t *p = r->p;
	uint32_t head, total;

	if (r->n < 20 || p[0] >> 4 != 4 || p[9] != PROTO_TCP)
		return false;
	head = (p[0] & 15u) * 4u;
	total = be16(p + 2);
	/* More fragments, or not the first one. */
	if (head < 20 || (be16(p + 6) & 0x3fff) != 0)
		return false;
	/* 0: the kernel handed on more than fits into the field. */
	if (total != 0) {
		if (total < head)
			return false;
		trim(r, total);
	}
	memcpy(out->from.addr, p + 12, 4);
	memcpy(out->to.addr, p + 16, 4);
	out->from.family = out->to.family = 4;
	return drop(r, head);
}

/* Skips extension headers up to TCP; false if something else is behind. */
static bool
skip_extensions(struct rest *r, unsigned next)
{
	uint32_t len;
	int i;

	for (i = 0; i < MAX_EXTENSIONS && next != PROTO_TCP; i++) {
		if (r->n < 8)
			return false;
		/* Hop by hop, routing, options; authentication; a fragment
		 * that is the whole. */
		if (next == 0 || next == 43 || next == 60)
			len = (r->p[1] + 1u) * 8u;
		else if (next == 51)
			len = (r->p[1] + 2u) * 4u;
		else if (next == 44 && (be16(r->p + 2) & 0xfff9) == 0)
			len = 8;
		else
			return false;
		next = r->p[0];
		if (!drop(r, len))
			return false;
	}
	return next == PROTO_TCP;
}

static bool
take_ip6(struct rest *r, struct packet *out)
{
	const uint8_t *p = r->p;
	uint32_t len;

	if (r->n < 40 || p[0] >> 4 != 6)
		return false;
	len = be16(p + 4);
	memcpy(out->from.addr, p + 8, 16);
	memcpy(out->to.addr, p + 24, 16);
	out->from.family = out->to.family = 6;
	drop(r, 40);
	if (len != 0)
		trim(r, len);
	return skip_extensions(r, p[6]);
}

/* ---- transport ---- */

static bool
take_tcp(struct rest *r, struct packet *out)
{
	const uint8_t *p = r->p;
	uint32_t head;

	if (r->n < 20)
		return false;
	head = (p[12] >> 4) * 4u;
	if (head < 20 || head > r->wire)
		return false;
	out->from.port = be16(p);
	out->to.port = be16(p + 2);
	out->seq = be32(p + 4);
	out->ack = be32(p + 8);
	out->fin = p[13] & 1;
	out->syn = p[13] & 2;
	out->rst = p[13] & 4;
	out->has_ack = p[13] & 16;
	if (head > r->n) {	/* cut inside the options: no byte is here */
		r->wire -= head;
		r->n = 0;
	} else
		drop(r, head);
	out->wire = r->wire;
	out->n = r->n;
	out->data = r->p;
	return true;
}

bool
packet_tcp(const struct mux_packet *pkt, struct packet *out)
{
	struct rest r = { pkt->data, pkt->n, pkt->wire };
	unsigned type;

	if (r.wire < r.n)
		r.wire = r.n;
	memset(out, 0, sizeof(*out));
	type = link_type(pkt->link, &r);
	if (type == ETHER_IP4)
		return take_ip4(&r, out) && take_tcp(&r, out);
	return type == ETHER_IP6 && take_ip6(&r, out) && take_tcp(&r, out);
}

void
packet_end_text(const struct packet_end *e, char buf[PACKET_END_MAX])
{
	char addr[INET6_ADDRSTRLEN] = "?";

	inet_ntop(e->family == 6 ? AF_INET6 : AF_INET, e->addr, addr,
	    sizeof(addr));
	snprintf(buf, PACKET_END_MAX, e->family == 6 ? "[%s]:%u" : "%s:%u",
	    addr, e->port);
}
