#!/usr/bin/env python3
"""How connections end, carried over each carrier, between each two kinds of
sockets.

    halfclose.py CASE... [CARRIER...]

The cases are the functions below `each_way`; without a CARRIER all of them.
Where a case waits for "later" it lets a whole exchange of somebody else's
pass through the same tunnel: an event, not an amount of time.
"""
import hashlib
import math
import os
import random
import signal
import socket
import sys
import threading

from ends import (CARRIERS, FULL, KINDS, RESET, Task, Tunnel, all_below, blob,
                  closed_port, dial, exactly, hard_close, is_silent, listen,
                  rest, send_and_end, send_until_told, start, stop, tail,
                  tcp_of, until_error)

CASES = {}
SIZES = (0, 1, 2, 4095, 4096, 4097, 16384, 16385, 32767, 32768, 65535, 65536,
         65537, 262144, 262145, 1000000)


def each_way(case):
    """A case that is run for each kind over one tunnel of each carrier."""
    def all_kinds(carrier):
        tunnel = Tunnel(carrier)
        for kind in KINDS:
            try:
                case(tunnel, kind)
            except BaseException:
                print(f"# in {case.__name__}, {carrier}, {kind}")
                raise
        tunnel.close()
    CASES[case.__name__] = all_kinds
    return case


def each_carrier(case):
    CASES[case.__name__] = case
    return case


def sha(data):
    return hashlib.sha256(data).hexdigest()


def same(got, data, how=FULL):
    """Whole, equal, and ended as expected."""
    assert len(got[0]) == len(data), \
        f"{len(got[0])} bytes, not {len(data)}; then {got[1]}"
    assert sha(got[0]) == sha(data), "other bytes"
    assert got[1] == how, f"ended by {got[1]}"


# ---- D1: one side ends first, the other answers later ----

def late_answer(tunnel, kind, ask, answer, between=None):
    client, server = tunnel.pair(kind)
    sent = Task(send_and_end, client, ask)
    same(rest(server), ask)
    sent.result()
    if between:
        between()
        assert is_silent(client), "something before the answer"
    sent = Task(send_and_end, server, answer)
    same(rest(client), answer)
    sent.result()
    client.close()
    server.close()


@each_way
def client_first(tunnel, kind):
    for n in SIZES:
        late_answer(tunnel, kind, blob(n), blob(SIZES[-1 - SIZES.index(n)]),
                    tunnel.works)


def random_sizes(n, seed):
    rand = random.Random(seed)
    return [int(math.exp(rand.uniform(0, math.log(1e6)))) for _ in range(n)]


@each_way
def random_amounts(tunnel, kind):
    sizes = random_sizes(200, kind)
    for i in range(0, 200, 2):
        late_answer(tunnel, kind, blob(sizes[i]), blob(sizes[i + 1], 1))


@each_way
def few_amounts(tunnel, kind):
    """For those who have little time; the same in small."""
    sizes = random_sizes(20, kind) + [0, 1, 300000, 0, 0, 300000]
    for i in range(0, len(sizes), 2):
        late_answer(tunnel, kind, blob(sizes[i]), blob(sizes[i + 1], 1),
                    tunnel.works)


@each_way
def server_first(tunnel, kind):
    for n in SIZES:
        greeting, more = blob(n), blob(SIZES[-1 - SIZES.index(n)])
        client, server = tunnel.pair(kind)
        sent = Task(send_and_end, server, greeting)
        same(rest(client), greeting)
        sent.result()
        tunnel.works()
        assert is_silent(server), "an end that nobody sent"
        sent = Task(send_and_end, client, more)
        same(rest(server), more)
        sent.result()
        client.close()
        server.close()


@each_way
def close_behind_data(tunnel, kind):
    """close() instead of shutdown(), behind bytes that nobody has read."""
    for n in (1, 65536, 1000000):
        client, server = tunnel.pair(kind)
        data = blob(n)
        sent = Task(lambda: (server.sendall(data), server.close()))
        same(rest(client), data)
        sent.result()
        client.close()


