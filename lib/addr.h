/*
 * addr.h - what the I/O floor knows about addresses beyond mux_io.h.
 */
#ifndef ADDR_H
#define ADDR_H

#include "addr_opt.h"
#include "int.h"
#include "mux_io.h"

struct mux_addr {
	enum mux_scheme scheme;
	uint16_t port;
	int fd;			/* fd: only, else -1 */
	/* tcp and its kind: canonical, no brackets; ssh: [USER@]HOST */
	char *host;
	/* unix, seqpacket, ws; ssh: SOCKET or NULL; systemd: NAME or NULL */
	char *path;
	char *command;		/* exec: verbatim */
	struct addr_opts opts;
	char *str;		/* the canonical word */
};

/* "tcp"; "-" for stdio.  Static. */
const char *addr_scheme_name(enum mux_scheme);

#endif
