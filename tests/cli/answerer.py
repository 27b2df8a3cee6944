#!/usr/bin/env python3
"""A server of mux(7) that gives any answer on demand, written from the page
alone: no code is shared with what it tests.

    answerer.py PATH [max_calls]

It listens on a unix socket, prints "ready", and then a line for each thing
that it sees.  The METHOD says what to do:

    echo             the body of the request comes back, when it is whole
    show             the request as JSON
    exit N           RESPONSE with EXIT 0, N
    signal N CORE    RESPONSE with EXIT 1
    notrun N         ERROR 9 with EXIT 2
    plain            RESPONSE without EXIT
    error CODE TEXT  ERROR
    err TEXT N       TEXT on a stream of standard error, then EXIT 0, N
    errstop TEXT     TEXT on standard error, and an answer after STOP
    late TEXT        RESPONSE first, then TEXT on standard error and its end
    usage            RESPONSE with USAGE
    big N            N zeros, under credit
    part TEXT        some of an answer, and no more
    partdie TEXT     some of it, then the carrier goes
    partfail TEXT    some of it, then ERROR 1
    mute             no answer; CANCEL is answered by ERROR 3
    deaf             no answer to anything
    die              the carrier goes
    goodbye N        GOODBYE: nothing above id 0 was taken; the first N times
    busy N           ERROR 8, the first N times; then "ok"
    raw HEX          these bytes, then the carrier goes
    mux.methods      a list of methods
"""
import json
import os
import socket
import struct
import sys
import threading

REQUEST, RESPONSE, START, DATA, END, ERROR = 0, 1, 2, 3, 4, 5
PING, PONG, CANCEL, CREDIT, STOP, GOODBYE = 8, 9, 10, 16, 18, 24
FIN, MORE, EXT = 1, 2, 0x80
METHOD, META, DEADLINE, NONCE, PRIORITY, PARENT, MODE = (
    0x20, 0x21, 0x23, 0x24, 0x25, 0x27, 0x28)
EXIT, ARG, STDERR, USAGE = 0x2B, 0x2D, 0x2E, 0x2F
WINDOW = 65536
counts = {}


def say(*words):
    print(*words, flush=True)


def tag(number, value, critical=False):
    return struct.pack("<HH", number | (0x8000 if critical else 0),
                       len(value)) + value


def ext(*tags):
    block = b"".join(tags)
    return struct.pack("<I", len(block)) + block


def tags_of(block):
    off = 0
    while off < len(block):
        number, n = struct.unpack_from("<HH", block, off)
        yield number & 0x7FFF, block[off + 4:off + 4 + n]
        off += 4 + n


def exit_tag(kind, value, core=0):
    return tag(EXIT, struct.pack("<BBHI", kind, core, 0, value))


class Request:
    def __init__(self, id, block):
        self.id, self.body, self.args, self.meta = (
            id, bytearray(), [], [])
        self.method = b""
        self.more = {}
        for number, value in tags_of(block):
            if number == METHOD:
                self.method = value
            elif number == ARG:
                self.args.append(value)
            elif number == META:
                kind, flags, n = struct.unpack_from("<BBH", value)
                self.meta.append((kind, flags, value[4:4 + n].decode(),
                                  value[4 + n:].decode("latin-1")))
            elif number == DEADLINE:
                self.more["deadline"] = struct.unpack("<I", value)[0]
            elif number == PRIORITY:
                self.more["priority"] = value[0]
            elif number == NONCE:
                self.more["nonce"] = value.hex()

    def show(self):
        return json.dumps({
            "method": self.method.decode("latin-1"),
            "args": [a.decode("latin-1") for a in self.args],
            "meta": self.meta, "body": self.body.decode("latin-1"),
            **self.more}).encode() + b"\n"


