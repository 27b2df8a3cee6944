#!/usr/bin/env python3
"""Peers that attack, fall silent or come in thousands, and what that costs
the muxctl at the other end: memory, descriptors, and nothing else.

    faults.py CASE

What an attacker says on the wire is encoded here.
"""
import os
import random
import resource
import select
import signal
import socket
import struct
import sys

from ends import (FULL, RESET, Task, Tunnel, dial, exactly, hard_close, listen,
                  rest, run, send_and_end, start, stop, tail, tcp_of)
from net import frame

CASES = {}
START, DATA, END, PING, CREDIT, RESET_FRAME, OK = 2, 3, 4, 8, 16, 17, 19
EXT = 0x80
KEEPALIVE = 0x18
MIB = 1 << 20


def case(function):
    CASES[function.__name__] = function
    return function


# ---- what attackers say ----

def tag(number, value):
    return struct.pack("<HH", number, len(value)) + value


def extended(kind, ident, *tags):
    block = b"".join(tags)
    return frame(kind, ident, struct.pack("<I", len(block)) + block, EXT)


def hello(*tags):
    magic = tag(0x8001, b"MUX1" + struct.pack("<HH", 1, 1))
    return extended(PING, 0, magic, *tags)


def u32(number, value):
    return tag(number, struct.pack("<I", value))


def open_to(ident, target):
    return extended(START, ident, tag(0x29, target))


def code(kind, ident, value):
    return frame(kind, ident, struct.pack("<I", value))


def say(sock, data):
    """As much of it as the other end wants to hear."""
    try:
        sock.sendall(data)
    except OSError:
        pass


def greet(addr, *tags):
    """A connection whose HELLO is done; what else came is thrown away."""
    sock = dial(addr)
    sock.sendall(hello(*tags))
    length, = struct.unpack("<I", exactly(sock, 14)[:4])
    exactly(sock, length)
    return sock


def until_closed(sock):
    rest(sock)
    sock.close()


# ---- attacks; each returns when it is over ----

def nothing(addr):
    dial(addr).close()


def web_browser(addr):
    sock = dial(addr)
    say(sock, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100000)
    until_closed(sock)


def secure_browser(addr):
    sock = dial(addr)
    say(sock, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500))
    sock.shutdown(socket.SHUT_WR)
    until_closed(sock)


def garbage(addr):
    for seed in range(50):
        sock = dial(addr)
        say(sock, random.Random(seed).randbytes(65536))
        try:
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        until_closed(sock)


def garbage_later(addr):
    for seed in range(50):
        sock = greet(addr)
        say(sock, random.Random(seed).randbytes(65536))
        try:
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        until_closed(sock)


def huge_lengths(addr):
    for length in (2**32 - 1, 2**31, 2**24 + 1, 2**24, 2**20 + 1):
        for kind in (0, PING, DATA, 99):
            sock = dial(addr)
            say(sock, struct.pack("<IQBB", length, 1, kind, 0))
            say(sock, bytes(1000))
            try:
                sock.shutdown(socket.SHUT_WR)
            except OSError:
                pass
            until_closed(sock)


def huge_lengths_later(addr):
    for length in (2**32 - 1, 2**31, 2**24 + 1, 2**20 + 1):
        for kind in (PING, START, DATA, CREDIT, RESET_FRAME):
            sock = greet(addr)
            say(sock, struct.pack("<IQBB", length, 1, kind, 0))
            until_closed(sock)


def promises(addr):
    """Frames of the largest legal size that are announced and never sent."""
    socks = []
    for _ in range(50):
        sock = greet(addr)
        say(sock, open_to(1, b"sink") + code(CREDIT, 1, 1 << 30))
        say(sock, struct.pack("<IQBB", 65536, 1, DATA, 0) + bytes(100))
        socks.append(sock)
    for sock in socks:
        sock.close()


def lies_in_hello(addr):
    block = hello()
    for at in range(14, len(block)):
        for value in (0, 0xff):
            sock = dial(addr)
            say(sock, block[:at] + bytes([value]) + block[at + 1:])
            sock.shutdown(socket.SHUT_WR)
            until_closed(sock)


