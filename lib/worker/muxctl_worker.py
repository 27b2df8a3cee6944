"""Makes a function of Python the program of `muxctl serve --worker`.

    from muxctl_worker import serve

    def up(call):
        return call.body.upper()

    serve(up)

serve(handler, threads=0) calls handler(call) for each call that comes and
returns when serve closes its end.  Of the call there are
    call.body       bytes
    call.args       list of str (bytes that are no UTF-8 as in sys.argv)
    call.method     str
    call.id         int, a number that no other call has
    call.deadline   seconds on time.monotonic(), or None
    call.cancelled()  whether nobody waits for the answer any more; for
                    handlers that take long
What it returns is the answer: (status, body), where the status is that of
the call, 0..255; or the body alone (status 0); or None.  A body is bytes or
str.  An exception is written to the log of serve and makes the status 1.

With threads=0 one call is handled after the other; with threads=N up to N at
once.  Answers go out as they are ready, whatever the order.  What is printed
goes to the log of serve, as standard error does; standard input is empty.

The lines between the two are described in muxctl-serve(1), WORKERS.
"""

import collections
import os
import select
import sys
import threading
import time
import traceback

__all__ = ["serve", "Call"]

AHEAD = 16 << 20    # bytes of calls that are read before they are handled


class Call:
    """One call; see the text of the module."""

    __slots__ = ("id", "method", "args", "body", "deadline", "_cancelled",
                 "_look")

    def __init__(self, look, id, method, args, body, ms):
        self.id = id
        self.method = method
        self.args = args
        self.body = body
        self.deadline = time.monotonic() + ms / 1000 if ms else None
        self._cancelled = False
        self._look = look

    def cancelled(self):
        if not self._cancelled and self._look is not None:
            self._look()
        return self._cancelled


class _Worker:
    def __init__(self, handler, threads):
        self.handler = handler
        self.buf = bytearray()
        self.eof = False
        self.live = {}                  # by id, until they are answered
        self.queue = collections.deque()
        self.ahead = 0                  # bytes of what is in the queue
        self.lock = threading.Lock()    # live, queue, ahead
        self.more = threading.Condition(self.lock)
        self.less = threading.Condition(self.lock)
        self.writing = threading.Lock()
        self.look = None if threads else self.look_ahead
        # Whatever handlers print or read, these two are ours alone.
        self.fd_in, self.fd_out = os.dup(0), os.dup(1)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)
        self.poll = select.poll()
        self.poll.register(self.fd_in, select.POLLIN)

    # ---- what comes ----

    def read(self):
        """Waits for bytes and takes them; False at the end."""
        data = os.read(self.fd_in, 1 << 18)
        self.buf += data
        self.eof = not data
        if data:
            self.parse()
        return not self.eof

    def parse(self):
        at = 0
        while True:
            end = self.parse_one(at)
            if end is None:
                break
            at = end
        del self.buf[:at]

    def parse_one(self, at):
        """Where the next one begins; None if this is not whole yet."""
        buf = self.buf
        end = buf.find(b"\n", at)
        if end < 0:
            return None
        head = buf[at:end].split()
        at = end + 1
        if head[1:] == [b"cancel"]:
            self.cancel(int(head[0]))
            return at
        id, n_args, method_len, body_len, ms = map(int, head)
        args = []
        for _ in range(n_args):
            end = buf.find(b"\n", at)
            if end < 0:
                return None
            at = end + 1 + int(buf[at:end])
            args.append(os.fsdecode(bytes(buf[end + 1:at])))
        body = at + method_len
        end = body + body_len
        if end > len(buf):
            return None
        self.add(Call(self.look, id, os.fsdecode(bytes(buf[at:body])), args,
                      bytes(buf[body:end]), ms))
        return end

    def add(self, call):
        with self.lock:
            self.live[call.id] = call
            self.queue.append(call)
            self.ahead += len(call.body) + 256
            self.more.notify()

    def cancel(self, id):
        with self.lock:
            call = self.live.get(id)
            if call is not None:
                call._cancelled = True

    def look_ahead(self):
        """Takes what has come by now, within bounds."""
        while not self.eof and self.ahead < AHEAD and self.poll.poll(0):
            self.read()

    # ---- what goes ----

    def write(self, data):
        view = memoryview(data)
        with self.writing:
            while view:
                view = view[os.write(self.fd_out, view):]

    def answer(self, call):
        status, body = 1, b""
        if not call._cancelled:
            try:
                status, body = self.result(self.handler(call))
            except Exception:
                traceback.print_exc()
        with self.lock:
            self.live.pop(call.id, None)
        self.write(b"%d %d %d\n%b" % (call.id, status, len(body), body))

    @staticmethod
    def result(value):
        status, body = value if isinstance(value, tuple) else (0, value)
        if body is None:
            body = b""
        elif isinstance(body, str):
            body = body.encode("utf-8", "surrogateescape")
        body = bytes(body)
        if not 0 <= int(status) <= 255:
            raise ValueError("status %r is not in 0..255" % (status,))
        return int(status), body

    # ---- the two ways to run ----

    def pop(self):
        call = self.queue.popleft()
        self.ahead -= len(call.body) + 256
        return call

    def run(self):
        while True:
            self.look_ahead()
            if self.queue:
                self.answer(self.pop())
            elif self.eof or not self.read():
                break

    def thread(self):
        while True:
            with self.lock:
                while not self.queue:
                    if self.eof:
                        return
                    self.more.wait()
                call = self.pop()
                self.less.notify()
            try:
                self.answer(call)
            except BrokenPipeError:
                return

    def run_threads(self, n):
        pool = [threading.Thread(target=self.thread, daemon=True)
                for _ in range(n)]
        for t in pool:
            t.start()
        while self.read():
            with self.lock:
                while self.ahead >= AHEAD:
                    self.less.wait()
        with self.lock:
            self.more.notify_all()
        for t in pool:
            t.join()


def serve(handler, threads=0):
    """Answers calls until there are no more; see the text of the module."""
    worker = _Worker(handler, threads)
    try:
        if threads:
            worker.run_threads(threads)
        else:
            worker.run()
    except BrokenPipeError:
        pass    # nobody is there for the answers


if __name__ == "__main__":
    sys.exit(__doc__)