class Conn:
    def __init__(self, sock, max_calls):
        self.sock, self.max_calls = sock, max_calls
        self.live, self.credit, self.next_id = {}, {}, 2
        self.window = 65536
        self.stopped = 0        # the call that STOP is awaited for
        self.lock = threading.Condition()

    def frame(self, type, id, payload=b"", flags=0):
        self.sock.sendall(struct.pack("<IQBB", len(payload), id, type,
                                      flags) + payload)

    def read(self, n):
        out = b""
        while len(out) < n:
            got = self.sock.recv(n - len(out))
            if not got:
                raise EOFError
            out += got
        return out

    def hello(self, payload):
        for number, value in tags_of(payload[4:]):
            if number == 0x12:
                self.window = struct.unpack("<I", value)[0]
        self.frame(PONG, 0, ext(
            tag(1, b"MUX1" + struct.pack("<HH", 1, 1), True),
            tag(0x12, struct.pack("<I", WINDOW)),
            tag(0x14, struct.pack("<I", self.max_calls))), EXT)

    # ---- answers ----

    def respond(self, id, body=b"", *tags, flags=0):
        self.live.pop(id, None)
        head = ext(*tags) if tags else b""
        self.frame(RESPONSE, id, head + body, flags | (EXT if tags else 0))

    def fail(self, id, code, text=b"", *tags):
        self.live.pop(id, None)
        head = ext(*tags) if tags else b""
        self.frame(ERROR, id, head + struct.pack("<I", code) + text,
                   EXT if tags else 0)

    def open_err(self, id):
        err, self.next_id = self.next_id, self.next_id + 2
        self.frame(START, err, ext(tag(PARENT, struct.pack("<Q", id)),
                                   tag(MODE, b"\2")), EXT)
        return err

    def stream(self, id, body):
        """In pieces, as far as there is credit."""
        while body:
            with self.lock:
                self.lock.wait_for(lambda: self.credit.get(id, 1) > 0)
                room = self.credit.get(id)
                if room is None:
                    return
                step = min(room, len(body), 16384)
                self.credit[id] -= step
            try:
                self.frame(RESPONSE, id, body[:step], MORE)
            except OSError:
                return
            body = body[step:]
        self.respond(id, b"", exit_tag(0, 0))

    def begin(self, id, body):
        self.credit[id] = self.window
        threading.Thread(target=self.stream, args=(id, memoryview(body)),
                         daemon=True).start()

    def later(self, q, word, n):
        """True for the first n requests of this kind."""
        counts[word] = counts.get(word, 0) + 1
        return counts[word] <= n

    def answer(self, q):
        word = [q.method] + q.args
        name, id = q.method.decode("latin-1"), q.id
        num = [int(w) if w.isdigit() else 0 for w in word] + [0, 0]
        if name == "echo":
            self.begin(id, q.body)
        elif name == "show":
            self.respond(id, q.show(), exit_tag(0, 0))
        elif name == "exit":
            self.respond(id, b"out\n", exit_tag(0, num[1]))
        elif name == "signal":
            self.respond(id, b"", exit_tag(1, num[1], num[2]))
        elif name == "notrun":
            self.fail(id, 9, b"no such program", exit_tag(2, num[1]))
        elif name == "plain":
            self.respond(id, b"plain\n")
        elif name == "error":
            self.fail(id, num[1], b"".join(word[2:]))
        elif name in ("err", "late"):
            err = self.open_err(id)
            tags = (exit_tag(0, num[2]), tag(STDERR, struct.pack("<Q", err)))
            if name == "late":
                self.respond(id, b"body\n", *tags)
            self.frame(DATA, err, word[1], FIN)
            if name == "err":
                self.respond(id, b"body\n", *tags)
        elif name == "errstop":
            self.stopped = id
            self.frame(DATA, self.open_err(id), word[1])
        elif name == "usage":
            self.respond(id, b"", exit_tag(0, 0),
                         tag(USAGE, struct.pack("<QQQ", 1, 2, 3)))
        elif name == "big":
            self.begin(id, bytes(num[1]))
        elif name.startswith("part"):
            self.frame(RESPONSE, id, word[1], MORE)
            if name == "partdie":
                raise EOFError
            if name == "partfail":
                self.fail(id, 1, b"no more")
        elif name == "raw":
            self.sock.sendall(bytes.fromhex(word[1].decode()))
            raise EOFError
        elif name == "die":
            raise EOFError
        elif name == "goodbye" and self.later(q, word[0], num[1]):
            self.frame(GOODBYE, 0, struct.pack("<IQ", 0, 0))
            raise EOFError
        elif name == "busy" and self.later(q, word[0], num[1]):
            self.fail(id, 8)
        elif name in ("goodbye", "busy"):
            self.respond(id, b"ok\n", exit_tag(0, 0))
        elif name == "mux.methods":
            self.respond(id, b"".join(json.dumps(o).encode() + b"\n" for o in (
                {"v": 1, "name": "a", "kind": "shell", "about": "the first"},
                {"v": 1, "name": "b\t\033", "kind": "builtin"})))
        elif name not in ("mute", "deaf"):
            self.fail(id, 4, q.method)

    # ---- frames ----

    def request(self, id, payload, flags):
        q = self.live.get(id)
        if q is None:
            block = b""
            if flags & EXT:
                n = struct.unpack_from("<I", payload)[0]
                block, payload = payload[4:4 + n], payload[4 + n:]
            q = self.live[id] = Request(id, block)
            say("request", q.method.decode("latin-1"))
        q.body += payload
        if payload and flags & MORE:
            self.frame(CREDIT, id, struct.pack("<I", len(payload)))
        if not flags & MORE or q.method not in (b"echo", b"show"):
            self.answer(q)

    def handle(self):
        n, id, type, flags = struct.unpack("<IQBB", self.read(14))
        payload = self.read(n)
        if type == PING and flags & EXT:
            self.hello(payload)
        elif type == PING:
            self.frame(PONG, id, payload)
        elif type == REQUEST:
            self.request(id, payload, flags)
        elif type == CANCEL:
            say("cancel", *struct.unpack("<I", payload))
            with self.lock:
                self.credit.pop(id, None)
                self.lock.notify_all()
            q = self.live.get(id)   # its answer may have crossed
            if q is not None and q.method != b"deaf":
                self.fail(id, 3)
        elif type == CREDIT:
            with self.lock:
                if id in self.credit:
                    self.credit[id] += struct.unpack("<I", payload)[0]
                self.lock.notify_all()
        elif type == STOP:
            say("stop")
            self.frame(END, id)
            if self.stopped:
                self.respond(self.stopped, b"stopped\n", exit_tag(0, 0))
        elif type == ERROR:
            say("refused", *struct.unpack("<I", payload[:4]))

    def run(self):
        try:
            while True:
                self.handle()
        except (EOFError, OSError):
            say("gone")
        self.sock.close()


def main():
    path = sys.argv[1]
    max_calls = int(sys.argv[2]) if len(sys.argv) > 2 else 64
    listener = socket.socket(socket.AF_UNIX)
    if os.path.exists(path):
        os.unlink(path)
    listener.bind(path)
    listener.listen(16)
    say("ready")
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=Conn(sock, max_calls).run,
                         daemon=True).start()


main()
