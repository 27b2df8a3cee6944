/*
 * load.h - what the modes of the load generator share: one entry point per
 * mode, sockets by address, a clock, a histogram.
 *
 * The load generator knows nothing of libmux: what measures must not be built
 * from what is measured.  Each mode is one process with one thread.  It says
 * that it is ready by one line on stdout (real ports included), so nobody
 * has to sleep or to guess.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK	((size_t)256 * 1024)	/* of one read or write in bulk */
#define PING	64			/* bytes of a ping */
#define NS_PER_S UINT64_C(1000000000)

int load_sink(int argc, char **argv);
int load_source(int argc, char **argv);
int load_echo(int argc, char **argv);
int load_ping(int argc, char **argv);
int load_openclose(int argc, char **argv);
int load_idle(int argc, char **argv);
int load_relay(int argc, char **argv);
int load_calls_core(int argc, char **argv);
int load_mirror(int argc, char **argv);
int load_pipeline(int argc, char **argv);
int load_listen(int argc, char **argv);
int load_freeport(int argc, char **argv);
int load_spawn(int argc, char **argv);

uint64_t now_ns(void);
uint64_t parse_number(const char *what, const char *word, uint64_t max);
uint64_t parse_seconds(const char *word);	/* -> ns */

/*
 * Addresses: PORT and HOST:PORT with a numeric IPv4 host, with or without
 * "tcp:" before them, or unix:PATH.  All these exit with a message when they
 * fail: a load generator has nothing to save.
 */
int net_listen(const char *addr);
int net_accept(int listener);		/* -1: nobody waits */
int net_dial(const char *addr);		/* blocking */
int net_dial_begin(const char *addr);	/* O_NONBLOCK, maybe in progress */
void net_nonblock(int fd);
void net_block(int fd);
unsigned net_port(int fd);		/* 0 for a unix socket */
void net_add(int ep, int fd, uint32_t events, uint64_t tag);
void write_all(int fd, const void *buf, size_t len);
size_t read_all(int fd, void *buf, size_t len);	/* short only at EOF */

/* Log-linear: 128 steps per power of two, so a value is off by < 0.8 %. */
#define HIST_SLOTS	(58 * 128)
struct hist {
	uint64_t count, max;
	uint32_t slot[HIST_SLOTS];
};
void hist_add(struct hist *, uint64_t ns);
uint64_t hist_quantile(const struct hist *, double q);	/* ns */

#endif
