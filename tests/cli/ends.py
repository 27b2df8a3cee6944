"""Both ends of a tunnel in one process, which therefore knows at each moment
what has happened at either of them; and the tunnel between.

A Tunnel is a `muxctl serve` and a `muxctl tunnel` over one of CARRIERS, with
four ways through it: KINDS, the first letter says what the client's socket
is, the second what the target's is (t = TCP, u = unix).

It knows nothing of libmux.  MUXCTL names the program, PRELOAD an object that
is loaded into muxctl only.
"""
import atexit
import functools
import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading

from net import hard_close  # noqa: F401  (for those who import this)

MUXCTL = os.environ["MUXCTL"]
PRELOAD = os.environ.get("PRELOAD")
PATIENCE = 60		# only so that a failure ends

KINDS = ("tt", "tu", "ut", "uu")

# copy is unix where the kernel gives no large pipes; pipe is a program that
# speaks through two pipes; exec one that inherits a socket.
CARRIERS = ("unix", "tcp", "exec", "pipe", "copy")

FULL = "end"
RESET = "reset"

started = []


@atexit.register
def kill_all():
    for child in started:
        if child.poll() is None:
            child.kill()


@functools.cache
def blob(n, seed=0):
    return random.Random(n * 1000 + seed).randbytes(n)


# ---- sockets ----

def dial(where):
    sock = socket.socket(socket.AF_INET if isinstance(where, tuple) else
                         socket.AF_UNIX)
    sock.settimeout(PATIENCE)
    sock.connect(where)
    return sock


def listen(where):
    sock = socket.socket(socket.AF_INET if isinstance(where, tuple) else
                         socket.AF_UNIX)
    sock.bind(where)
    sock.listen(128)
    sock.settimeout(PATIENCE)
    return sock


