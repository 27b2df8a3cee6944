#!/usr/bin/env python3
"""Both ends of connections for the tests of the command line.

    net.py serve KIND [ADDR]    listens (default tcp 127.0.0.1:0), prints the
                                port or path, then behaves as KIND says
    net.py talk ADDR            sends stdin, ends its direction, prints what
                                comes; exit 0 at an end, 7 at a reset
    net.py silent ADDR N        opens N connections, prints "open", says
                                nothing, ends with its stdin
    net.py notify PATH CMD...   runs CMD with NOTIFY_SOCKET, prints what comes
                                until STOPPING=1, its pid first
    net.py listen-fds N[@HOST] CMD...
                                runs CMD as systemd would, with N sockets;
                                prints their ports first

It knows nothing of libmux: what it says on the wire it encodes itself.
"""
import os
import socket
import struct
import sys
import threading


def address(word):
    if "/" in word or word.startswith(("@", "unix:")):
        path = word.removeprefix("unix:")
        name = "\0" + path[1:] if path.startswith("@") else path
        return socket.AF_UNIX, name
    host, port = word.removeprefix("tcp:").rsplit(":", 1)
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return family, (host, int(port))


def say(*words):
    """In one write: threads say things at the same time."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def hard_close(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))
    sock.close()


def copy(sock):
    while data := sock.recv(65536):
        yield data


def frame(kind, ident, payload=b"", flags=0):
    return struct.pack("<IQBB", len(payload), ident, kind, flags) + payload


# ---- kinds of servers; each gets one connection ----

def echo(sock):
    for data in copy(sock):
        sock.sendall(data)


def reply(sock):
    """Answers only when it has everything: a half-close has to arrive."""
    n = sum(len(data) for data in copy(sock))
    sock.sendall(b"got %d bytes\n" % n)


def greet(sock):
    sock.sendall(b"hello\n")


def first(sock):
    """Ends its own direction first and still takes what comes."""
    sock.sendall(b"hello\n")
    sock.shutdown(socket.SHUT_WR)
    n = sum(len(data) for data in copy(sock))
    say("took", n)


def reset(sock):
    sock.recv(1)
    hard_close(sock)


def hold(sock):
    say("accepted")
    threading.Event().wait()


def steps(sock):
    """Says a line whenever it was sent one; ends when told to."""
    for line in sock.makefile("rb"):
        sock.sendall(b"ok\n")
        say("line", line.decode().strip())
        if line == b"end\n":
            return


def source(sock):
    try:
        while True:
            sock.sendall(b"x" * 65536)
    except OSError:
        say("stopped")


def legacy(sock):
    """Speaks the plain protocol: any PING gets an empty PONG."""
    sock.recv(65536)
    sock.sendall(frame(9, 0))
    for _ in copy(sock):
        pass


def garbage(sock):
    sock.sendall(b"SSH-2.0-Not_what_you_want\x1b[31m\r\n")
    for _ in copy(sock):
        pass


def mute(sock):
    for _ in copy(sock):
        pass


KINDS = {f.__name__: f for f in (echo, reply, greet, first, reset, hold,
                                 steps, source, legacy, garbage, mute)}


def one(kind, sock):
    try:
        kind(sock)
    except OSError as err:
        say("error", err.strerror)
    finally:
        sock.close()


def listener(word):
    family, where = address(word)
    sock = socket.socket(family)
    if family != socket.AF_UNIX:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(where)
    sock.listen(64)
    return sock


def name_of(sock):
    where = sock.getsockname()
    return where if isinstance(where, str) else where[1]


def full(sock):
    """A queue with no place left: the next connect() gets no answer."""
    sock.listen(0)
    waiting = []
    for _ in range(8):
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(sock.getsockname())
        waiting.append(one)
    say(name_of(sock))
    threading.Event().wait()


def serve(kind, word="127.0.0.1:0"):
    sock = listener(word)
    if kind == "full":
        full(sock)
    say(name_of(sock))
    while True:
        conn, _ = sock.accept()
        threading.Thread(target=one, args=(KINDS[kind], conn),
                         daemon=True).start()


def send_stdin(sock):
    try:
        while data := os.read(0, 65536):
            sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def talk(word):
    family, where = address(word)
    sock = socket.socket(family)
    sock.connect(where)
    sender = threading.Thread(target=send_stdin, args=(sock,), daemon=True)
    sender.start()
    try:
        for data in copy(sock):
            os.write(1, data)
        sender.join()
    except ConnectionResetError:
        os._exit(7)
    os._exit(0)


def silent(word, n):
    family, where = address(word)
    socks = []
    for _ in range(int(n)):
        socks.append(socket.socket(family))
        socks[-1].connect(where)
    say("open")
    os.read(0, 1)


def notify(path, *cmd):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(path)
    pid = os.fork()
    if pid == 0:
        os.environ["NOTIFY_SOCKET"] = path
        os.execvp(cmd[0], cmd)
    say(pid)
    while True:
        text = sock.recv(4096).decode()
        say(text)
        if "STOPPING=1" in text:
            break
    os.wait()


def listen_fds(what, *cmd):
    n, _, host = what.partition("@")
    socks = [listener((host or "127.0.0.1") + ":0") for _ in range(int(n))]
    for sock in socks:
        say(name_of(sock))
    high = [os.dup(sock.fileno()) for sock in socks]
    for i, fd in enumerate(high):
        os.dup2(fd, 3 + i, inheritable=True)
    os.environ["LISTEN_FDS"] = n
    os.environ["LISTEN_PID"] = str(os.getpid())
    os.execvp(cmd[0], cmd)


VERBS = {"serve": serve, "talk": talk, "silent": silent, "notify": notify,
         "listen-fds": listen_fds}

if __name__ == "__main__":
    try:
        VERBS[sys.argv[1]](*sys.argv[2:])
    except KeyboardInterrupt:
        pass
