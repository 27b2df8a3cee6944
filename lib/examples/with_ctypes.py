#!/usr/bin/python3
"""
with_ctypes.py - libmux from Python, without any glue in C: an address taken
apart, then a stream between two sessions that are joined by memory.

    python3 with_ctypes.py [LIBRARY]

The structs repeat those of mux.h and mux_io.h.  Each begins with its size,
which the library checks: one that differs is refused, not misread.
"""
import sys
from ctypes import (CDLL, CFUNCTYPE, POINTER, Structure, byref, c_bool,
                    c_char, c_char_p, c_int, c_size_t, c_uint, c_uint8,
                    c_uint32, c_uint64, c_void_p, memmove, sizeof, string_at)

mux = CDLL(sys.argv[1] if len(sys.argv) > 1 else "libmux.so.0")


class Sized(Structure):
    """A struct of the library that begins with its size."""

    def __init__(self, **fields):
        super().__init__(size=sizeof(self), **fields)


class Config(Sized):
    _fields_ = [("size", c_size_t), ("initiator", c_bool),
                ("require_hello", c_bool), ("legacy", c_bool),
                ("max_frame", c_uint32), ("max_message", c_uint64),
                ("window", c_uint32), ("max_calls", c_uint32),
                ("max_streams", c_uint32), ("max_open", c_uint32),
                ("max_meta", c_uint32), ("memory", c_uint64),
                ("keepalive", c_uint64), ("keepalive_missed", c_uint32),
                ("handshake", c_uint64), ("stall", c_uint64),
                ("agent", c_char_p)]


class Open(Sized):
    # Good for asking.  Who is asked must not read a target this way: the
    # one that comes has a length and no NUL behind it.
    _fields_ = [("size", c_size_t), ("target", c_char_p),
                ("target_len", c_size_t), ("have_priority", c_bool),
                ("priority", c_uint8), ("request", c_void_p),
                ("parent", c_uint64), ("one_way", c_bool)]


OPENED = CFUNCTYPE(None, c_void_p, c_void_p, POINTER(Open), c_void_p)


class SessionOps(Sized):
    _fields_ = [("size", c_size_t), ("ready", c_void_p), ("open", OPENED),
                ("call", c_void_p), ("drain", c_void_p), ("pong", c_void_p),
                ("wake", c_void_p), ("tap", c_void_p)]


FILL = CFUNCTYPE(c_size_t, c_void_p, c_void_p, c_size_t, c_size_t,
                 POINTER(c_uint), c_void_p)
DATA = CFUNCTYPE(None, c_void_p, c_void_p, c_size_t, c_void_p)
EOF = CFUNCTYPE(None, c_void_p, c_void_p)
FILL_END = 1


class StreamOps(Sized):
    _fields_ = [("size", c_size_t), ("accepted", c_void_p), ("fill", FILL),
                ("data", DATA), ("foreign", c_void_p), ("take", c_void_p),
                ("eof", EOF), ("stopped", c_void_p), ("reset", c_void_p)]


class Out(Structure):
    _fields_ = [("data", c_void_p), ("len", c_size_t), ("foreign", c_size_t)]


class Why(Structure):
    _fields_ = [("err", c_int), ("code", c_uint32), ("text", c_char * 400)]


# Without a prototype ctypes passes pointers as 32-bit numbers.
def prototype(name, result, *arguments):
    function = getattr(mux, name)
    function.restype, function.argtypes = result, arguments


def checked(result):
    if result != 0:
        raise RuntimeError(mux.mux_strerror(result).decode())


prototype("mux_strerror", c_char_p, c_int)
prototype("mux_addr_parse", c_int, c_char_p, POINTER(c_void_p), POINTER(Why))
prototype("mux_addr_str", c_char_p, c_void_p)
prototype("mux_addr_free", None, c_void_p)
prototype("mux_session_new", checked, POINTER(Config), POINTER(SessionOps),
          c_void_p, c_uint64, POINTER(c_void_p))
prototype("mux_session_pull", c_int, c_void_p, c_uint64)
prototype("mux_session_peek", None, c_void_p, POINTER(Out))
prototype("mux_session_feed", checked, c_void_p, c_void_p, c_size_t, c_uint64)
prototype("mux_session_sent", None, c_void_p, c_size_t, c_uint64)
prototype("mux_session_free", None, c_void_p)
prototype("mux_stream_open", checked, c_void_p, POINTER(Open),
          POINTER(StreamOps), c_void_p, POINTER(c_void_p))
prototype("mux_stream_attach", None, c_void_p, POINTER(StreamOps), c_void_p)
prototype("mux_stream_accept", checked, c_void_p)
prototype("mux_stream_ready", None, c_void_p)
prototype("mux_stream_consume", None, c_void_p, c_size_t)
prototype("mux_stream_release", None, c_void_p)


class End:
    """One end of a stream: sends what it was made with, keeps what comes."""

    def __init__(self, words):
        self.words, self.got, self.ended = words, b"", False
        # The library keeps a pointer to this: it lives as long as the end.
        self.ops = StreamOps(fill=FILL(self.fill), data=DATA(self.data),
                             eof=EOF(self.eof))
        self.stream = c_void_p()

    def fill(self, _stream, buf, size, _limit, flags, _arg):
        part, self.words = self.words[:size], self.words[size:]
        memmove(buf, part, len(part))
        if not self.words:
            flags[0] = FILL_END
        return len(part)

    def data(self, stream, p, n, _arg):
        self.got += string_at(p, n)
        mux.mux_stream_consume(stream, n)

    def eof(self, _stream, _arg):
        self.ended = True


def canonical(word):
    addr, why = c_void_p(), Why()
    if mux.mux_addr_parse(word, byref(addr), byref(why)) != 0:
        return "no address: " + why.text.decode()
    text = mux.mux_addr_str(addr).decode()
    mux.mux_addr_free(addr)
    return text


def carry(giver, taker, now):
    """Everything that one session has to say goes into the other."""
    out = Out()
    while mux.mux_session_pull(giver, now) == 0:
        mux.mux_session_peek(giver, byref(out))
        if out.len == 0:
            return
        mux.mux_session_feed(taker, out.data, out.len, now)
        mux.mux_session_sent(giver, out.len, now)


def main():
    print(canonical(b"TCP:localhost:80"))
    print(canonical(b"tcp:localhost:http"))

    question, answer = End(b"ping " * 3), End(b"pong " * 3)

    def opened(_session, stream, _open, _arg):
        answer.stream.value = stream
        mux.mux_stream_attach(stream, byref(answer.ops), None)
        mux.mux_stream_accept(stream)
        mux.mux_stream_ready(stream)

    ops = SessionOps(open=OPENED(opened))
    a, b = c_void_p(), c_void_p()
    mux.mux_session_new(Config(initiator=True), ops, None, 0, byref(a))
    mux.mux_session_new(Config(), ops, None, 0, byref(b))
    carry(a, b, 0)
    carry(b, a, 0)

    start = Open(target=b"game", target_len=4)
    mux.mux_stream_open(a, start, byref(question.ops), None,
                        byref(question.stream))
    mux.mux_stream_ready(question.stream)
    now = 0
    while not (question.ended and answer.ended):
        now += 1000000
        carry(a, b, now)
        carry(b, a, now)
    print(answer.got.decode() + "/ " + question.got.decode())

    mux.mux_stream_release(question.stream)
    mux.mux_stream_release(answer.stream)
    mux.mux_session_free(a)
    mux.mux_session_free(b)


main()
