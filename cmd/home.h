/*
 * home.h - sockets that nobody named: the default one, and a private one.
 */
#ifndef HOME_H
#define HOME_H

#include <stdbool.h>
#include <sys/types.h>

struct mux_why;

/*
 * The address of the default socket: muxctl/default.sock below
 * XDG_RUNTIME_DIR, else below a directory of the user's own in the temporary
 * directory.  With `make` the directory is made.  An existing one that others
 * could use is an error.  0 and *addr, which the caller frees; -1 and *why.
 */
int home_default(bool make, char **addr, struct mux_why *why);

/* "unix:" and the path, made absolute if it is not.  free() it; NULL = no
 * memory, or no such file. */
char *home_absolute(const char *path);

/* What to exit with when mux_listen() gave `err`: a socket that is in use is a
 * failure, a place where there can be none was the wrong word. */
int home_listen_status(int err, const struct mux_why *why);

/*
 * A new directory for one socket, and the address of that.  The caller gives
 * *dir to home_private_free() when the socket is no longer listened on.
 */
int home_private(char **dir, char **addr, struct mux_why *why);
void home_private_free(char *dir);

#endif