def drip(addr):
    sock = dial(addr)
    for byte in hello():
        sock.sendall(bytes([byte]))
    exactly(sock, 14)
    sock.close()


def broken_rules(addr):
    for data in (frame(DATA, 1, b"x"), code(CREDIT, 1, 1),
                 open_to(2, b"sink"), open_to(0, b"sink"),
                 open_to(5, b"sink") + open_to(3, b"sink"),
                 open_to(1, b"sink") + code(CREDIT, 1, 2**31 - 1) * 3,
                 open_to(1, b"sink") + frame(DATA, 1, bytes(MIB)),
                 hello(), frame(40, 0), frame(11, 0),
                 b"".join(open_to(2 * i + 1, b"sink") for i in range(3000))):
        sock = greet(addr)
        say(sock, data)
        try:
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        until_closed(sock)


def pings_unread(addr):
    """Nobody reads the answers; so there may be no queue of them."""
    sock = greet(addr)
    data = b"".join(frame(PING, i + 1, bytes(64)) for i in range(1000))
    sender = Task(say, sock, data * 200)
    sender.join(2)
    sock.close()
    sender.result()


def opens_and_resets(addr):
    for target in (b"nobody", b"sink"):
        sock = greet(addr)
        reader = Task(rest, sock)
        say(sock, b"".join(open_to(2 * i + 1, target) +
                           code(RESET_FRAME, 2 * i + 1, 3)
                           for i in range(20000)))
        try:
            sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        reader.result()
        sock.close()


def empty_frames(addr):
    sock = greet(addr)
    reader = Task(rest, sock)
    say(sock, open_to(1, b"sink") + frame(DATA, 1) * 200000)
    say(sock, frame(6, 1) + frame(7, 1) * 100000)
    try:
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    reader.result()
    sock.close()


def grants_and_sleeps(addr):
    """Credit without end, and not one byte is read."""
    socks = []
    for _ in range(4):
        sock = greet(addr, u32(0x12, 2**31 - 1))
        for i in range(100):
            sock.sendall(open_to(2 * i + 1, b"source"))
        exactly(sock, 100000)
        socks.append(sock)
    for sock in socks:
        hard_close(sock)


ATTACKS = (nothing, web_browser, secure_browser, garbage, garbage_later,
           huge_lengths, huge_lengths_later, promises, lies_in_hello, drip,
           broken_rules, pings_unread, opens_and_resets, empty_frames,
           grants_and_sleeps)


def status(pid, key):
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith(key + ":"):
                return int(line.split()[1])


