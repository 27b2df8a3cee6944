/*
 * sock.h - what dialling and listening share about sockets: names of any
 * length, options of addresses, and sentences about errors.
 */
#ifndef SOCK_H
#define SOCK_H

#include <sys/socket.h>
#include <sys/un.h>

#include "int.h"
#include "mux_io.h"

/* The code for the wire of an errno that getting to a target gave. */
uint32_t sock_code(int err);
/* As strerror(3), but static and never NULL. */
const char *sock_strerror(int err);
/* "WHAT WORD: No such file or directory", with errno and code. */
void sock_why(struct mux_why *, int err, const char *what, const char *word);

/*
 * Where a unix socket is to be connected to.  sun_path holds 107 bytes; what
 * is longer is reached through a descriptor, as is a path whose `real` name
 * was asked for: what was judged is then what is dialled.
 */
struct sock_unix {
	struct sockaddr_un sun;
	socklen_t len;
	int hold;		/* -1 = none */
	char *real;		/* NULL; "@NAME"; a path without links */
};

/* 0, or -1 with errno.  `path` begins with @ if it is abstract. */
int sock_unix_init(struct sock_unix *, const char *path, bool real);
void sock_unix_release(struct sock_unix *);
/* "/proc/self/fd/N" and `tail`.  False: too long. */
bool sock_unix_at(struct sockaddr_un *, socklen_t *len, int fd,
    const char *tail);

/* Room for any word that sock_word() gives. */
#define SOCK_WORD	360

/* "tcp:[::1]:22", "unix:/a%20b", "unix:", "unix:@NAME"; canonical. */
void sock_word(const struct sockaddr *, socklen_t, char out[SOCK_WORD]);

/*
 * nodelay= (on if not said otherwise), keepalive=, linger=, cc= on a TCP
 * socket; sockets accepted from it inherit them.  0; or -1 with errno, and
 * *key is the option that was refused.
 */
int sock_options(int fd, const struct mux_addr *, const char **key);

#endif
