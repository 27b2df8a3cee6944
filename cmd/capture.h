/*
 * capture.h - where dump reads from: files one after the other, or stdin,
 * whatever they hold: recordings (muxdump(5)), captures of TCP by tcpdump
 * (pcap, pcapng; put together by tcpflow.h), frames one behind the other as
 * S0 programs write them, anything else as chunks of bytes.  All of them come
 * out as records.  Invariant: memory has a bound that no byte of a file
 * moves; what is damaged ends that file with its name, offset and reason,
 * after everything before it was handed on.
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
};

/*
 * Reads one file, "-" is stdin.  Connections get numbers that go on from file
 * to file; the parts of one recording share theirs.  0; or CMD_DAMAGED,
 * CMD_USAGE (cannot be opened or read), both said already.
 */
int capture_read(struct capture *, const char *file);
struct capture *capture_new(const struct capture_ops *, void *arg);
void capture_free(struct capture *);

#endif