def fds(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def take_all(listener, what):
    """A target: takes everything, or gives without end."""
    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        Task(what, sock)


def take(sock):
    try:
        while sock.recv(1 << 18):
            pass
    except OSError:
        pass
    sock.close()


def give(sock):
    try:
        while True:
            sock.sendall(bytes(65536))
    except OSError:
        pass
    sock.close()


def where(addr):
    return tcp_of(addr) if addr.startswith("tcp:") else \
        addr.removeprefix("unix:")


@case
def attacks():
    """After each of them a stranger is served, and memory has not grown."""
    sink, source = listen("sink.sock"), listen("source.sock")
    Task(take_all, sink, take)
    Task(take_all, source, give)
    tunnel = Tunnel("tcp", serve=(
        "-T", f"sink=unix:{os.path.abspath('sink.sock')}",
        "-T", f"source=unix:{os.path.abspath('source.sock')}"))
    addr, pid = tcp_of(tunnel.addr), tunnel.server.pid
    for _ in range(8):
        client, server = tunnel.pair("tt")
        sent = Task(send_and_end, client, bytes(4 * MIB))
        assert len(rest(server)[0]) == 4 * MIB
        sent.result()
        server.close()
        client.close()
    for attack in ATTACKS:
        before = status(pid, "VmHWM")
        attack(addr)
        grown = status(pid, "VmHWM") - before
        print(f"# {attack.__name__}: VmHWM +{grown} KiB", flush=True)
        child = tunnel.stdio("t")
        probe(tunnel, child)
        tunnel.works()
        assert grown < 2048, f"{attack.__name__}: {grown} KiB"
    stop(tunnel.client)
    stop(tunnel.server)


def probe(tunnel, child):
    server, _ = tunnel.targets["t"].accept()
    send_and_end(server, b"here")
    assert child.communicate(b"there?")[0] == b"here"
    assert rest(server) == (b"there?", FULL)
    server.close()
    assert child.returncode == 0


# ---- descriptors ----

@case
def crowd():
    """Forty come, who are silent; until ten of them were told to go."""
    socks = [dial("up.sock") for _ in range(40)]
    gone = set()
    while len(gone) < 10:
        gone.update(select.select(socks, [], [], 60)[0])
        socks = [sock for sock in socks if sock not in gone]
    for sock in gone:
        assert rest(sock)[0] == b""


def settled(pid, n):
    """The number of descriptors comes down to n."""
    for _ in range(10000):
        if fds(pid) <= n:
            return
        os.sched_yield()
    assert False, f"{fds(pid)} descriptors, had {n}"


@case
def leaks():
    """A thousand targets that cannot be reached leave no descriptor."""
    port = listen(("127.0.0.1", 0))
    gone = port.getsockname()[1]
    port.close()
    tunnel = Tunnel("unix", targets=(
        "-T", f"t=tcp:127.0.0.1:{gone}",
        "-T", f"u=unix:{os.path.abspath('nobody.sock')}"))
    pids = tunnel.client.pid, tunnel.server.pid
    fail(tunnel, 1)
    before = [fds(pid) for pid in pids]
    fail(tunnel, 250)
    for pid, n in zip(pids, before):
        settled(pid, n)
    print(f"# {before} descriptors before and after")
    tunnel.close()


def fail(tunnel, n):
    for _ in range(n):
        for kind in ("tt", "tu", "ut", "uu"):
            try:
                sock = dial(tunnel.locals[kind])
                say(sock, b"early")
                assert rest(sock)[0] == b""
                sock.close()
            except ConnectionResetError:
                pass


def n_pipes(pid):
    links = (f"/proc/{pid}/fd/{fd}" for fd in os.listdir(f"/proc/{pid}/fd"))
    return sum(os.readlink(link).startswith("pipe:") for link in links) // 2


def feed(file, data):
    file.write(data)
    file.flush()


def to_and_fro(child, server, n):
    data = random.Random(n).randbytes(n)
    there = Task(feed, child.stdin, data)
    assert exactly(server, n) == data
    there.result()
    back = Task(server.sendall, data)
    assert child.stdout.read(n) == data
    back.result()


@case
def poor_user():
    """Whoever is not root gets 64 large pipes in all.  With more
    connections than that, some splice, the others copy, and all work."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    tunnel = Tunnel("unix")
    pairs = []
    for i in range(48):
        child = tunnel.stdio("t")
        pairs.append((child, tunnel.targets["t"].accept()[0]))
        to_and_fro(*pairs[-1], 1000000 + i)
    n = n_pipes(tunnel.server.pid)
    print(f"# {n} pipes for {len(pairs)} connections")
    for pair in pairs:
        to_and_fro(*pair, 500000)
    for child, server in pairs:
        child.stdin.close()
        server.close()
        assert child.wait(60) == 0
    tunnel.close()
    assert 0 < n < 2 * len(pairs), "all of them splice, or none"


# ---- silence ----

def impatient(data):
    """The same HELLO, with pings every 50 ms."""
    at = data.index(struct.pack("<HH", KEEPALIVE, 4)) + 4
    return data[:at] + struct.pack("<I", 50) + data[at + 4:]


def between(listener, server):
    """Makes both ends of a carrier impatient."""
    down, _ = listener.accept()
    up = dial(server)
    Task(forward, down, up)
    Task(forward, up, down)


def forward(a, b):
    first = a.recv(65536)
    b.sendall(impatient(first))
    try:
        while part := a.recv(65536):
            b.sendall(part)
        b.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def stopped_peer(stop_server):
    tunnel = Tunnel("tcp")
    listener = listen(("127.0.0.1", 0))
    Task(between, listener, tcp_of(tunnel.addr))
    child, addrs = start(
        "tunnel", "-a", f"tcp:127.0.0.1:{listener.getsockname()[1]}", "-L",
        "0=t", "--log", "second.log", log="tunnel.err")
    client = dial(tcp_of(addrs[0]))
    server, _ = tunnel.targets["t"].accept()
    server.settimeout(60)
    client.sendall(b"x")
    exactly(server, 1)
    victim = tunnel.server if stop_server else child
    victim.send_signal(signal.SIGSTOP)
    end = rest(client if stop_server else server)
    assert end == (b"", RESET), end
    if stop_server:
        assert child.wait(60) == 255
        assert "silent" in tail("second.log"), tail("second.log")
    victim.send_signal(signal.SIGCONT)
    end = rest(server if stop_server else client)
    assert end == (b"", RESET), end
    if not stop_server:
        assert child.wait(60) == 255
    tunnel.works()
    tunnel.close()


@case
def stopped_server():
    stopped_peer(True)


@case
def stopped_tunnel():
    stopped_peer(False)


@case
def killed_and_restarted():
    """kill -9 at any moment, and the same path works again at once."""
    target = listen(("127.0.0.1", 0))
    target.settimeout(60)
    port = target.getsockname()[1]
    Task(take_all, target, echo)
    for i in range(30):
        server, addrs = start("serve", "-l", "unix:up.sock", "-T",
                              f"t=tcp:127.0.0.1:{port}", "--log",
                              "serve.log", log="serve.err")
        assert addrs, tail("serve.log")
        child = run("tunnel", "-a", "unix:up.sock", "-W", "t",
                    log="tunnel.err", stdin=-1, stdout=-1)
        child.stdin.write(bytes(100000))
        child.stdin.flush()
        child.stdout.read(i * 3000 + 1)
        server.kill()
        server.wait()
        child.stdin.close()
        assert child.wait(60) == 255
    server, addrs = start("serve", "-l", "unix:up.sock", log="serve.err")
    stop(server)
    assert not os.path.exists("up.sock")


def echo(sock):
    try:
        while data := sock.recv(65536):
            sock.sendall(data)
    except OSError:
        pass
    sock.close()


# ---- ten thousand ----

N_MANY = 10000
ROOM = ("--max-streams", str(N_MANY + 16), "--memory", "512M")


def dial_many(path, n, go):
    """In a process of its own, because of the limit of descriptors; no
    faster than they are answered, because it is not about connecting."""
    socks = []
    for _ in range(n):
        sock = dial(path)
        sock.sendall(b"x")
        exactly(sock, 1)
        socks.append(sock)
    os.write(go, b"x")
    signal.pause()


def rss(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        for line in f:
            if line.startswith("Rss:"):
                return int(line.split()[1])


class Many:
    """n idle streams that have each carried a byte both ways."""

    def __init__(self, tunnel, n):
        ready = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            dial_many(tunnel.locals["uu"], n, ready[1])
        self.socks = []
        for _ in range(n):
            sock, _ = tunnel.targets["u"].accept()
            exactly(sock, 1)
            sock.sendall(b"y")
            self.socks.append(sock)
        assert os.read(ready[0], 1) == b"x"

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        for sock in self.socks:
            sock.close()


@case
def many_streams():
    """10,000 idle streams on one connection: under 1 KiB each, and the one
    beside them works."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < N_MANY + 100:
        print(f"skip: the limit of descriptors is {hard}")
        return
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    tunnel = Tunnel("unix", serve=ROOM, tunnel=ROOM)
    pids = {"tunnel": tunnel.client.pid, "serve": tunnel.server.pid}
    few = Many(tunnel, 100)
    before = {name: rss(pid) for name, pid in pids.items()}
    many = Many(tunnel, N_MANY - 100)
    tunnel.works()
    each = {name: (rss(pid) - before[name]) * 1024 // (N_MANY - 100)
            for name, pid in pids.items()}
    print(f"# bytes of memory per idle stream: {each}")
    few.close()
    many.close()
    tunnel.works()
    tunnel.close()
    assert all(n < 1024 for n in each.values()), each


if __name__ == "__main__":
    CASES[sys.argv[1]]()
