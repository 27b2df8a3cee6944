/*
 * methods_dir.c - the methods of a directory: which of its files may be run,
 * and what they say of themselves.  Invariant: what others could have written
 * is not run.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "methods.h"
#include "mux_io.h"
#include "out.h"

#define NAME_CHARS	"ABCDEFGHIJKLMNOPQRSTUVWXYZ" \
			"abcdefghijklmnopqrstuvwxyz0123456789_.-"
#define ABOUT		"# muxctl: "
#define HEAD		4096	/* of a script; there it says what it is */

/* The words behind "# muxctl: " at the beginning of a line, or NULL. */
static char *
about(const char *path)
{
	char head[HEAD + 1], *p = NULL;
	FILE *f = fopen(path, "re");
	size_t n;

	if (f == NULL)
		return NULL;
	n = fread(head, 1, HEAD, f);
	fclose(f);
	head[n] = '\0';
	for (p = strstr(head, ABOUT); p != NULL; p = strstr(p + 1, ABOUT))
		if (p == head || p[-1] == '\n')
			break;
	if (p == NULL)
		return NULL;
	p += strlen(ABOUT);
	return strndup(p, strcspn(p, "\r\n"));
}

static bool
is_name(const char *name)
{
	return name[0] != '.' && name[strspn(name, NAME_CHARS)] == '\0';
}

/* Ours or root's, and nobody else may write to it. */
static bool
is_program(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1 || !S_ISREG(st.st_mode) ||
	    access(path, X_OK) == -1)
		return false;
	if ((st.st_uid == geteuid() || st.st_uid == 0) &&
	    (st.st_mode & S_IWOTH) == 0)
		return true;
	say(SAY_WARN, "%s: not a method: others may write to it", path);
	return false;
}

static int
add_file(struct methods *m, const char *dir, const char *name,
    struct mux_why *why)
{
	char path[PATH_MAX];
	char *text;
	int n, err;

	n = snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (n < 0 || (size_t)n >= sizeof(path) || !is_program(path))
		return 0;
	text = about(path);
	err = methods_add_program(m, name, path, text, why);
	if (err != 0)
		free(text);
	return err;
}

static int
add_files(struct methods *m, DIR *d, const char *dir, struct mux_why *why)
{
	const struct dirent *e;
	int err;

	while ((e = readdir(d)) != NULL)
		if (is_name(e->d_name) &&
		    (err = add_file(m, dir, e->d_name, why)) != 0)
			return err;
	return 0;
}

int
methods_add_dir(struct methods *m, const char *dir, bool may_lack,
    struct mux_why *why)
{
	/* the handler's directory may be another one */
	char *path = realpath(dir, NULL);
	DIR *d = path != NULL ? opendir(path) : NULL;
	int err;

	if (d == NULL) {
		*why = (struct mux_why){ .err = errno };
		snprintf(why->text, sizeof(why->text), "%.200s: %s", dir,
		    strerror(errno));
		free(path);
		return may_lack && why->err == ENOENT ? 0 : MUX_E_IO;
	}
	err = add_files(m, d, path, why);
	closedir(d);
	free(path);
	return err;
}
