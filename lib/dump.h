/*
 * dump.h - the numbers of pcapng and of our records that the writer and the
 * readers share.  muxdump(5) is where they are written down for others.
 */
#ifndef MUX_DUMP_INT_H
#define MUX_DUMP_INT_H

#include "bytes.h"
#include "mux_dump.h"

/* ---- pcapng (draft-ietf-opsawg-pcapng) ---- */

#define NG_SECTION	0x0a0d0d0au	/* the same in both byte orders */
#define NG_ORDER	0x1a2b3c4du
#define NG_ORDER_SWAP	0x4d3c2b1au
#define NG_INTERFACE	1u
#define NG_PACKET_OLD	2u
#define NG_PACKET_SIMPLE 3u
#define NG_PACKET	6u

#define NG_OPT_END	0u
#define NG_OPT_COMMENT	1u
#define NG_SHB_USERAPPL	4u
#define NG_IF_NAME	2u
#define NG_IF_TSRESOL	9u
#define NG_IF_TSOFFSET	14u
#define NG_EPB_FLAGS	2u
#define NG_EPB_DROPCOUNT 4u

#define NG_BLOCK	12u	/* type and length before, length behind */
#define NG_SHB_FIXED	16u	/* behind type and length: */
#define NG_IDB_FIXED	8u
#define NG_EPB_FIXED	20u
#define NG_SPB_FIXED	4u

#define NG_IN		1u	/* epb_flags */
#define NG_OUT		2u

#define NG_SNAPLEN	262144u

#define PAD4(n)		(((n) + 3u) & ~3u)

/* ---- exported PDU: what stands before a packet of link type 252 ---- */

#define PDU_END		0u
#define PDU_DISSECTOR	12u

/* ---- our records ---- */

#define REC_VERSION	1u
#define REC_SIZE	40u
#define REC_S2C		1u
#define REC_OUT		2u
#define REC_TOTAL_MAX	(16u * 1024u * 1024u + MUX_FRAME_HEADER)

/* The comment of a section: this, 32 hex digits, " part ", a number. */
#define DUMP_COMMENT	"mux recording "
#define DUMP_PART	" part "
#define DUMP_WORDS	128u	/* of agent and what */

#endif
