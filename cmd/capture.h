/*
 * capture.h - where dump reads from: files one after the other, or stdin,
 * whatever they hold: recordings (muxdump(5)), captures of TCP by tcpdump
 * (pcap, pcapng; put together by tcpflow.h), frames one behind the other as
 * S0 programs write them.  All of them come out as records.  Invariant:
 * memory has a bound that no byte of a file moves; what is damaged ends that
 * file with its name, offset and reason, after everything before it was
 * handed on.
 *
 * A file of frames does not say who sent them.  If it begins with a HELLO, or
 * with a frame that only a server of plain S0 sends, then all are from that
 * side; else it holds both directions, and the types tell.
 */
#ifndef CAPTURE_H
#define CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "mux_dump.h"

struct capture;

struct capture_ops {
	/* One record; false = enough, stop. */
	bool (*record)(const struct mux_dump_record *, void *arg);
	/* Before each read: 0, or the exit status to stop with.  What was
	 * read before has been handed on.  `live`: it may take a while. */
	int (*await)(int fd, bool live, void *arg);
	/* Something is about to be said: what came before it is shown. */
	void (*flush)(void *arg);
};

struct capture *capture_new(const struct capture_ops *, void *arg);
void capture_free(struct capture *);
/*
 * Reads one file, "-" is stdin.  Connections get numbers that go on from file
 * to file; the parts of one recording, if they follow each other, share
 * theirs, and connections of TCP may go on in the next file.  0, also after
 * "enough"; what await() gave; or CMD_DAMAGED, CMD_USAGE (cannot be opened or
 * read), both said already.
 */
int capture_read(struct capture *, const char *file);
/* After the last file: what TCP still held back. */
void capture_end(struct capture *);

#endif