@each_way
def early_answer(tunnel, kind):
    """Who answers without reading it all resets behind the answer, and the
    answer may still be read."""
    client, server = tunnel.pair(kind)
    client.sendall(bytes(5000))
    exactly(server, 10)
    server.sendall(b"no, thanks")
    server.close()
    got, how = rest(client)
    assert b"no, thanks".startswith(got)
    assert how == RESET if kind == "tt" else True
    client.close()


@each_way
def traffic_on_one_half(tunnel, kind):
    """Half-closed for long, with a lot going the other way."""
    for first in (0, 1):
        ends = tunnel.pair(kind)
        quiet, busy = ends[first], ends[1 - first]
        quiet.shutdown(socket.SHUT_WR)
        assert rest(busy) == (b"", FULL)
        piece = blob(16384)
        for i in range(500):
            busy.sendall(piece)
            assert exactly(quiet, len(piece)) == piece
            if i % 100 == 0:
                tunnel.works()
        busy.close()
        assert rest(quiet) == (b"", FULL)
        quiet.close()


# ---- D2: full buffers everywhere ----

def narrow(sock):
    """As small as goes without TCP waiting for its timers."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)


def both_ways(client, server, there, back):
    tasks = [Task(send_and_end, client, there),
             Task(send_and_end, server, back)]
    got = Task(rest, server), Task(rest, client)
    same(got[0].result(), there)
    same(got[1].result(), back)
    for task in tasks:
        task.result()
    client.close()
    server.close()


@each_way
def tiny_buffers(tunnel, kind):
    client, server = tunnel.pair(kind)
    narrow(client)
    narrow(server)
    both_ways(client, server, blob(200000), blob(200001))


@each_way
def both_full(tunnel, kind):
    """Everybody writes before anybody reads: all queues on the way fill."""
    pairs = [tunnel.pair(kind) for _ in range(8)]
    n = 2000000
    there, back = blob(n), blob(n, 1)
    sent = [Task(send_and_end, end, data) for pair in pairs
            for end, data in zip(pair, (there, back))]
    tunnel.works()
    got = [(Task(rest, server), Task(rest, client))
           for client, server in pairs]
    for at_server, at_client in got:
        same(at_server.result(), there)
        same(at_client.result(), back)
    for task in sent:
        task.result()
    for client, server in pairs:
        client.close()
        server.close()


@each_way
def stalled_consumer(tunnel, kind):
    """One takes nothing of an endless stream, at either end; 31 others do
    not notice.  What he takes in the end is what was sent."""
    data = blob(100000)
    for slow in (0, 1):
        pair = tunnel.pair(kind)
        sender = Task(send_until_told, pair[1 - slow])
        exactly(pair[slow], 1)
        others = [tunnel.pair(kind) for _ in range(31)]
        tasks = [Task(both_ways, *other, data, data) for other in others]
        for task in tasks:
            task.result()
        assert exactly(pair[slow], 1000000) == bytes(1000000)
        hard_close(pair[slow])
        sender.result()
        pair[1 - slow].close()


# ---- D3, D4: resets ----
#
# On a unix socket there is no RST.  Who closes with bytes unread gives his
# peer ECONNRESET; all else looks like an end.  So a reset that comes from a
# unix socket or has to go to one is an end there, and only there.

def expect_reset(kind, got):
    """Reset, where the kind of both ends can say so."""
    if kind == "tt":
        assert got[1] == RESET, "an end instead of a reset"


@each_way
def reset_when_idle(tunnel, kind):
    for who in (0, 1):
        ends = tunnel.pair(kind)
        ends[0].sendall(b"x")
        exactly(ends[1], 1)
        hard_close(ends[who])
        expect_reset(kind, rest(ends[1 - who]))
        send_until_told(ends[1 - who])
        ends[1 - who].close()


def took(listener, last):
    """What comes in by and by, up to the connection that says so."""
    came = []
    while not came or came[-1][0] != last:
        sock, _ = listener.accept()
        sock.settimeout(60)
        came.append(rest(sock))
        sock.close()
    return came[:-1]


@each_way
def reset_at_once(tunnel, kind):
    """Perhaps the target is still being dialled: it may not see the clean
    end of a request that was never made."""
    came = Task(took, tunnel.targets[kind[1]], b"last")
    for _ in range(100):
        client = dial(tunnel.locals[kind])
        client.sendall(b"x")
        hard_close(client)
    client = dial(tunnel.locals[kind])
    send_and_end(client, b"last")
    for one in came.result():
        assert one[0] in (b"", b"x")
        expect_reset(kind, one)
    client.close()


@each_way
def reset_behind_data(tunnel, kind):
    """Whatever of the data arrives, behind it is no clean end."""
    for i in range(10):
        for who in (0, 1):
            ends = tunnel.pair(kind)
            data = blob(50000 * (i + 1))
            got = Task(rest, ends[1 - who])
            ends[who].sendall(data)
            hard_close(ends[who])
            got = got.result()
            assert data.startswith(got[0]), "other bytes"
            expect_reset(kind, got)
            ends[1 - who].close()


@each_way
def reset_against_data(tunnel, kind):
    """The sender is in full flight when the other end resets: both kinds of
    sockets tell him, unix ones by the bytes that were not read."""
    for who in (0, 1):
        ends = tunnel.pair(kind)
        sender = Task(send_until_told, ends[1 - who])
        exactly(ends[who], 100000)
        hard_close(ends[who])
        sender.result()
        ends[1 - who].close()


@each_way
def reset_after_own_end(tunnel, kind):
    """FIN first, RST later, while the other half is still at work."""
    for who in (0, 1):
        ends = tunnel.pair(kind)
        ends[who].sendall(b"bye")
        ends[who].shutdown(socket.SHUT_WR)
        assert rest(ends[1 - who]) == (b"bye", FULL)
        sender = Task(send_until_told, ends[1 - who])
        exactly(ends[who], 100000)
        hard_close(ends[who])
        sender.result()
        ends[1 - who].close()


@each_way
def reset_after_the_others_end(tunnel, kind):
    """RST by the one who still owes an answer: it must not look like one."""
    for who in (0, 1):
        ends = tunnel.pair(kind)
        ends[1 - who].sendall(b"ask")
        ends[1 - who].shutdown(socket.SHUT_WR)
        assert rest(ends[who]) == (b"ask", FULL)
        ends[who].sendall(b"half an ans")
        exactly(ends[1 - who], 11)
        hard_close(ends[who])
        expect_reset(kind, rest(ends[1 - who]))
        ends[1 - who].close()


@each_way
def unread_bytes_of_unix(tunnel, kind):
    """A unix socket closed over unread bytes is a reset for the other end."""
    for who in (0, 1):
        if kind[who] != "u":
            continue
        ends = tunnel.pair(kind)
        ends[1 - who].sendall(bytes(5000))
        exactly(ends[who], 10)
        assert ends[who].recv(1, socket.MSG_PEEK)  # there is unread data
        ends[who].close()
        got, how = rest(ends[1 - who])
        assert got == b""
        assert kind[1 - who] == "u" or how == RESET, "an end, not a reset"
        send_until_told(ends[1 - who])
        ends[1 - who].close()


@each_way
def gone_without_unread(tunnel, kind):
    """close() of both directions: who goes on sending is told, sooner or
    later, as on a direct connection."""
    for who in (0, 1):
        ends = tunnel.pair(kind)
        ends[who].close()
        assert rest(ends[1 - who]) == (b"", FULL)
        send_until_told(ends[1 - who])
        ends[1 - who].close()


# ---- D5: no target ----

def refused(carrier, why, *targets):
    """What was accepted is reset at once, whatever it has sent."""
    tunnel = Tunnel(carrier, targets=targets)
    for kind in KINDS:
        for hasty in (False, True):
            try:
                client = dial(tunnel.locals[kind])
            except ConnectionResetError:
                continue
            if hasty:
                send_until_told(client)
            got = rest(client)
            assert got[0] == b""
            assert kind[0] == "u" or hasty or got[1] == RESET, kind
            client.close()
    for name in "tu":
        child = tunnel.stdio(name)
        out, _ = child.communicate(b"early data")
        assert out == b""
        assert child.returncode == (126 if why == "not permitted" else 1)
    tunnel.close()
    assert why in tail("tunnel.log"), tail("tunnel.log")


@each_carrier
def refused_by_the_target(carrier):
    port = closed_port()
    refused(carrier, "connect failed",
            "-T", f"t=tcp:127.0.0.1:{port.getsockname()[1]}",
            "-T", f"u=unix:{os.path.abspath('nobody.sock')}")


@each_carrier
def no_such_host(carrier):
    refused(carrier, "connect failed", "-T", "t=tcp:nosuch.invalid:80",
            "-T", "u=tcp:nosuch.invalid:81", "--connect-timeout", "1s")


@each_carrier
def not_listed(carrier):
    refused(carrier, "not permitted")


# ---- standard input and output ----

@each_carrier
def stdio(carrier):
    """-W between two pipes: either end first, and what it exits with."""
    tunnel = Tunnel(carrier)
    for name in "tu":
        for n in (0, 65537, 1000000):
            stdio_late_answer(tunnel, name, blob(n), blob(1000000 - n))
            stdio_server_first(tunnel, name, blob(n), blob(1000000 - n))
    stdio_reset(tunnel)
    stdio_lost(tunnel)


def stdio_pair(tunnel, name):
    child = tunnel.stdio(name)
    server, _ = tunnel.targets[name].accept()
    server.settimeout(60)
    return child, server


def feed(child, data):
    child.stdin.write(data)
    child.stdin.close()


def stdio_late_answer(tunnel, name, ask, answer):
    child, server = stdio_pair(tunnel, name)
    fed = Task(feed, child, ask)
    same(rest(server), ask)
    tunnel.works()
    sent = Task(send_and_end, server, answer)
    same((child.stdout.read(), FULL), answer)
    assert child.wait(60) == 0
    for task in fed, sent:
        task.result()
    server.close()


def stdio_server_first(tunnel, name, greeting, more):
    child, server = stdio_pair(tunnel, name)
    sent = Task(send_and_end, server, greeting)
    same((child.stdout.read(), FULL), greeting)
    sent.result()
    fed = Task(feed, child, more)
    same(rest(server), more)
    fed.result()
    server.close()
    assert child.wait(60) == 0


def stdio_reset(tunnel):
    child, server = stdio_pair(tunnel, "t")
    server.sendall(b"half an ans")
    assert child.stdout.read(11) == b"half an ans"
    hard_close(server)
    assert child.stdout.read() == b""
    assert child.wait(60) == 1


def stdio_lost(tunnel):
    child, server = stdio_pair(tunnel, "t")
    if tunnel.server:
        tunnel.kill_server()
        assert tunnel.client.wait(60) == 255
    else:
        for pid in list(all_below(child.pid)):
            os.kill(pid, signal.SIGKILL)
        tunnel.close()
    assert child.stdout.read() == b""
    assert child.wait(60) == 255
    server.close()


# ---- the carrier goes away ----

def at_work(tunnel, kind):
    """One that sends, one that has ended its half, one that is idle."""
    busy, half, idle = (tunnel.pair(kind) for _ in range(3))
    half[0].shutdown(socket.SHUT_WR)
    assert rest(half[1]) == (b"", FULL)
    for pair in half, idle:
        pair[1].sendall(b"some")
        exactly(pair[0], 4)
    sender = Task(send_until_told, busy[1])
    exactly(busy[0], 500000)
    return sender, busy, half, idle


@each_carrier
def server_is_killed(carrier):
    """Local sockets are reset, never ended, and the status is 255."""
    for kind in KINDS:
        tunnel = Tunnel(carrier)
        sender, *pairs = at_work(tunnel, kind)
        tunnel.kill_server()
        for pair in pairs:
            got = rest(pair[0])
            assert kind[0] == "u" or got[1] == RESET, f"{kind}: a clean end"
        sender.result()
        status = tunnel.client.wait(60)
        assert status == 255, f"status {status}"
        assert "connection lost" in tail("tunnel.log"), tail("tunnel.log")


@each_carrier
def tunnel_is_killed(carrier):
    """The targets' sockets are reset, and the server lives on."""
    for kind in KINDS:
        tunnel = Tunnel(carrier)
        sender, busy, half, idle = at_work(tunnel, kind)
        tunnel.client.kill()
        sender.result()
        got = rest(idle[1])
        assert kind[1] == "u" or got[1] == RESET, f"{kind}: a clean end"
        if kind[1] == "t":
            until_error(half[1])
        if tunnel.server:
            tunnel.server.poll()
            assert tunnel.server.returncode is None, "serve died with it"
            stop(tunnel.server)


