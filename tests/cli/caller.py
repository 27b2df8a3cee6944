#!/usr/bin/env python3
"""A caller of methods that knows nothing of libmux: it encodes mux(7) itself.

    caller.py frames ADDR METHOD [ARG...]   one call; prints each frame that
                            comes for it or for its streams
    caller.py flood ADDR METHOD N           N calls, as many under way as the
                            server takes; prints how many ended how
    caller.py refuse ADDR METHOD            one call, whose standard error is
                            stopped as soon as it comes; then
                            its body ends
    caller.py starve ADDR METHOD            one call without credit for its
                            answer; prints what comes until stdin ends
    caller.py feed ADDR METHOD N            one call with a body of N bytes, as
                            fast as credit comes; prints how many went out
    caller.py cancel ADDR METHOD N          N calls, each cancelled at another
                            point of its life; each has one answer
    caller.py stream ADDR METHOD BODY [ARG...]
                            a stream with a method; its request is BODY, and
                            then ", and more"
    caller.py hurry ADDR METHOD MS          one call with a deadline that is
                            left to the server; prints its answer
    caller.py leave ADDR METHOD             one call; prints "called" and is
                            gone, without an answer, when stdin ends
    caller.py meta ADDR METHOD              one call with metadata and a method
                            in Python's notation, one (key, value) a line of
                            stdin; prints the body
"""
import ast
import collections
import select
import socket
import struct
import sys

from net import address

REQUEST, RESPONSE, START, DATA, END, ERROR = range(6)
PING, PONG, CANCEL, CREDIT, RESET, STOP, OK, GOODBYE = \
    8, 9, 10, 16, 17, 18, 19, 24
FIN, MORE, EXT = 1, 2, 0x80
METHOD, META, DEADLINE, PARENT, MODE, EXIT, ARG, STDERR = \
    0x20, 0x21, 0x23, 0x27, 0x28, 0x2B, 0x802D, 0x2E
NAMES = {RESPONSE: "response", START: "start", DATA: "data", END: "end",
         ERROR: "error", CREDIT: "credit", RESET: "reset"}
HEADER = struct.Struct("<IQBB")
Frame = collections.namedtuple("Frame", "kind ident flags payload")


def tag(number, value):
    return struct.pack("<HH", number, len(value)) + value


def block(*tags):
    data = b"".join(tags)
    return struct.pack("<I", len(data)) + data


def encode(kind, ident, payload=b"", flags=0):
    return HEADER.pack(len(payload), ident, kind, flags) + payload


def tags(data):
    while data:
        number, size = struct.unpack_from("<HH", data)
        yield number & 0x7FFF, data[4:4 + size]
        data = data[4 + size:]


def split(frame):
    """Its tags as a dictionary, and its body."""
    if not frame.flags & EXT:
        return {}, frame.payload
    size, = struct.unpack_from("<I", frame.payload)
    return dict(tags(frame.payload[4:4 + size])), frame.payload[4 + size:]


class Server:
    def __init__(self, word, window=1 << 20):
        family, where = address(word)
        self.sock = socket.socket(family)
        self.sock.connect(where)
        self.file = self.sock.makefile("rb", 1 << 18)
        self.ident = -1
        self.send(encode(PING, 0, block(
            tag(0x8001, b"MUX1" + struct.pack("<HH", 1, 1)),
            tag(0x12, struct.pack("<I", window)),
            tag(0x15, struct.pack("<I", 1024))), EXT))
        hello, _ = split(self.next())
        self.max_calls, = struct.unpack("<I", hello[0x14])
        self.window, = struct.unpack("<I", hello[0x12])

    def send(self, data):
        self.sock.sendall(data)

    def next(self):
        """The next frame that is not about the link."""
        while True:
            head = self.file.read(HEADER.size)
            if len(head) < HEADER.size:
                sys.exit("the connection ended")
            size, ident, kind, flags = HEADER.unpack(head)
            payload = self.file.read(size)
            if kind == GOODBYE:
                sys.exit(f"goodbye {payload[12:].decode()}")
            if kind == PING:
                self.send(encode(PONG, ident, payload))
                continue
            if kind == PONG and not flags & EXT:
                continue
            return Frame(kind, ident, flags, payload)

    def call(self, method, args=(), meta=(), body=b"", flags=0, more=()):
        self.ident += 2
        ext = [tag(METHOD, method), *more] + [tag(ARG, a) for a in args]
        for key, value in meta:
            ext.append(tag(META, struct.pack("<BBH", 1, 0, len(key)) + key +
                           value))
        self.send(encode(REQUEST, self.ident, block(*ext) + body,
                         EXT | flags))
        return self.ident


def is_last(frame):
    return frame.kind == ERROR or \
        frame.kind == RESPONSE and not frame.flags & MORE


def how(ext):
    """EXIT as words."""
    if EXIT not in ext:
        return ""
    kind, core, _, value = struct.unpack("<BBHI", ext[EXIT])
    return f" {('exit', 'signal', 'spawn')[kind]}={value}"


