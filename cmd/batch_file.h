/*
 * batch_file.h - -o 'out/%i' of a batch: a file for the body of each call.
 */
#ifndef BATCH_FILE_H
#define BATCH_FILE_H

#include <stdbool.h>
#include <stddef.h>

struct batch_id;

/* Does it have %i, and nothing else behind a % but another one? */
bool batch_file_valid(const char *pattern);
/*
 * Before the call: *why says why there can be no file for it, or is NULL.
 * *taken, NULL at first, remembers the ids, of which none may come twice;
 * without it none can.  0 or MUX_E_NOMEM.
 */
int batch_file_claim(void **taken, const char *pattern,
    const struct batch_id *, const char **why);
void batch_file_forget(void *taken);
/* A descriptor of an empty file; or -1, and a sentence in `why`. */
int batch_file_open(const char *pattern, const struct batch_id *, char *why,
    size_t size);
/* All of it: 0, or errno. */
int batch_file_write(int fd, const void *p, size_t n);

#endif
