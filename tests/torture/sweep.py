# SPDX-License-Identifier: Apache-2.0
# tests/torture/sweep.py VALISE DIR BUNDLE1 BUNDLE2: called by kill-sweep.sh.
# In:    DIR/base with an empty store that trusts the key, and an empty target directory.
# Does:  traces the installation of BUNDLE2, into the empty store and over BUNDLE1, then a rollback and a gc with both there, to find
#        every call that changes a file; repeats it once per call and fault on a fresh copy; looks at what is left; runs it again
#        undisturbed; looks again.
# Out:   TAP, one line per fault and kind of call.
import concurrent.futures
import hashlib
import os
import re
import shutil
import stat
import subprocess
import sys

VALISE, DIR, ONE, TWO = sys.argv[1:5]
STEP = int(os.environ.get("VALISE_SWEEP_STEP", "1"))
CALLS = """write pwrite64 writev openat mkdir mkdirat rename renameat renameat2 unlink unlinkat symlink symlinkat link linkat
chmod fchmod fchmodat fchown fchownat ftruncate fallocate fsync fdatasync syncfs copy_file_range sendfile utimensat rmdir""".split()
ALL = ",".join("?" + c for c in CALLS)
# What differs from run to run and says nothing about wholeness.
VOLATILE = re.compile(rb'"(valise\.installed(?:-again)?|DownloadedAt|identity)": ?"[^"]*"')


def tree(top, run=b"no such text"):
    """Every entry below top: kind, mode, target or content; `run` is the worker's own path."""
    out = {}
    for at, dirs, files in os.walk(top):
        for name in dirs + files:
            path = os.path.join(at, name)
            rel = os.path.relpath(path, top)
            st = os.lstat(path)
            if name == "lock":
                continue
            if stat.S_ISLNK(st.st_mode):
                out[rel] = "link " + os.readlink(path)
            elif stat.S_ISREG(st.st_mode):
                with open(path, "rb") as f:
                    data = VOLATILE.sub(b"", f.read()).replace(run, b"RUN")
                out[rel] = "file %o %s" % (st.st_mode, hashlib.sha256(data).hexdigest())
            else:
                out[rel] = "%o" % st.st_mode
    return out


def differences(a, b):
    return ", ".join(sorted("%s: %s / %s" % (k, a.get(k), b.get(k)) for k in a.keys() | b.keys() if a.get(k) != b.get(k))[:4])


def must(result, what):
    if result[0] != 0:
        print("Bail out! %s: exit %d: %s" % (what, result[0], result[1]))
        sys.exit(1)


