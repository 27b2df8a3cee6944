/*
 * frames.h - a frame as one line of text, for -vv and for dump.
 */
#ifndef FRAMES_H
#define FRAMES_H

#include <stddef.h>

struct mux_tap;

#define FRAMES_LINE	320	/* always enough for one line */

/*
 * "> data id 3 len 5 fin hello": direction (> ours, < the peer's), type, id,
 * payload length, flags, and the first bytes of the payload encoded by
 * vis(3).  Pure printable ASCII, no newline.  Gives the length.
 */
size_t frames_line(const struct mux_tap *, char *buf, size_t size);

#endif