def show(frame, call):
    ext, body = split(frame)
    text = NAMES.get(frame.kind, str(frame.kind))
    if frame.kind == START:
        parent, = struct.unpack("<Q", ext[PARENT])
        text += " of the call" if parent == call else f" of {parent}"
        text += " one-way" if ext[MODE] == b"\2" else ""
    text += how(ext)
    if STDERR in ext:
        text += " stderr=%d" % struct.unpack("<Q", ext[STDERR])
    if frame.kind == ERROR:
        text += " %d %s" % (struct.unpack_from("<I", body)[0],
                            body[4:].decode())
    elif body and frame.kind != START:
        text += f" {body!r}"
    text += " more" if frame.flags & MORE else ""
    text += " fin" if frame.flags & FIN else ""
    print(f"{frame.ident}: {text}", flush=True)


def frames(word, method, *args):
    server = Server(word)
    call = server.call(method.encode(), [a.encode() for a in args])
    streams = set()
    answered = False
    while not answered or streams:
        frame = server.next()
        show(frame, call)
        answered = answered or is_last(frame)
        if frame.kind == START:
            streams.add(frame.ident)
            server.send(encode(OK, frame.ident, struct.pack("<I", 0)))
        if frame.kind in (END, RESET) or frame.flags & FIN:
            streams.discard(frame.ident)


def flood(word, method, count):
    server = Server(word)
    left, live = int(count), 0
    seen = collections.Counter()
    while left or live:
        while left and live < server.max_calls:
            server.call(method.encode())
            left -= 1
            live += 1
        frame = server.next()
        if not is_last(frame):
            continue
        live -= 1
        ext, body = split(frame)
        seen[f"error {struct.unpack_from('<I', body)[0]}"
             if frame.kind == ERROR else how(ext).strip()] += 1
    for name in sorted(seen):
        print(name, seen[name])


def refuse(word, method):
    server = Server(word)
    call = server.call(method.encode(), flags=MORE)
    while not is_last(frame := server.next()):
        if frame.kind == START:
            server.send(encode(STOP, frame.ident, struct.pack("<I", 3)))
            server.send(encode(REQUEST, call))
    print(how(split(frame)[0]).strip())


def starve(word, method):
    server = Server(word, 4096)
    server.call(method.encode())
    got = 0
    print("called", flush=True)
    while select.select([server.file, sys.stdin], [], [])[0] != [sys.stdin]:
        got += len(split(server.next())[1])
        print(got, flush=True)


def feed(word, method, size):
    server = Server(word)
    call = server.call(method.encode(), flags=MORE)
    credit, sent, size = server.window, 0, int(size)
    while True:
        while credit and sent < size:
            n = min(credit, 65536, size - sent)
            sent += n
            credit -= n
            server.send(encode(REQUEST, call, bytes(n),
                               0 if sent == size else MORE))
        frame = server.next()
        if frame.kind == CREDIT:
            credit += struct.unpack("<I", frame.payload)[0]
        if is_last(frame):
            print("all" if sent == size else "some",
                  how(split(frame)[0]).strip())
            return


def cancel(word, method, count):
    server = Server(word)
    live, seen = {}, collections.Counter()

    def one_more():
        """Takes a frame, which may be an answer."""
        frame = server.next()
        for ident in live:
            live[ident] -= 1
        if is_last(frame):
            assert live.pop(frame.ident, None) is not None, frame
            seen["error %d" % struct.unpack("<I", split(frame)[1][:4])
                 if frame.kind == ERROR else how(split(frame)[0])[1:]] += 1

    for n in range(int(count)):
        # after so many frames of others, or at once
        live[server.call(method.encode())] = n % 7
        for ident in [i for i, left in live.items() if left == 0]:
            server.send(encode(CANCEL, ident))
        while len(live) > 20:
            one_more()
    while live:
        one_more()
    for name in sorted(seen):
        print(name, seen[name])


def stream(word, method, body, *args):
    server = Server(word)
    server.send(encode(START, 1, block(
        tag(METHOD, method.encode()), *(tag(ARG, a.encode()) for a in args))
        + body.encode(), EXT))
    server.send(encode(DATA, 1, b", and more", FIN))
    got = b""
    while True:
        frame = server.next()
        if frame.kind == OK:
            print("ok")
        got += frame.payload if frame.kind == DATA else b""
        if frame.kind in (END, RESET, ERROR) or frame.flags & FIN:
            break
    if got:
        print(got)
    if frame.kind in (RESET, ERROR):
        print("reset" if frame.kind == RESET else "error",
              struct.unpack_from("<I", frame.payload)[0],
              frame.payload[4:].decode())
    else:
        print("end")


def hurry(word, method, ms):
    server = Server(word)
    call = server.call(method.encode(),
                       more=[tag(DEADLINE, struct.pack("<I", int(ms)))])
    while True:
        frame = server.next()
        if is_last(frame):
            break
    show(frame, call)


def leave(word, method):
    server = Server(word)
    server.call(method.encode())
    print("called", flush=True)
    sys.stdin.read()
    server.sock.close()


def meta(word, method):
    server = Server(word)
    server.call(method.encode(),
                meta=[ast.literal_eval(line) for line in sys.stdin])
    got = b""
    while True:
        frame = server.next()
        if frame.kind == RESPONSE:
            got += split(frame)[1]
            server.send(encode(CREDIT, frame.ident, struct.pack("<I", 65536)))
        if is_last(frame):
            break
    sys.stdout.buffer.write(got)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
