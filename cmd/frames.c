/*
 * frames.c - one line per frame.  It does not look into payloads; it shows
 * how they begin.  Invariant: whatever a frame holds, the line is printable
 * ASCII and shorter than FRAMES_LINE.
 */
#define LIBBSD_OPENBSD_VIS
#include <bsd/vis.h>
#include <inttypes.h>
#include <stdio.h>

#include "frames.h"
#include "mux.h"

#define N_SHOWN		32u
#define KNOWN		(MUX_FRAME_FIN | MUX_FRAME_MORE | MUX_FRAME_EXT)

static size_t
put_flags(unsigned flags, char *buf, size_t size)
{
	unsigned rest = flags & ~KNOWN;
	int n;

	n = snprintf(buf, size, "%s%s%s", flags & MUX_FRAME_FIN ? " fin" : "",
	    flags & MUX_FRAME_MORE ? " more" : "",
	    flags & MUX_FRAME_EXT ? " ext" : "");
	if (rest != 0)
		n += snprintf(buf + n, size - (size_t)n, " flags 0x%02x",
		    rest);
	return (size_t)n;
}

static size_t
put_payload(const struct mux_tap *t, char *buf, size_t size)
{
	size_t n = t->n < N_SHOWN ? t->n : N_SHOWN;
	int used;

	if (t->data == NULL)
		return (size_t)snprintf(buf, size, " (spliced)");
	buf[0] = ' ';
	used = strnvisx(buf + 1, size - 1, (const char *)t->data, n,
	    VIS_CSTYLE | VIS_OCTAL | VIS_NL | VIS_TAB | VIS_SP |
	    VIS_NOLOCALE);
	return used > 0 ? 1 + (size_t)used : 0;
}

size_t
frames_line(const struct mux_tap *t, char *buf, size_t size)
{
	const char *name = mux_frame_name(t->type);
	char number[16];
	size_t n;

	if (name == NULL) {
		snprintf(number, sizeof(number), "type-%u", t->type);
		name = number;
	}
	n = (size_t)snprintf(buf, size, "%c %s id %" PRIu64 " len %" PRIu32,
	    t->out ? '>' : '<', name, t->id, t->len);
	n += put_flags(t->flags, buf + n, size - n);
	if (t->len > 0)
		n += put_payload(t, buf + n, size - n);
	return n;
}
