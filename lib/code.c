/*
 * code.c - the names of error codes and of the library's own answers.  It is
 * not where their meaning is: that is mux(7), Error codes.  Invariant: each
 * MUX_* code of mux.h has one row, which a test compares with the page.
 */
#include "int.h"
#include "mux.h"

static const struct code_row {
	uint32_t code;
	const char *name;
} codes[] = {
	{ MUX_OK,		"ok" },
	{ MUX_HANDLER_FAILED,	"handler failed" },
	{ MUX_STREAM_FAILED,	"stream handler failed" },
	{ MUX_CANCELLED,	"cancelled" },
	{ MUX_UNKNOWN_METHOD,	"unknown method" },
	{ MUX_INVALID_PAYLOAD,	"invalid payload" },
	{ MUX_DEADLINE,		"deadline" },
	{ MUX_REFUSED,		"refused by limit" },
	{ MUX_UNAVAILABLE,	"unavailable" },
	{ MUX_INTERNAL,		"internal" },
	{ MUX_TOO_LARGE,	"too large" },
	{ MUX_CONNECT_FAILED,	"connect failed" },
	{ MUX_BUSY,		"busy" },
	{ MUX_NOT_PERMITTED,	"not permitted" },
	{ MUX_INDETERMINATE,	"indeterminate" },
	{ MUX_UNSUPPORTED,	"unsupported" },
	{ MUX_ENDPOINT_RESET,	"endpoint reset" },
	{ MUX_ENDPOINT_TIMEOUT,	"endpoint timed out" },
	{ MUX_CARRIER_LOST,	"carrier lost" },
	{ MUX_ENDPOINT_IO,	"endpoint I/O error" },
	{ MUX_F_PROTOCOL,	"protocol" },
	{ MUX_F_BAD_FRAME,	"bad frame" },
	{ MUX_F_FRAME_SIZE,	"frame too large" },
	{ MUX_F_FLOW,		"flow violation" },
	{ MUX_F_ID_ZERO,	"id zero" },
	{ MUX_F_PARITY,		"wrong parity" },
	{ MUX_F_ID_REUSED,	"id reused" },
	{ MUX_F_AFTER_END,	"data after end" },
	{ MUX_F_NEVER_OPENED,	"never-opened id" },
	{ MUX_F_HELLO_ORDER,	"hello order" },
	{ MUX_F_HELLO_VERSION,	"hello version" },
	{ MUX_F_METADATA,	"metadata limit" },
	{ MUX_F_CALL_LIMIT,	"call limit" },
	{ MUX_F_STREAM_LIMIT,	"stream limit" },
	{ MUX_F_UNKNOWN_CONN,	"unknown connection" },
	{ MUX_F_KEEPALIVE,	"keepalive" },
	{ MUX_F_IDS_EXHAUSTED,	"ids exhausted" },
	{ MUX_F_TRUNCATED,	"truncated" },
	{ MUX_F_STALLED,	"stalled" },
	{ MUX_F_ABUSE,		"abuse" },
};

static const struct error_row {
	int err;
	const char *text;
} errors[] = {
	{ 0,			"success" },
	{ MUX_E_NOMEM,		"out of memory" },
	{ MUX_E_INVAL,		"invalid argument" },
	{ MUX_E_STATE,		"not possible in this state" },
	{ MUX_E_LIMIT,		"limit of streams reached" },
	{ MUX_E_CLOSED,		"session is closing" },
	{ MUX_E_IO,		"input/output error" },
	{ MUX_E_FATAL,		"session is over" },
	{ MUX_E_PROTOCOL,	"protocol error" },
	{ MUX_E_LOST,		"carrier lost" },
	{ MUX_E_TIMEOUT,	"timed out" },
	{ MUX_E_GOODBYE,	"peer said goodbye" },
	{ MUX_E_DONE,		"session ended" },
};

const char *
mux_code_name(uint32_t code)
{
	for (size_t i = 0; i < N_ELEM(codes); i++)
		if (codes[i].code == code)
			return codes[i].name;
	return NULL;
}

const char *
mux_strerror(int err)
{
	for (size_t i = 0; i < N_ELEM(errors); i++)
		if (errors[i].err == err)
			return errors[i].text;
	return "unknown error";
}

bool
mux_is_fatal(int err)
{
	return err <= MUX_E_FATAL;
}