class Cut(threading.Thread):
    """Stands in the carrier and takes it away behind n bytes of the
    server's; None: only counts them."""

    def __init__(self, server, n, hard):
        super().__init__(daemon=True)
        self.server, self.left, self.hard = server, n, hard
        self.n = 0
        self.listener = listen(("127.0.0.1", 0))
        self.addr = "tcp:127.0.0.1:%d" % self.listener.getsockname()[1]
        self.start()

    def run(self):
        down, _ = self.listener.accept()
        up = dial(self.server)
        other = Task(self.forward_up, down, up)
        while self.left is None or self.left > 0:
            part = up.recv(65536 if self.left is None else self.left)
            if not part:
                break
            self.n += len(part)
            self.left = None if self.left is None else self.left - len(part)
            down.sendall(part)
        down.shutdown(socket.SHUT_RD if self.hard else socket.SHUT_RDWR)
        other.result()
        if self.hard:
            hard_close(down)
        down.close()
        up.close()
        self.listener.close()

    def forward_up(self, down, up):
        try:
            while part := down.recv(65536):
                up.sendall(part)
            up.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def serve_data(listener, data):
    while True:
        try:
            sock, _ = listener.accept()
            sock.sendall(data)
            sock.close()
        except OSError:
            if listener.fileno() < 0:
                return


