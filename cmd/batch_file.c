/*
 * batch_file.c - names and writes the files of -o in a batch.  They are
 * written at once: files do not keep one waiting.  Invariant: an id is one
 * part of a path, or there is no file; and what is claimed is so once.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "batch_file.h"
#include "batch_out.h"

bool
batch_file_valid(const char *pattern)
{
	bool found = false;
	const char *p;

	for (p = pattern; (p = strchr(p, '%')) != NULL; p += 2) {
		if (p[1] != 'i' && p[1] != '%')
			return false;
		found = found || p[1] == 'i';
	}
	return found;
}

static bool
id_ok(const struct mux_bytes *id)
{
	const char *p = id->p;

	return id->len > 0 && id->len <= NAME_MAX &&
	    memchr(p, '/', id->len) == NULL &&
	    memchr(p, '\0', id->len) == NULL &&
	    !(p[0] == '.' && (id->len == 1 || (id->len == 2 && p[1] == '.')));
}

/* False: the path gets too long. */
static bool
make_path(char *to, size_t size, const char *p, const struct mux_bytes *id)
{
	struct mux_bytes part;

	for (; *p != '\0'; p++) {
		part = (struct mux_bytes){ p, 1 };
		if (*p == '%' && *++p == 'i')
			part = *id;
		if (part.len >= size)
			return false;
		memcpy(to, part.p, part.len);
		to += part.len;
		size -= part.len;
	}
	*to = '\0';
	return true;
}

/* NULL, or why there can be no such file. */
static const char *
name_file(char path[PATH_MAX], const char *pattern,
    const struct mux_bytes *name)
{
	if (!id_ok(name))
		return "-o: the id is no name of a file";
	if (!make_path(path, PATH_MAX, pattern, name))
		return "-o: File name too long";
	return NULL;
}

/* ---- names that are taken ---- */

static int
compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int
take_name(void **taken, const struct mux_bytes *name, const char **why)
{
	char *mine = strndup(name->p, name->len), **its;

	its = mine != NULL ? tsearch(mine, taken, compare) : NULL;
	if (its != NULL && *its == mine)
		return 0;
	free(mine);
	if (its == NULL)
		return MUX_E_NOMEM;
	*why = "-o: the id was there before; its file is made once";
	return 0;
}

int
batch_file_claim(void **taken, const char *pattern,
    const struct batch_id *id, const char **why)
{
	struct mux_bytes name = batch_id_label(id);
	char path[PATH_MAX];

	*why = name_file(path, pattern, &name);
	return *why != NULL || taken == NULL ? 0 :
	    take_name(taken, &name, why);
}

void
batch_file_forget(void *taken)
{
	tdestroy(taken, free);
}

/* ---- files ---- */

/* A pipe without a reader would keep us waiting for one. */
static int
open_now(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
	    O_NOCTTY | O_NONBLOCK, 0666);

	if (fd >= 0)
		fcntl(fd, F_SETFL, 0);
	return fd;
}

int
batch_file_open(const char *pattern, const struct batch_id *id, char *why,
    size_t size)
{
	struct mux_bytes name = batch_id_label(id);
	char path[PATH_MAX];
	const char *bad = name_file(path, pattern, &name);
	int fd;

	if (bad != NULL) {
		snprintf(why, size, "%s", bad);
		return -1;
	}
	if ((fd = open_now(path)) < 0)
		snprintf(why, size, "-o %.*s: %s", (int)(size / 2), path,
		    strerror(errno));
	return fd;
}

int
batch_file_write(int fd, const void *p, size_t n)
{
	const char *s = p;
	ssize_t w;

	while (n > 0) {
		w = write(fd, s, n);
		if (w < 0 && errno != EINTR)
			return errno;
		if (w > 0) {
			s += w;
			n -= (size_t)w;
		}
	}
	return 0;
}
