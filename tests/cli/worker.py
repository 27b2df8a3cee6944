"""What serve is to a program of --worker, for tests of the helpers: sends
requests down its standard input and reads its answers, by the text of
muxctl-serve(1) only.

    worker.py SCENARIO PROGRAM [ARG]...

It prints what came out otherwise than it should; the status is 0 if nothing
did.  Programs: "cat" answers the body, "show" method and arguments, "code" the
status in its first argument, and so on: see worker_helpers.bats.
"""

import os
import subprocess
import sys

BODIES = [b"", b"a", b"\n", b"\0", b"a\0", b"\0b", b"\0\0\0", b"a\0b\nc\0",
          b"\n\n", b"  blanks\t ", "grüße €\n".encode(), b"\xff\xfe\x80",
          b"1 0 5\nhello", b"7 cancel\n", b"-n", b"-e", b"%s %d\\n", b"\\",
          bytes(range(256)), b"x" * 4095, b"x" * 4096, b"x" * 4097,
          b"\n" * 5000, b"y\0" * 3000]
BODIES.append(os.urandom(1 << 20))
BODIES.append(b"0123456789abcdef" * 65536)
TEXTS = [b for b in BODIES if b"\0" not in b]

wrong = []


def check(what, got, want):
    if got != want:
        wrong.append("%s: got %.100r, want %.100r" % (what, got, want))


class Program:
    def __init__(self, argv):
        self.p = subprocess.Popen(argv, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        self.n = 0

    def send(self, body=b"", args=(), method=b"m", ms=0):
        """Its id."""
        self.n += 1
        text = b"%d %d %d %d %d\n" % (self.n, len(args), len(method),
                                      len(body), ms)
        for a in args:
            text += b"%d\n%b" % (len(a), a)
        self.p.stdin.write(text + method + body)
        return self.n

    def cancel(self, id):
        self.p.stdin.write(b"%d cancel\n" % id)

    def answer(self):
        """(id, status, body), or None at the end."""
        self.p.stdin.flush()
        line = self.p.stdout.readline()
        if not line:
            return None
        id, status, length = map(int, line.split())
        assert line == b"%d %d %d\n" % (id, status, length), line
        return id, status, self.p.stdout.read(length)

    def call(self, *args, **named):
        id = self.send(*args, **named)
        got = self.answer()
        check("the id", got and got[0], id)
        return got and got[1:]

    def end(self):
        self.p.stdin.close()
        check("after its input", self.p.stdout.read(), b"")
        return self.p.wait()


def bodies(p, which=BODIES):
    for b in which:
        check("body of %d" % len(b), p.call(b), (0, b))
    # In one go: nothing of one is taken for another's.  Small ones, so that
    # neither side has to wait for the other to read.
    small = [b for b in which if len(b) < 300]
    ids = [p.send(b) for b in small]
    got = sorted(p.answer() for _ in ids)
    check("in one go", got, [(i, 0, b) for i, b in zip(ids, small)])
    check("its end", p.end(), 0)


def texts(p):
    for b in BODIES:
        if b"\0" in b:
            check("no text of %d" % len(b), p.call(b), (65, b""))
    bodies(p, TEXTS)


def show(p):
    """Answers the method and each argument, with a newline after each."""
    for method in b"m", b"", b"two words", b"-n", "ö\n".encode(), b"x" * 300:
        check("method", p.call(b"body", (), method), (0, method + b"\n"))
    for args in (b"",), (b"a b", b"", b"-e", b"*", b"\xff"), (b"\n", b"7\n"):
        check("arguments", p.call(b"a\0b", args),
              (0, b"m\n" + b"".join(a + b"\n" for a in args)))
    many = [b"%d" % i for i in range(1000)]
    check("many", p.call(b"", many), (0, b"m\n" + b"\n".join(many) + b"\n"))
    check("its end", p.end(), 0)


def code(p):
    """Says "no" to standard error and returns its argument."""
    for n in 0, 1, 7, 123, 255:
        check("status", p.call(b"", (b"%d" % n,)), (n, b""))
    check("its end", p.end(), 0)


def thousand(p):
    ids = [p.send(b"body %d" % i) for i in range(1000)]
    got = sorted(p.answer() for _ in ids)
    check("answers", got, [(id, 0, b"body %d" % i)
                           for i, id in enumerate(ids)])
    check("its end", p.end(), 0)


def cancel(p):
    """One that is cancelled is answered, and disturbs no other."""
    first, second = p.send(b"1"), p.send(b"2")
    p.cancel(second)
    p.cancel(second)
    p.cancel(99)
    third = p.send(b"3")
    got = sorted(p.answer() for _ in range(3))
    check("ids", [g[0] for g in got], [first, second, third])
    check("those that were not", [got[0][2], got[2][2]], [b"1", b"3"])
    check("its end", p.end(), 0)


def notice(p):
    """Opens "started", answers when it is cancelled, and how many calls that
    was."""
    os.mkfifo("started")
    id = p.send(b"wait")
    p.p.stdin.flush()
    open("started").close()
    p.cancel(id)
    check("told", p.answer()[0], id)
    check("seen", p.call(b"count"), (0, b"1"))
    check("its end", p.end(), 0)


def later(p):
    """Calls "wait" until another one comes: needs two at once."""
    first = p.send(b"wait")
    second = p.send(b"go")
    got = sorted(p.answer() for _ in range(2))
    check("both", got, [(first, 0, b"waited"), (second, 0, b"gone")])
    check("its end", p.end(), 0)


def crash(p):
    check("before", p.call(b"fine"), (0, b"fine"))
    p.send(b"die")
    p.send(b"never")
    check("no answer", p.answer(), None)
    check("its end", p.p.wait(), 3)


def deadline(p):
    """Answers what is left of it, in milliseconds; none is 0."""
    check("none", p.call(ms=0), (0, b"0"))
    status, body = p.call(ms=60000)
    check("some", (status, 50000 < int(body) <= 60000), (0, True))
    check("its end", p.end(), 0)


def cut(p):
    """Half a request is not one."""
    p.p.stdin.write(b"1 0 1 10 0\nmhalf")
    check("its end", p.end(), 0)


if __name__ == "__main__":
    globals()[sys.argv[1]](Program(sys.argv[2:]))
    print("\n".join(wrong))
    sys.exit(bool(wrong))
