#!/usr/bin/env python3
"""Peers that speak plain S0, from its published facts alone: a header of 14
bytes (length, id, type, flags), the types 0 to 10, no HELLO, no flags, no
credit.  It knows nothing of libmux.

    s0.py serve [ADDR]      listens (default tcp 127.0.0.1:0), prints the port
                            or path, then what it sees: `open` for each
                            connection, `TYPE ID FLAGS LENGTH` for each frame,
                            `eof` or `cut`
    s0.py CASE ADDR [N]     a client; the cases are the functions marked so

What the server is asked decides what it does: `fail TEXT` is Error 1, `code N
TEXT` is Error N, `none` has no answer, `size N` is N bytes, `last` waits for
the next request and is answered after it, `junk` is answered by a frame of
type 11, `bye` by the end of the connection; everything else comes back.
"""
import os
import socket
import struct
import sys
import threading

from net import address

REQUEST, RESPONSE, START, DATA, END, ERROR, PAUSE, RESUME, PING, PONG, \
    CANCEL = range(11)
HEADER = struct.Struct("<IQBB")
MOST = 16 << 20         # bytes of a payload
CASES = {}


class Ended(Exception):
    """The connection; `whole` if between two frames."""
    def __init__(self, whole):
        super().__init__("eof" if whole else "cut")


def case(function):
    CASES[function.__name__] = function
    return function


def encode(kind, ident, payload=b""):
    return HEADER.pack(len(payload), ident, kind, 0) + payload


def error_text(code, text):
    return struct.pack("<I", code) + text


class Peer:
    """One end of a connection.  Buffered reading, whole frames."""
    def __init__(self, sock):
        self.sock = sock
        self.file = sock.makefile("rb", 1 << 18)

    def exactly(self, n, first):
        data = self.file.read(n)
        if len(data) < n:
            raise Ended(first and not data)
        return data

    def receive(self):
        length, ident, kind, flags = HEADER.unpack(
            self.exactly(HEADER.size, True))
        # The type is looked at before the length.
        assert kind <= CANCEL, f"type {kind}"
        assert length <= MOST, f"{length} bytes"
        return kind, ident, flags, self.exactly(length, False)

    def send(self, kind, ident, payload=b""):
        self.sock.sendall(encode(kind, ident, payload))


# ---- the server ----

def say(*words):
    """In one write: threads say things at the same time."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


class Server(Peer):
    """Answers one after the other, as S0's own does."""
    def __init__(self, sock):
        super().__init__(sock)
        self.last = None

    def request(self, ident, payload):
        word, _, rest = payload.partition(b" ")
        if word == b"fail":
            self.send(ERROR, ident, error_text(1, rest))
        elif word == b"code":
            code, _, text = rest.partition(b" ")
            self.send(ERROR, ident, error_text(int(code), text))
        elif word == b"size":
            self.send(RESPONSE, ident, b"s" * int(rest))
        elif word == b"last":
            self.last = ident
        elif word == b"junk":
            self.sock.sendall(HEADER.pack(0, ident, 11, 0))
        elif word == b"bye":
            self.sock.shutdown(socket.SHUT_RDWR)
        elif word != b"none":
            self.send(RESPONSE, ident, payload)
            if self.last is not None:
                self.send(RESPONSE, self.last, b"last")
                self.last = None

    def stream(self, ident, payload):
        if payload.startswith(b"fail "):
            self.send(ERROR, ident, error_text(2, payload[5:]))
            return
        for i in range(0, len(payload), 1000):
            self.send(DATA, ident, payload[i:i + 1000])
        self.send(END, ident)

    def frame(self, kind, ident, flags, payload):
        say(kind, ident, flags, len(payload))
        if kind == REQUEST:
            self.request(ident, payload)
        elif kind == START:
            self.stream(ident, payload)
        elif kind == PING:
            self.send(PONG, ident)
        # The others, Cancel among them, it ignores.

    def run(self):
        say("open")
        try:
            while True:
                self.frame(*self.receive())
        except (Ended, OSError) as why:
            say(why)
        self.file.close()
        self.sock.close()


def serve(word="127.0.0.1:0"):
    family, where = address(word)
    listener = socket.socket(family)
    listener.bind(where)
    listener.listen(64)
    say(where if family == socket.AF_UNIX else listener.getsockname()[1])
    while True:
        server = Server(listener.accept()[0])
        threading.Thread(target=server.run, daemon=True).start()


# ---- the client ----

