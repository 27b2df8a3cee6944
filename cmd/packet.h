/*
 * packet.h - the TCP segment in a packet that some program captured.
 */
#ifndef PACKET_H
#define PACKET_H

#include <stdbool.h>
#include <stdint.h>

struct mux_packet;

struct packet_end {
	uint8_t addr[16];	/* IPv4 in the first four */
	uint16_t port;
	uint8_t family;		/* 4, 6 */
	uint8_t pad;		/* 0: ends are compared as memory */
};

struct packet {
	struct packet_end from, to;
	uint32_t seq, ack;
	bool syn, has_ack, fin, rst;
	uint32_t wire;		/* bytes of payload it had ... */
	uint32_t n;		/* ... of which these were captured */
	const uint8_t *data;
};

/* Ethernet with VLAN tags, SLL, SLL2, NULL, LOOP, RAW; IPv4 and IPv6.  False:
 * not TCP, a fragment, or damaged beyond use. */
bool packet_tcp(const struct mux_packet *, struct packet *);
/* "127.0.0.1:80", "[::1]:80" */
#define PACKET_END_MAX	56u
void packet_end_text(const struct packet_end *, char buf[PACKET_END_MAX]);

#endif
