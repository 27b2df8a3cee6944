/*
 * one.h - telling the result of one call.
 */
#ifndef ONE_H
#define ONE_H

#include <stdbool.h>
#include <stddef.h>

struct call;
struct result;
struct sinks;

/* By --status-fd: 0, or errno of what kept it from being written. */
int one_tell_fd(const struct call *, const struct result *);
/* By --json and on stderr: the exit status. */
int one_tell(const struct call *, const struct result *,
    const struct sinks *);

/* What mux.methods answers: exit statuses, what is wrong has been said.  One
 * line "NAME<TAB>KIND<TAB>ABOUT" for each, or all about one; or an object of
 * each, with the keys that are known in their order. */
int methods_list(const char *text, size_t len, bool json);
int methods_describe(const char *name, const char *text, size_t len,
    bool json);

#endif