class Client(Peer):
    def __init__(self, word):
        family, where = address(word)
        sock = socket.socket(family)
        sock.connect(where)
        super().__init__(sock)
        self.next = 0

    def id(self):
        self.next += 1
        return self.next

    def send_behind(self, frames):
        """While we read: who only writes may wait for ever."""
        thread = threading.Thread(target=self.write_all, args=(frames,))
        thread.start()
        return thread

    def write_all(self, frames):
        """As S0 does: gathered to 64 KiB."""
        room = b""
        for one in frames:
            if room and len(room) + len(one) > 65536:
                self.sock.sendall(room)
                room = b""
            room += one
        self.sock.sendall(room)

    def request(self, payload=b""):
        ident = self.id()
        self.send(REQUEST, ident, payload)
        return ident

    def answer(self, kind=RESPONSE):
        got, ident, flags, payload = self.receive()
        assert got == kind, f"type {got}, not {kind}: {payload[:200]}"
        assert flags == 0, f"flags {flags}"
        return ident, payload

    def answer_to(self, payload):
        ident = self.request(payload)
        got, answer = self.answer()
        assert got == ident, (got, ident)
        return answer

    def failed(self):
        """Id, code and text of an Error."""
        ident, payload = self.answer(ERROR)
        code, = struct.unpack_from("<I", payload)
        return ident, code, payload[4:].decode()

    def alive(self):
        """A Pong, and nothing before it."""
        ident = (1 << 63) + self.id()
        self.send(PING, ident)
        assert self.answer(PONG) == (ident, b"")

    def closed(self):
        """Nothing more, but the end."""
        try:
            got = self.receive()
        except Ended as why:
            assert str(why) == "eof", "the end came inside a frame"
        except ConnectionResetError:
            pass
        else:
            raise AssertionError(f"type {got[0]} instead of the end")