def closed_port():
    """A port that nobody listens on as long as the socket lives."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock


def exactly(sock, n):
    data = bytearray()
    while len(data) < n:
        part = sock.recv(n - len(data))
        assert part, f"end after {len(data)} bytes of {n}"
        data += part
    return bytes(data)


def rest(sock):
    """What comes until it is over, and how it was over."""
    data = bytearray()
    try:
        while part := sock.recv(1 << 18):
            data += part
    except (ConnectionResetError, BrokenPipeError):
        return bytes(data), RESET
    return bytes(data), FULL


def is_silent(sock):
    """Nothing has come, not even an end."""
    return not select.select([sock], [], [], 0)[0]


def until_error(sock):
    """Waits for a reset on a socket that may have told its end before."""
    poll = select.poll()
    poll.register(sock, 0)
    assert poll.poll(PATIENCE * 1000), "no error on the socket"
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def send_until_told(sock, size=65536):
    """Somebody who goes on sending learns that it is in vain."""
    try:
        while True:
            sock.sendall(bytes(size))
    except (ConnectionResetError, BrokenPipeError):
        return


class Task(threading.Thread):
    """A call in the background; result() gives what it gave or raised."""

    def __init__(self, call, *args):
        super().__init__(daemon=True)
        self.call, self.args = call, args
        self.value = self.error = None
        self.start()

    def run(self):
        try:
            self.value = self.call(*self.args)
        except BaseException as err:
            self.error = err

    def result(self):
        self.join(PATIENCE)
        assert not self.is_alive(), f"{self.call.__name__} hangs"
        if self.error:
            raise self.error
        return self.value


def send_and_end(sock, data):
    sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)


# ---- processes ----

def run(*argv, log, copy=False, **more):
    env = dict(os.environ)
    if PRELOAD:
        env["LD_PRELOAD"] = PRELOAD
    if copy:
        env["SHORTIO_COPY"] = "1"
    with open(log, "ab") as err:
        child = subprocess.Popen([MUXCTL, *argv, "--die-with",
                                  str(os.getpid())],
                                 env=env, stderr=err, **more)
    started.append(child)
    return child


def start(*argv, **more):
    """muxctl with --print-addr; the addresses are there once it is ready."""
    out, inner = os.pipe()
    child = run(*argv, f"--print-addr=fd:{inner}", stdin=subprocess.DEVNULL,
                pass_fds=(inner,), **more)
    os.close(inner)
    with os.fdopen(out) as f:
        return child, f.read().split()


def stop(child, status=0):
    """Ends it; it leaves nothing behind that it would have to wait for."""
    child.send_signal(signal.SIGTERM)
    assert child.wait(PATIENCE) == status, \
        f"{child.args[1]}: status {child.returncode}, expected {status}"


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return [int(word) for word in f.read().split()]


def all_below(pid):
    for child in children(pid):
        yield child
        yield from all_below(child)


class Tunnel:
    """Lives in the working directory, whose paths may be of any length."""

    def __init__(self, carrier, serve=(), tunnel=(), targets=None):
        assert carrier in CARRIERS, carrier
        self.carrier = carrier
        self.targets = {"t": listen(("127.0.0.1", 0))}
        if os.path.exists("target.sock"):
            os.unlink("target.sock")
        self.targets["u"] = listen("target.sock")
        if targets is None:
            port = self.targets["t"].getsockname()[1]
            targets = ("-T", f"t=tcp:127.0.0.1:{port}",
                       "-T", f"u=unix:{os.path.abspath('target.sock')}")
        self.server = None
        self.begin([*targets, *serve], list(tunnel))

    def begin(self, serve, tunnel):
        copy = self.carrier == "copy"
        if self.carrier in ("unix", "tcp", "copy"):
            where = "127.0.0.1:0" if self.carrier == "tcp" else "unix:up.sock"
            self.server, addrs = start("serve", "-l", where, "--log",
                                       "serve.log", *serve, log="serve.err",
                                       copy=copy)
            assert addrs, "serve did not start: " + tail("serve.log")
            self.addr = addrs[0]
        else:
            words = " ".join(f"'{word}'" for word in
                             (MUXCTL, "serve", "-l", "-", "--log",
                              "serve.log", *serve))
            self.addr = f"exec:{words}"
            if self.carrier == "pipe":
                self.addr = f'exec:sh -c "cat | {words} | cat"'
        self.client, addrs = start(
            "tunnel", "-a", self.addr, "-L", "0=t", "-L", "0=u", "-L",
            "unix:local.t=t", "-L", "unix:local.u=u", "--log", "tunnel.log",
            *tunnel, log="tunnel.err", copy=copy)
        assert len(addrs) == 4, "tunnel did not start: " + tail("tunnel.log")
        self.locals = {"tt": tcp_of(addrs[0]), "tu": tcp_of(addrs[1]),
                       "ut": "local.t", "uu": "local.u"}

    def pair(self, kind):
        """A client's socket and the target's that belongs to it."""
        client = dial(self.locals[kind])
        server, _ = self.targets[kind[1]].accept()
        server.settimeout(PATIENCE)
        return client, server

    def stdio(self, name, **more):
        """A `tunnel -W` of its own to the same server."""
        return run("tunnel", "-a", self.addr, "-W", name, log="stdio.err",
                   copy=self.carrier == "copy", stdin=subprocess.PIPE,
                   stdout=subprocess.PIPE, **more)

    def works(self, kind="tt"):
        """A whole exchange of somebody else's, there and back."""
        client, server = self.pair(kind)
        send_and_end(client, b"ping")
        assert rest(server) == (b"ping", FULL)
        server.sendall(b"pong")
        server.close()
        assert rest(client) == (b"pong", FULL)
        client.close()

    def kill_server(self):
        """Whoever is at the other end of the carrier."""
        pids = [self.server.pid] if self.server else \
            list(all_below(self.client.pid))
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        if self.server:
            self.server.wait(60)  # only then its socket answers nobody

    def close(self):
        """Everything that was opened has ended, or this takes too long."""
        stop(self.client)
        if self.server:
            stop(self.server)
        for sock in self.targets.values():
            sock.close()


def tcp_of(addr):
    host, port = addr.removeprefix("tcp:").rsplit(":", 1)
    return host, int(port)


def tail(name):
    try:
        with open(name, errors="replace") as f:
            return "".join(f.readlines()[-5:])
    except OSError as err:
        return str(err)
