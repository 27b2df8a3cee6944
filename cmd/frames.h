/*
 * frames.h - what a frame says, as one line of text: for -vv and for dump.
 */
#ifndef FRAMES_H
#define FRAMES_H

#include <stddef.h>
#include <stdint.h>

struct mux_frame;
struct mux_tap;

#define FRAMES_WORD	32	/* always enough for a type, for flags */
#define FRAMES_SAYS	512	/* ... what one says */
#define FRAMES_LINE	640	/* ... and a line */

/* "data", or "type-77".  All give the length. */
size_t frames_type(uint8_t type, char buf[FRAMES_WORD]);
/* "fin,ext", "more,0x04", or "-". */
size_t frames_flags(uint8_t flags, char buf[FRAMES_WORD]);
/* Bytes of a stranger: the first ones, in quotes, by vis(3). */
size_t frames_bytes(const void *p, size_t n, size_t all, char *buf,
    size_t size);
/*
 * What the first n bytes of its payload say: method and arguments, credit,
 * codes by their names, the beginning of a body.  Values that are marked as
 * secret are left out.  Pure printable ASCII, no newline; "" if nothing.
 */
size_t frames_says(const struct mux_frame *, const uint8_t *p, size_t n,
    char buf[FRAMES_SAYS]);
/* "> data id 3 len 5 fin "hello"": direction (> ours, < the peer's), type,
 * id, payload length, flags, what it says. */
size_t frames_line(const struct mux_tap *, char buf[FRAMES_LINE]);

#endif