def body(ident, size):
    return (b"%d." % ident * (size // 2 + 1))[:size]


def sizes(n):
    """Most are small; one is as large as any, few are near it."""
    edge = (0, 1, 63, 64, 4095, 4096, 65535, 65536, 65537, 1 << 20)
    return [edge[i % 10] if i % 251 == 0 else i % 300 for i in range(n - 1)] \
        + [MOST]


@case
def pipelined(client, n="10000"):
    """All requests on their way before an answer is looked at, then all
    answers, in whatever order, each once, each its own."""
    asked = {client.id(): size for size in sizes(int(n))}
    writer = client.send_behind(encode(REQUEST, i, body(i, size))
                                for i, size in list(asked.items()))
    order = []
    while asked:
        ident, payload = client.answer()
        order.append(ident)
        assert payload == body(ident, asked.pop(ident)), f"{ident}: others'"
    writer.join()
    client.alive()
    print("in order" if order == sorted(order) else "in any order")


@case
def batch(client, n="50"):
    """Requests that serve has to start something for, answered in upper
    case; the ids are those asked for."""
    asked = {client.id(): b"body of %d" % i for i in range(int(n))}
    client.write_all(encode(REQUEST, *item) for item in asked.items())
    for _ in range(int(n)):
        ident, payload = client.answer()
        assert payload == asked.pop(ident).upper(), payload
    assert not asked


@case
def overtakes(client):
    """A slow request is answered after a fast one that came behind it."""
    slow, fast = client.request(b"slow\n"), client.request(b"fast\n")
    assert client.answer() == (fast, b"fast\n")
    client.alive()
    client.request(b"go\n")
    got = dict(client.answer() for _ in range(2))
    assert got[slow] == b"slow\n", got


@case
def flags(client):
    """They are kept by nobody and change nothing; nor do payloads where none
    belongs."""
    client.sock.sendall(HEADER.pack(2, 7, REQUEST, 0xff) + b"hi")
    assert client.answer() == (7, b"hi")
    client.sock.sendall(HEADER.pack(3, 8, PING, 0xff) + b"abc")
    assert client.answer(PONG) == (8, b"")
    client.send(CANCEL, 12345, b"nobody's")
    for kind in (RESPONSE, DATA, END, ERROR, PAUSE, RESUME, PONG):
        client.send(kind, 9, b"from a client")
    client.alive()


@case
def ids(client):
    """Any number is one, and a Ping has its own."""
    for ident in (1, 2, 0, 1 << 40, (1 << 64) - 1):
        client.send(REQUEST, ident, b"x")
        assert client.answer() == (ident, b"x")
        client.send(PING, ident)
        assert client.answer(PONG) == (ident, b"")


def whole_stream(client, ident):
    data = b""
    while True:
        kind, got, flags_, payload = client.receive()
        assert got == ident and flags_ == 0, (kind, got, flags_)
        if kind == END:
            assert payload == b""
            return data
        assert kind == DATA, f"type {kind}: {payload[:200]}"
        data += payload


@case
def streams(client):
    """StreamStart has the request, StreamData and StreamEnd are the answer;
    a request is answered as before."""
    for size in (0, 1, 1000, 65536, 1000000):
        ident = client.id()
        client.send(START, ident, body(ident, size))
        assert whole_stream(client, ident) == body(ident, size), size
        assert client.answer_to(b"between") == b"between"


@case
def many_streams(client, n="20"):
    """At once, each in its order."""
    asked = {client.id(): 30000 + i for i in range(int(n))}
    got = dict.fromkeys(asked, b"")
    writer = client.send_behind(encode(START, i, body(i, size))
                                for i, size in list(asked.items()))
    while asked:
        kind, ident, _, payload = client.receive()
        if kind == END:
            assert got[ident] == body(ident, asked.pop(ident))
        else:
            assert kind == DATA and ident in asked, (kind, ident)
            got[ident] += payload
    writer.join()


@case
def fails(client, code="1", text=""):
    """The handler's failure, and the connection lives."""
    ident = client.request(b"x")
    got, number, said = client.failed()
    print(number, said)
    assert (got, number) == (ident, int(code)) and text in said
    client.alive()


@case
def stream_fails(client, code="2", text=""):
    """Error, then StreamEnd: such clients wait for it."""
    ident = client.id()
    client.send(START, ident, b"x")
    kind = DATA
    while kind == DATA:
        kind, got, _, payload = client.receive()
    number, = struct.unpack_from("<I", payload)
    print(number, payload[4:].decode())
    assert (kind, got, number) == (ERROR, ident, int(code)), kind
    assert text.encode() in payload
    assert client.answer(END) == (ident, b"")
    client.alive()


@case
def cancels(client):
    """A request that runs; Error 3 is its one answer."""
    ident = client.request(b"x")
    client.alive()
    client.send(CANCEL, ident)
    assert client.failed()[:2] == (ident, 3)
    client.send(CANCEL, ident)
    client.alive()


@case
def cancels_stream(client):
    ident = client.id()
    client.send(START, ident, b"x")
    assert client.receive()[:2] == (DATA, ident)
    client.send(CANCEL, ident)
    kind = DATA
    while kind == DATA:
        kind, got, _, payload = client.receive()
    assert (kind, got, payload[:4]) == (ERROR, ident, b"\3\0\0\0"), kind
    assert client.answer(END) == (ident, b"")
    client.alive()


@case
def pauses(client):
    """A stream without an end falls silent behind FlowPause, and only it."""
    ident, other = client.id(), client.id()
    client.send(START, ident, b"x")
    assert client.receive()[:2] == (DATA, ident)
    client.send(PAUSE, ident)
    client.send(PING, 77)
    while (got := client.receive())[0] == DATA:
        pass
    assert got[:2] == (PONG, 77), got[:2]
    for _ in range(20):
        client.alive()
    client.send(START, other, b"x")
    for _ in range(3):
        assert client.receive()[:2] == (DATA, other)
    client.send(RESUME, ident)
    while client.receive()[1] != ident:
        pass
    client.send(CANCEL, ident)
    client.send(CANCEL, other)


def refused(client, header, others):
    client.send(REQUEST, 1, b"before")
    assert client.answer() == (1, b"before")
    client.sock.sendall(header)
    client.closed()
    for other in others:
        assert other.answer_to(b"alive") == b"alive"
        other.alive()


@case
def unknown_type(client, *others):
    """Refused by its header alone, whatever its length says."""
    refused(client, HEADER.pack(MOST + 1, 3, 11, 0), others)


@case
def too_long(client, *others):
    """One byte more than the most."""
    refused(client, HEADER.pack(MOST + 1, 3, REQUEST, 0), others)


@case
def type_first(client, *others):
    """The first header of a connection is looked at in the same way."""
    client.sock.sendall(HEADER.pack(0, 3, 11, 0))
    client.closed()
    for other in others:
        other.alive()


@case
def cut(client):
    """Half a frame, then nothing."""
    client.sock.sendall(HEADER.pack(100, 1, REQUEST, 0) + b"half")
    client.sock.shutdown(socket.SHUT_WR)
    client.closed()


@case
def half(client):
    """Who has asked everything ends its direction, says so, and waits."""
    ident = client.request(b"the last")
    client.sock.shutdown(socket.SHUT_WR)
    print("ended", flush=True)
    assert client.answer() == (ident, b"the last")
    client.closed()


@case
def half_stream(client):
    """The same for a stream that it paused and cannot resume; it reads as
    long as there is something."""
    ident = client.id()
    client.send(START, ident, b"x")
    client.send(PAUSE, ident)
    client.sock.shutdown(socket.SHUT_WR)
    for _ in range(3):
        assert client.receive()[:2] == (DATA, ident)
    print("ended", flush=True)
    while client.receive()[0] == DATA:
        pass


def main(name, *args):
    if name == "serve":
        serve(*args)
    client = Client(args[0])
    rest = args[1:]
    if CASES[name] in (unknown_type, too_long, type_first):
        rest = [Client(args[0]) for _ in range(3)]
        for other in rest:
            assert other.answer_to(b"first") == b"first"
    CASES[name](client, *rest)


if __name__ == "__main__":
    main(*sys.argv[1:])
