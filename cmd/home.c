/*
 * home.c - where sockets lie that nobody named.  It makes directories and
 * addresses; it neither listens nor connects.  Invariant: the directory
 * belongs to us and nobody else may enter it, so what lies in it is ours.
 */
#include <sys/stat.h>

#include <bsd/string.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "home.h"
#include "mux_io.h"

static const char *
env_dir(const char *name)
{
	const char *dir = getenv(name);

	return dir != NULL && dir[0] == '/' ? dir : NULL;
}

static const char *
temp_dir(void)
{
	const char *dir = env_dir("TMPDIR");

	return dir != NULL ? dir : "/tmp";
}

static int
failed(struct mux_why *why, const char *path, int err)
{
	*why = (struct mux_why){ .err = err };
	snprintf(why->text, sizeof(why->text), "directory %.300s: %s", path,
	    strerror(err));
	return -1;
}

/* "unix:" and the path, with the characters that mean something in an
 * address encoded. */
static char *
unix_addr(const char *path)
{
	char *addr = malloc(sizeof("unix:") + 3 * strlen(path));
	char *p;

	if (addr == NULL)
		return NULL;
	p = stpcpy(addr, "unix:");
	for (; *path != '\0'; path++) {
		if (strchr("?&=%", *path) != NULL)
			p += sprintf(p, "%%%02X", (unsigned char)*path);
		else
			*p++ = *path;
	}
	*p = '\0';
	return addr;
}

char *
home_absolute(const char *path)
{
	char *full = strchr("/@", path[0]) != NULL ? strdup(path) :
	    realpath(path, NULL);
	char *addr = full != NULL ? unix_addr(full) : NULL;

	free(full);
	return addr;
}

static int
check_owner(const char *dir, struct mux_why *why)
{
	struct stat st;

	if (lstat(dir, &st) == -1)
		return errno == ENOENT ? 0 : failed(why, dir, errno);
	if (S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
	    (st.st_mode & (S_IRWXG | S_IRWXO)) == 0)
		return 0;
	*why = (struct mux_why){ .err = EPERM };
	snprintf(why->text, sizeof(why->text), "directory %.300s: "
	    "expected it to be yours and closed to others (mode 0700)", dir);
	return -1;
}

int
home_default(bool make, char **addr, struct mux_why *why)
{
	const char *run = env_dir("XDG_RUNTIME_DIR");
	char *dir = NULL, *path = NULL, *word = NULL;
	int n;

	n = run != NULL ? asprintf(&dir, "%s/muxctl", run) :
	    asprintf(&dir, "%s/muxctl-%lu", temp_dir(),
	    (unsigned long)geteuid());
	if (n < 0)
		return failed(why, "for the default socket", ENOMEM);
	if (make && mkdir(dir, S_IRWXU) == -1 && errno != EEXIST) {
		failed(why, dir, errno);
		goto fail;
	}
	if (check_owner(dir, why) == -1)
		goto fail;
	if (asprintf(&path, "%s/default.sock", dir) < 0 ||
	    (word = unix_addr(path)) == NULL) {
		failed(why, dir, ENOMEM);
		goto fail;
	}
	free(path);
	free(dir);
	*addr = word;
	return 0;
fail:
	free(path);
	free(dir);
	return -1;
}

int
home_listen_status(int err, const struct mux_why *why)
{
	switch (why->err) {
	case EADDRINUSE:
	case EADDRNOTAVAIL:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOBUFS:
		return CMD_FAIL;
	default:
		return err == MUX_E_NOMEM ? CMD_FAIL : CMD_USAGE;
	}
}

int
home_private(char **dir, char **addr, struct mux_why *why)
{
	char *made = NULL, *path = NULL, *word;

	if (asprintf(&made, "%s/muxctl.XXXXXXXX", temp_dir()) < 0)
		return failed(why, temp_dir(), ENOMEM);
	if (mkdtemp(made) == NULL) {
		failed(why, made, errno);
		free(made);
		return -1;
	}
	if (asprintf(&path, "%s/sock", made) < 0 ||
	    (word = unix_addr(path)) == NULL) {
		failed(why, made, ENOMEM);
		free(path);
		home_private_free(made);
		return -1;
	}
	free(path);
	*dir = made;
	*addr = word;
	return 0;
}

void
home_private_free(char *dir)
{
	static const char *const left[] = { "sock", "sock.lock" };
	char path[4096];

	if (dir == NULL)
		return;
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++)
		if (snprintf(path, sizeof(path), "%s/%s", dir, left[i]) <
		    (int)sizeof(path))
			unlink(path);
	rmdir(dir);
	free(dir);
}
