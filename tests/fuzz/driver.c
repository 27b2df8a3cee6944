/*
 * main() for a fuzz target that is not run by libFuzzer: gives it each file
 * of the named folders, whole and cut short at every length up to SHORT, and
 * prints TAP.  A target fails by aborting, so a file passes by returning.
 *
 * It makes no inputs of its own; `make fuzz` does that.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHORT	((size_t)512)

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static unsigned n_run;

/* Each length gets memory of its own, so that a sanitizer sees its end. */
static void
feed(const uint8_t *data, size_t n)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);

	if (copy == NULL)
		abort();
	if (n > 0)
		memcpy(copy, data, n);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
}

static uint8_t *
slurp(FILE *f, size_t *n)
{
	size_t cap = 1 << 20, len = 0, got;
	uint8_t *buf = malloc(cap);

	while (buf != NULL && (got = fread(buf + len, 1, cap - len, f)) > 0) {
		len += got;
		if (len == cap)
			buf = realloc(buf, cap *= 2);
	}
	if (buf == NULL || ferror(f)) {
		free(buf);
		return NULL;
	}
	*n = len;
	return buf;
}

static int
run_file(const char *dir, const char *name)
{
	char path[4096];
	uint8_t *data;
	size_t n, cut;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	if ((f = fopen(path, "rb")) == NULL)
		return -1;
	data = slurp(f, &n);
	fclose(f);
	if (data == NULL)
		return -1;
	for (cut = 0; cut < n && cut <= SHORT; cut++)
		feed(data, cut);
	feed(data, n);
	free(data);
	printf("ok %u - %s\n", ++n_run, name);
	fflush(stdout);
	return 0;
}

static int
run_dir(const char *dir)
{
	struct dirent **names;
	int i, n, rc = 0;

	if ((n = scandir(dir, &names, NULL, alphasort)) == -1) {
		perror(dir);
		return -1;
	}
	for (i = 0; i < n; i++) {
		const char *name = names[i]->d_name;

		if (name[0] != '.' && run_file(dir, name) == -1) {
			printf("not ok %u - cannot read %s/%s\n", ++n_run,
			    dir, name);
			rc = -1;
		}
		free(names[i]);
	}
	free(names);
	return rc;
}

int
main(int argc, char **argv)
{
	int i, rc = 0;

	for (i = 1; i < argc; i++)
		if (run_dir(argv[i]) == -1)
			rc = 1;
	printf("1..%u\n", n_run);
	if (n_run == 0)
		fprintf(stderr, "%s: no files to run\n", argv[0]);
	return rc != 0 || n_run == 0;
}