def one_cut(server, n, hard, data):
    """A download over a carrier of n bytes; how many it was given."""
    cut = Cut(server, n, hard)
    child, addrs = start("tunnel", "-a", cut.addr, "-L", "0=t", "--log",
                         "tunnel.log", log="tunnel.err")
    got, how = b"", RESET
    try:
        client = dial(tcp_of(addrs[0])) if addrs else None
    except ConnectionError:
        client = None
    if client:
        got, how = rest(client)
        client.close()
        assert data.startswith(got), "other bytes"
        assert how == RESET or got == data, f"a clean end at {len(got)}"
    # Behind the last byte of the download there are a few of the end.
    if got == data and child.poll() is None:
        child.terminate()
    status = child.wait(60)
    assert status == 255 or (got == data and status == 0), status
    cut.join()
    return cut.n


@each_carrier
def cut_anywhere(carrier):
    """Wherever the carrier ends, even cleanly, half a download does not."""
    if carrier != "tcp":
        return
    tunnel = Tunnel(carrier)
    data = blob(300000)
    Task(serve_data, tunnel.targets["t"], data)
    total = one_cut(tcp_of(tunnel.addr), None, False, data)
    assert total > len(data)
    points = [*range(0, 200, 7), *range(total - 60, total),
              *random.Random(1).sample(range(total), 30)]
    for i, n in enumerate(points):
        one_cut(tcp_of(tunnel.addr), n, i % 2 == 0, data)
    tunnel.close()


@each_carrier
def splices_or_not(carrier):
    """What is compared with what: unix splices, copy does not."""
    os.environ["SHORTIO_STATS"] = f"stats.{carrier}"
    tunnel = Tunnel(carrier)
    client, server = tunnel.pair("tt")
    both_ways(client, server, blob(1000000), blob(1000000))
    tunnel.close()
    del os.environ["SHORTIO_STATS"]
    with open(f"stats.{carrier}") as f:
        n = sum(int(line.split()[1]) for line in f
                if line.startswith("splice "))
    print(f"# {n} splices")
    assert (n == 0) == (carrier == "copy")


def main(words):
    carriers = [word for word in words if word in CARRIERS] or CARRIERS
    for name in (word for word in words if word not in CARRIERS):
        for carrier in carriers:
            CASES[name](carrier)
            print(f"# {name} over {carrier}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