class Place:
    """One worker's copy of the base, always at the same path."""

    def __init__(self, top, first, cpu):
        self.cpu = str(cpu)
        self.top = os.path.join(DIR, top)
        self.first = first  # bundles that are installed before
        self.run = os.path.join(self.top, "run")
        self.conf = os.path.join(self.top, "valise.conf")
        os.makedirs(self.run)
        with open(self.conf, "w") as f:
            f.write("places:\n  - consumer: files\n    item: docs\n    path: %s/target/docs\n" % self.run)
        self.env = dict(os.environ, VALISE_CONFIG=self.conf, ASAN_OPTIONS="detect_leaks=0")
        shutil.rmtree(self.run)
        shutil.copytree(DIR + "/base", self.run, symlinks=True)
        self.look_after()
        subprocess.run(["cp", "-a", self.run, self.top + "/old"], check=True)

    def valise(self, *args, wrap=()):
        # one processor: one thread, so that counts of calls are the same each time
        cmd = ["taskset", "-c", self.cpu] + list(wrap) + [VALISE, args[0], "--store", self.run + "/store", *args[1:]]
        p = subprocess.run(cmd, env=self.env, cwd=DIR, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
        return p.returncode, (p.stderr or p.stdout).decode("utf-8", "replace").strip()

    def reset(self):
        """Back to the first bundle. The copy of the place is another directory than the one remembered: look after it."""
        subprocess.run(["rm", "-rf", self.run], check=True)
        subprocess.run(["cp", "-a", self.top + "/old", self.run], check=True)
        self.look_after()

    def look_after(self):
        for bundle in self.first:
            code, text = self.valise("unpack", bundle)
            if code != 12:  # an older one, for the second time
                must((code, text), "the first bundle and its places")

    def all(self):
        return tree(self.run, self.run.encode())

    def visible(self):
        """What consumers see: the current generation and the place outside."""
        here = os.path.realpath(self.run + "/store/current")
        return os.path.basename(here), tree(here), tree(self.run + "/target/docs")


def fault_points(log):
    """{kind: [(call, n, line)]}: the nth call of this name in its thread. Kinds: "change" a file, "read" the medium, "open"."""
    counts, out, begun = {}, {"change": [], "read": [], "open": []}, False
    for line in open(log, errors="replace"):
        m = re.match(r"(\d+) +(\w+)\((.*)", line)
        if not m or m[2] not in CALLS + ["read"]:
            continue
        begun = begun or "/run/store" in m[3]
        counts[m[1], m[2]] = counts.get((m[1], m[2]), 0) + 1
        point = (m[2], counts[m[1], m[2]], line.strip().replace(DIR, "")[:160])
        if m[2] == "read":
            if re.match(r"\d+<%s/(%s|%s)/" % (re.escape(DIR), ONE, TWO), m[3]):
                out["read"].append(point)
        elif m[2] == "openat" and begun:
            out["open"].append(point)
            if "O_CREAT" in m[3]:
                out["change"].append(point)
        elif m[2] != "openat" and not (m[2] == "write" and re.match(r"[12]<", m[3])):
            out["change"].append(point)
    return out


class Sweep:
    def __init__(self, name, first, command):
        self.command = command
        self.says = "prod %d is installed" % (1 if command[0] == "rollback" else 2)
        self.places = [Place("%s%d" % (name, i), first, i) for i in sorted(os.sched_getaffinity(0))[:4]]
        self.free = list(self.places)
        p = self.places[0]
        log = DIR + "/trace-" + name
        must(p.valise(*command, wrap=["strace", "-f", "-qq", "-y", "-o", log, "-e", "trace=read," + ALL, "-e",
                                          "signal=none"]),
             " ".join(command))
        self.points = fault_points(log)
        self.want = p.all()
        self.new = p.visible()
        p.reset()
        self.old = p.visible()
        differs = self.old[1] != self.new[1] and self.old[2] != self.new[2]
        if differs == (command[0] == "gc") or not self.points["change"] or not self.points["open"]:
            print("Bail out! it does not change what it should change in what consumers see, or nothing was traced")
            sys.exit(1)

    def judge(self, p, fault, code, text, allowed):
        """The reasons why this is not right; none: it is."""
        name, generation, target = p.visible()
        if code not in allowed:
            yield "exit %d: %s" % (code, text)
        if generation not in (self.old[1], self.new[1]):
            whole = self.old[1] if name == self.old[0] else self.new[1]
            yield "the current generation is neither old nor new: " + differences(whole, generation)
        if target not in (self.old[2], self.new[2]):
            yield "the place outside is neither old nor new: " + differences(self.new[2], target)
        # what was current long ago could not be removed: a warning, and the next run does it
        if code == 0 and "old places were not removed" not in text and p.all() != self.want:
            yield "it says done, but: " + differences(self.want, p.all())
        if code not in (0, -9, 137) and name == self.old[0] and self.command[0] != "gc" and "; store unchanged" not in text:
            yield "it does not say that the store is unchanged: " + text
        if code not in (0, -9, 137) and name != self.old[0] and self.says not in text:
            yield "it does not say: %s: %s" % (self.says, text)
        if code in (-9, 137):
            code, text = p.valise("fsck", "--all")
            if code != 0:
                yield "fsck: exit %d: %s" % (code, text)
        code, text = p.valise(*self.command)
        if code != 0:
            yield "the same command again: exit %d: %s" % (code, text)
        elif p.all() != self.want:
            yield "after the same command again: " + differences(self.want, p.all())

    def one(self, point, fault, allowed):
        call, n, line = point
        p = self.free.pop()
        try:
            p.reset()
            code, text = p.valise(*self.command, wrap=["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + call, "-e",
                                                       "signal=none", "-e", "inject=%s:%s:when=%d" % (call, fault, n)])
            return ["%s %s %d, %s\n#   %s" % (fault, call, n, line, why) for why in self.judge(p, fault, code, text, allowed)]
        finally:
            self.free.append(p)

    def all(self, kind, fault, allowed):
        results = {}
        with concurrent.futures.ThreadPoolExecutor(len(self.places)) as pool:
            # descriptors are asked for in so many places that every third will do
            step = STEP * 3 if kind == "open" else STEP
            runs = [(pt, pool.submit(self.one, pt, fault, allowed)) for pt in self.points[kind][::step]]
            for pt, run in runs:
                results.setdefault(pt[0], []).extend(run.result() or [None])
        return results


# What is done to which calls, in words, and the exit statuses that are right.
KILL = ("change", "signal=SIGKILL", "killed before", (-9, 137, 0))
ENOSPC = ("change", "error=ENOSPC", "no space at", (0, 21, 22))
EIO = ("change", "error=EIO", "I/O error at", (0, 22))
EMFILE = ("open", "error=EMFILE", "no descriptor at", (0, 23))
BAD_MEDIUM = ("read", "error=EIO", "medium unreadable at", (22,))


def main():
    count = failed = total = points = 0
    for name, first, command, faults in (
            ("over-the-old", (ONE,), ("unpack", TWO), (KILL, ENOSPC, EIO, EMFILE, BAD_MEDIUM)),
            ("from-nothing", (), ("unpack", TWO), (KILL, ENOSPC)),
            ("rollback", (ONE, TWO), ("rollback", "1"), (KILL, ENOSPC, EIO)),
            ("gc", (ONE, TWO), ("gc", "--keep", "1"), (KILL, EIO))):
        sweep = Sweep(name, first, command)
        points += sum(len(p) for p in sweep.points.values())
        for kind, fault, words, allowed in faults:
            for call, reasons in sorted(sweep.all(kind, fault, allowed).items()):
                bad = [r for r in reasons if r]
                count += 1
                total += len(reasons)
                failed += bool(bad)
                print("%sok %d - %s: %s every %s (%d)" % ("not " if bad else "", count, name, words, call, len(reasons)))
                for r in bad[:6]:
                    print("# " + r)
                sys.stdout.flush()
    print("1..%d" % count)
    print("# %d points, %d runs" % (points, total))
    sys.exit(1 if failed else 0)


main()
