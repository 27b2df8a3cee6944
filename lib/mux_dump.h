/*
 * mux_dump.h - records of what went over connections: written to and read
 * from pcapng, without a file.  muxdump(5) describes the format; Wireshark
 * and tshark open it as it is.
 *
 * A record holds a piece of a frame (or of a stream of bytes that are not
 * frames, or an event) as it went over one connection in one direction.
 * Writing: mux_dump_begin() once per file, then for each record
 * mux_dump_head(), the bytes themselves, mux_dump_tail().  Reading: push bytes
 * in, take packets out, decode them.  Nothing here does I/O, has a clock or
 * allocates more than the one buffer of a reader.
 */
#ifndef MUX_DUMP_H
#define MUX_DUMP_H

#include "mux.h"

#ifdef __cplusplus
extern "C" {
#endif
/* What is declared here is exported; the rest of the library is hidden. */
#pragma GCC visibility push(default)

/* ---- frames, as they are on the wire: mux(7), FRAMES, EXT BLOCK ---- */

#define MUX_FRAME_HEADER	14u

struct mux_frame {
	uint64_t id;
	uint32_t len;		/* of the payload */
	uint8_t type, flags;
};
void mux_frame_get(const uint8_t header[MUX_FRAME_HEADER],
    struct mux_frame *);
void mux_frame_put(uint8_t header[MUX_FRAME_HEADER],
    const struct mux_frame *);

/* One tag of an EXT block. */
struct mux_tag {
	uint16_t tag;		/* without the critical bit */
	bool critical;
	const uint8_t *value;
	size_t len;
};
/* Walks the tags of a block from *at (at first 0), whose length is in its
 * first four bytes: 1 and the next one, 0 at the end, -1 if the block is
 * broken or not whole within n bytes. */
int mux_tag_next(const uint8_t *block, size_t n, size_t *at, struct mux_tag *);
/* The name of mux(7) ("METHOD"), or NULL.  Static. */
const char *mux_tag_name(uint16_t tag);

/* ---- records ---- */

/* Most bytes of a frame in one record; Wireshark refuses files with records
 * of more than 262,144 bytes. */
#define MUX_DUMP_PIECE	(128u * 1024u)

enum mux_dump_kind {
	MUX_DUMP_FRAME,		/* a piece of a frame, header included */
	MUX_DUMP_CHUNK,		/* bytes that are not frames of ours */
	MUX_DUMP_EVENT		/* `data` is a text for people */
};

enum mux_dump_event {
	MUX_DUMP_OPEN = 1,	/* the connection begins; text: who, where */
	MUX_DUMP_CLOSE,		/* ... and ends; text: why */
	MUX_DUMP_EOF,		/* of one direction (a tap of raw bytes) */
	MUX_DUMP_BROKEN,	/* of one direction: reset; text: why */
	MUX_DUMP_DROPPED,	/* `number` records, of any connection, were
				 * lost before this; conn is 0 */
	MUX_DUMP_FAULT		/* a fault was put in; text: which */
};

struct mux_dump_record {
	uint8_t kind, event;
	bool s2c;		/* who sent it: the side that accepted the
				 * connection; else the one that dialled */
	bool out;		/* ... which is the one that records */
	uint32_t conn;		/* of the recording, from 1 */
	uint64_t number;	/* of the frame, chunk or event: each counts
				 * from 1 on its connection */
	uint64_t mono, wall;	/* ns; CLOCK_MONOTONIC, since 1970 */
	uint32_t total;		/* bytes of the frame with its header */
	uint32_t off;		/* where this piece lies in it */
	uint32_t wire;		/* bytes of this piece ... */
	uint32_t n;		/* ... of which the first n are here: at most
				 * MUX_DUMP_PIECE.  Fewer than wire: the rest
				 * was not recorded (--snaplen) */
	const uint8_t *data;
};
/*
 * The last piece of a frame: off + wire == total.  The pieces of one frame
 * come in order but not always one behind the other: those of the other
 * direction and of other connections may lie between.  After a CLOSE, and
 * before DROPPED, the rest of a frame may be missing.  Chunks and events are
 * one piece each (off 0, wire == total).
 */

#define MUX_DUMP_BEGIN_MAX	512u
#define MUX_DUMP_HEAD_MAX	96u
#define MUX_DUMP_TAIL_MAX	32u

/*
 * The beginning of a file.  `recording` is the same in all files of a
 * recording that is spread over several, and differs from all others;
 * `part` counts them from 0.  `agent` and `what` (a command line without
 * secrets, an address) are for people; each is cut at 128 bytes.
 */
size_t mux_dump_begin(uint8_t buf[MUX_DUMP_BEGIN_MAX],
    const uint8_t recording[16], uint32_t part, const char *agent,
    const char *what);
/* What comes before and behind r->data, which may be NULL here; gives the
 * length. */
size_t mux_dump_head(uint8_t buf[MUX_DUMP_HEAD_MAX],
    const struct mux_dump_record *r);
size_t mux_dump_tail(uint8_t buf[MUX_DUMP_TAIL_MAX],
    const struct mux_dump_record *r);

/* ---- reading ---- */

/* Link types of packets (tcpdump.org/linktypes.html) that are of interest. */
#define MUX_LINK_NULL		0u
#define MUX_LINK_ETHERNET	1u
#define MUX_LINK_RAW		101u
#define MUX_LINK_LOOP		108u
#define MUX_LINK_SLL		113u
#define MUX_LINK_UPPER_PDU	252u
#define MUX_LINK_SLL2		276u

struct mux_packet {
	uint64_t at;		/* byte offset of its block in the file */
	uint64_t wall;		/* ns since 1970 */
	uint32_t link;
	uint32_t wire;		/* bytes it had */
	uint32_t n;		/* bytes that are here */
	const uint8_t *data;	/* good until the next call */
};

/* Where and why a file cannot be read on. */
struct mux_dump_error {
	uint64_t at;		/* byte offset */
	const char *reason;	/* static */
};

/* Reads pcapng and pcap of either byte order, from pieces of any size. */
struct mux_dump_reader;

int mux_dump_reader_new(struct mux_dump_reader **out);	/* 0, MUX_E_NOMEM */
void mux_dump_reader_free(struct mux_dump_reader *);
/* Room for the next bytes, at least one; never called while packets are left.
 * Bounded, whatever the file says: a block has at most 1 MiB. */
uint8_t *mux_dump_reader_room(struct mux_dump_reader *, size_t *n);
void mux_dump_reader_fill(struct mux_dump_reader *, size_t n);
/* 1 and a packet, 0 when more bytes are needed, -1 and *err when the file is
 * damaged there (for ever). */
int mux_dump_reader_next(struct mux_dump_reader *, struct mux_packet *,
    struct mux_dump_error *err);
/* At the end of the file: 0, or -1 when it ends in the middle of a block. */
int mux_dump_reader_end(struct mux_dump_reader *, struct mux_dump_error *err);
/* Which recording the file is a part of, once known; else NULL. */
const uint8_t *mux_dump_reader_recording(const struct mux_dump_reader *,
    uint32_t *part);

/* The record in a packet of MUX_LINK_UPPER_PDU; 1, 0 if it is of another
 * program (the dissector is not mux), -1 and *err if it is damaged. */
int mux_dump_decode(const struct mux_packet *, struct mux_dump_record *,
    struct mux_dump_error *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
