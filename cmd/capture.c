/*
 * capture.c - reads files of whatever form into records.  It decides what a
 * file is from its first bytes, numbers connections, and says what is wrong
 * with it; what blocks and packets are, others know.  Invariant: between two
 * reads everything that had come whole was handed on.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"
#include "cmd.h"
#include "deframe.h"
#include "out.h"
#include "tcpflow.h"

#define MAGIC		4u
#define BLOCK		(64u * 1024u)

/* From whom the frames of a file of frames are. */
enum from { FROM_C2S, FROM_S2C, FROM_TYPE };

struct capture {
	struct capture_ops ops;
	void *arg;
	struct tcpflow *tcp;
	bool enough;
	uint32_t conns;		/* the highest number given out */
	uint32_t base;		/* what is added to those of the recording */
	bool known;		/* whose id this is: */
	uint8_t recording[16];
	/* The file at hand. */
	const char *name;
	int fd;
	bool live;
	uint8_t first[MUX_FRAME_HEADER];	/* read to know its form */
	size_t n_first;
	uint64_t n_packets, n_ours;
	uint64_t n_bad;		/* records that were left out */
	struct mux_dump_error bad;	/* the first one */
	/* A file of frames. */
	enum from from;
	bool s2c;		/* of the frame at hand */
	uint64_t offset;	/* of it in the file */
};

static int
damaged(const struct capture *c, uint64_t at, const char *reason)
{
	c->ops.flush(c->arg);
	return say_exit(CMD_DAMAGED, "%s: offset %" PRIu64 ": %s", c->name, at,
	    reason);
}

static void
hand_on(struct capture *c, const struct mux_dump_record *r)
{
	if (!c->enough && !c->ops.record(r, c->arg))
		c->enough = true;
}

/* *n bytes, 0 at the end; or a status. */
static int
read_some(struct capture *c, uint8_t *p, size_t size, size_t *n)
{
	ssize_t r;
	int status;

	do {
		status = c->ops.await(c->fd, c->live, c->arg);
		if (status != 0)
			return status;
		r = read(c->fd, p, size);
	} while (r < 0 && (errno == EINTR || errno == EAGAIN));
	if (r < 0)
		return say_exit(CMD_USAGE, "read %s: %s", c->name,
		    strerror(errno));
	*n = (size_t)r;
	return 0;
}

/* ---- recordings and packets ---- */

/* A new recording?  Then its connections come after all others. */
static void
know_recording(struct capture *c, const struct mux_dump_reader *r)
{
	const uint8_t *id;
	uint32_t part;

	id = mux_dump_reader_recording(r, &part);
	if (id != NULL && c->known && memcmp(id, c->recording, 16) == 0)
		return;
	c->base = c->conns;
	c->known = id != NULL;
	if (id != NULL)
		memcpy(c->recording, id, 16);
}

static void
take_record(struct capture *c, const struct mux_packet *p)
{
	struct mux_dump_error err;
	struct mux_dump_record r;
	int got = mux_dump_decode(p, &r, &err);

	if (got < 0 && c->n_bad++ == 0)
		c->bad = err;
	if (got <= 0)
		return;
	c->n_ours++;
	/* 0 is no connection: it is said of all. */
	if (r.conn != 0)
		r.conn += c->base;
	if (r.conn > c->conns)
		c->conns = r.conn;
	hand_on(c, &r);
}

static int
take_packet(struct capture *c, const struct mux_packet *p)
{
	int got;

	c->n_packets++;
	if (p->link == MUX_LINK_UPPER_PDU) {
		take_record(c, p);
		return 0;
	}
	got = tcpflow_packet(c->tcp, p);
	if (got < 0)
		return say_exit(CMD_USAGE, "out of memory");
	c->n_ours += (uint64_t)got;
	return 0;
}

