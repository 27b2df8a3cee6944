/*
 * handler_env.h - the environment of handlers: what they are given, and
 * nothing else.
 */
#ifndef HANDLER_ENV_H
#define HANDLER_ENV_H

struct mux_why;
struct opt_list;
struct work;

/*
 * What all handlers get: PATH, HOME and LANG as ours, and --env K[=V], where K
 * alone passes ours on.  One block; free() it.  0, or an error of mux.h and
 * *why.
 */
int handler_env_base(const struct opt_list *, char ***out, struct mux_why *);
/* That of one: base and MUX_*.  One block; free() it.  NULL: no memory. */
char **handler_env(char *const *base, const struct work *);

#endif