static int
take_packets(struct capture *c, struct mux_dump_reader *r, bool *known)
{
	struct mux_dump_error err;
	struct mux_packet p;
	int got = 0, status = 0;

	while (status == 0 && !c->enough &&
	    (got = mux_dump_reader_next(r, &p, &err)) == 1) {
		if (!*known)
			know_recording(c, r);
		*known = true;
		status = take_packet(c, &p);
	}
	return got < 0 ? damaged(c, err.at, err.reason) : status;
}

static int
end_packets(struct capture *c, struct mux_dump_reader *r)
{
	struct mux_dump_error err;

	if (mux_dump_reader_end(r, &err) != 0)
		return damaged(c, err.at, err.reason);
	if (c->n_packets > 0 && c->n_ours == 0 && c->n_bad == 0)
		say(SAY_WARN, "%s: nothing of %" PRIu64 " packets is a record "
		    "or TCP", c->name, c->n_packets);
	return 0;
}

static int
pump_packets(struct capture *c, struct mux_dump_reader *r)
{
	bool known = false;
	uint8_t *p;
	size_t n;
	int status;

	p = mux_dump_reader_room(r, &n);
	memcpy(p, c->first, c->n_first);
	n = c->n_first;
	do {
		mux_dump_reader_fill(r, n);
		status = take_packets(c, r, &known);
		if (status != 0 || c->enough)
			return status;
		p = mux_dump_reader_room(r, &n);
		/* A megabyte at a time is more than caches like. */
		status = read_some(c, p, n < BLOCK ? n : BLOCK, &n);
	} while (status == 0 && n > 0);
	return status != 0 ? status : end_packets(c, r);
}

static int
read_packets(struct capture *c)
{
	struct mux_dump_reader *r;
	int status;

	if (mux_dump_reader_new(&r) != 0)
		return say_exit(CMD_USAGE, "out of memory");
	status = pump_packets(c, r);
	mux_dump_reader_free(r);
	if (c->n_bad > 1)
		say(SAY_ERROR, "%s: %" PRIu64 " records could not be read; "
		    "the first:", c->name, c->n_bad);
	if (c->n_bad > 0)
		status = damaged(c, c->bad.at, c->bad.reason);
	return status;
}

/* ---- frames ---- */

/* What a server of plain S0 sends: mux(7), LEGACY MODE. */
static bool
by_server(uint8_t type)
{
	return type == 1 || type == 3 || type == 4 || type == 5 || type == 9;
}

static enum from
whose(const uint8_t *header)
{
	struct mux_frame f;
	bool hello;

	mux_frame_get(header, &f);
	hello = f.id == 0 && f.flags == MUX_FRAME_EXT;
	if (by_server(f.type))
		return FROM_S2C;
	return f.type == 8 && hello ? FROM_C2S : FROM_TYPE;
}

static void
take_piece(const struct mux_dump_record *r, void *arg)
{
	struct capture *c = arg;
	struct mux_dump_record to = *r;

	if (r->kind == MUX_DUMP_CHUNK) {
		if (c->n_bad++ == 0)
			c->bad = (struct mux_dump_error){ c->offset,
			    "no frame begins here" };
		return;
	}
	/* The first piece has the header. */
	if (r->off == 0)
		c->s2c = c->from == FROM_TYPE ? by_server(r->data[12]) :
		    c->from == FROM_S2C;
	to.s2c = c->s2c;
	hand_on(c, &to);
	if (r->off + r->wire == r->total)
		c->offset += r->total;
}

static int
end_frames(struct capture *c, struct deframe *d, const struct deframe_at *at)
{
	if (c->n_bad == 0) {
		deframe_end(d, false, at);
		/* A chunk now is a header that has no end. */
		c->bad.reason = "the file ends within a frame";
	}
	if (c->n_bad == 0 && d->way[0].off < d->way[0].total)
		c->n_bad++;
	return c->n_bad > 0 ? damaged(c, c->offset, c->bad.reason) : 0;
}

static int
read_frames(struct capture *c)
{
	struct deframe_at at = { .record = take_piece, .arg = c };
	struct deframe d;
	uint8_t buf[BLOCK];
	size_t n = 0;
	int status = 0;

	deframe_init(&d, ++c->conns);
	c->from = whose(c->first);
	c->offset = 0;
	deframe_push(&d, false, c->first, c->n_first, &at);
	while (!c->enough && c->n_bad == 0) {
		status = read_some(c, buf, sizeof(buf), &n);
		if (status != 0 || n == 0)
			break;
		deframe_push(&d, false, buf, n, &at);
	}
	if (status != 0 || c->enough)
		return status;
	return end_frames(c, &d, &at);
}

/* ---- a file ---- */

static bool
has_magic(const uint8_t *p)
{
	static const uint8_t magic[][MAGIC] = {
		{ 0x0a, 0x0d, 0x0d, 0x0a },	/* pcapng */
		{ 0xd4, 0xc3, 0xb2, 0xa1 }, { 0xa1, 0xb2, 0xc3, 0xd4 },
		{ 0x4d, 0x3c, 0xb2, 0xa1 }, { 0xa1, 0xb2, 0x3c, 0x4d }
	};
	size_t i;

	for (i = 0; i < sizeof(magic) / sizeof(magic[0]); i++)
		if (memcmp(p, magic[i], MAGIC) == 0)
			return true;
	return false;
}

/* Reads until the first n bytes are there, or the end. */
static int
read_first(struct capture *c, size_t n)
{
	size_t got = 1;
	int status = 0;

	while (c->n_first < n && got > 0 && status == 0) {
		status = read_some(c, c->first + c->n_first, n - c->n_first,
		    &got);
		if (status == 0)
			c->n_first += got;
	}
	return status;
}

static int
read_file(struct capture *c)
{
	int status = read_first(c, MAGIC);

	if (status != 0)
		return status;
	if (c->n_first == 0)
		return damaged(c, 0, "not a capture: it is empty");
	if (c->n_first == MAGIC && has_magic(c->first))
		return read_packets(c);
	if (deframe_looks(c->first, c->n_first)) {
		status = read_first(c, sizeof(c->first));
		if (status != 0)
			return status;
		if (c->n_first == sizeof(c->first) &&
		    deframe_looks(c->first, c->n_first))
			return read_frames(c);
	}
	return damaged(c, 0, "not a capture: neither pcapng nor pcap, and it "
	    "does not begin with a frame");
}

int
capture_read(struct capture *c, const char *file)
{
	bool is_stdin = strcmp(file, "-") == 0;
	struct stat st;
	int status;

	if (c->enough)
		return 0;
	c->name = is_stdin ? "standard input" : file;
	c->n_first = 0;
	c->n_packets = c->n_ours = c->n_bad = 0;
	c->fd = is_stdin ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC |
	    O_NOCTTY);
	if (c->fd < 0)
		return say_exit(CMD_USAGE, "open %s: %s", file,
		    strerror(errno));
	c->live = fstat(c->fd, &st) != 0 || !S_ISREG(st.st_mode);
	status = read_file(c);
	if (!is_stdin)
		close(c->fd);
	return status;
}

void
capture_end(struct capture *c)
{
	tcpflow_end(c->tcp);
}

/* ---- life ---- */

static void
take_tcp(const struct mux_dump_record *r, void *arg)
{
	hand_on(arg, r);
}

static uint32_t
next_number(void *arg)
{
	struct capture *c = arg;

	return ++c->conns;
}

struct capture *
capture_new(const struct capture_ops *ops, void *arg)
{
	const struct tcpflow_ops tcp = { take_tcp, next_number };
	struct capture *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->ops = *ops;
	c->arg = arg;
	c->tcp = tcpflow_new(&tcp, c);
	if (c->tcp != NULL)
		return c;
	free(c);
	return NULL;
}

void
capture_free(struct capture *c)
{
	if (c == NULL)
		return;
	tcpflow_free(c->tcp);
	free(c);
}
