#!/usr/bin/env python3
"""Any sequence of rotations beside a sidecar that is killed, compared with a model of the output.

    model.py PROGRAM SEED COUNT      (COUNT sequences, from this seed on; as root also with a full disk)

A program writes one text, cut anywhere: in lines, in container records, in secrets. Between two
pieces the log is renamed, copied and truncated, or its link is changed; rotated files are
compressed; the disk of the sink is full; the sidecar is killed and restarted. Then:

- no byte of the secret is in the output (no other text uses its letters);
- the output of each sidecar is a stretch of the masked text, without a gap after the previous one:
  it may begin earlier, because output may repeat after a kill, and never later;
- line ends do not count: they separate the two halves of a line across two files.
"""
import gzip, hashlib, json, os, random, shutil, signal, subprocess, sys, tempfile, time

SECRET = "QWZXJVKYQWPZKXVJHGQZ"
MASK = "[redacted:tok]"
PATIENCE = int(os.environ.get("PATIENCE", "60"))


def line(rng, number):
    secret = rng.choice(["", f" {SECRET}", f" {SECRET} {SECRET}", f"={SECRET};"])
    return f"{number:06}{secret} end {number:06}"


def text(rng, form, count):
    """The written text, and the expected output."""
    lines = [line(rng, number) for number in range(count)]
    if form == "plain":
        written = "".join(text + "\n" for text in lines)
        return written, written.replace(SECRET, MASK)
    # Each line in one to three records; the mask is in the record in which its secret begins.
    written, given = [], []
    for text in lines:
        cuts = sorted(rng.sample(range(1, len(text)), rng.choice([0, 0, 1, 2])))
        masked, at = {}, 0
        while (at := text.find(SECRET, at)) >= 0:
            masked[at] = MASK
            masked.update((place, "") for place in range(at + 1, at + len(SECRET)))
            at += len(SECRET)
        bounds = [0, *cuts, len(text)]
        for start, end in zip(bounds, bounds[1:]):
            said = "".join(masked.get(place, text[place]) for place in range(start, end))
            is_last = end == len(text)
            for into, part in ((written, text[start:end]), (given, said)):
                if form == "cri":
                    into.append(f"2026-11-28T14:47:34.{len(into):06}+00:00 stdout {'F' if is_last else 'P'} {part}\n")
                else:
                    into.append('{"log":"%s%s","stream":"stdout","time":"%06d"}\n' % (part, "\\n" if is_last else "", len(into)))
    return "".join(written), "".join(given)


class Sequence:
    def __init__(self, program, seed, root, disk):
        self.program, self.seed, self.rng, self.root = program, seed, random.Random(seed), root
        self.form = self.rng.choice(["plain", "plain", "cri", "docker"])
        self.release = self.rng.choice(["line", "line", "exact"]) if self.form == "plain" else "line"
        self.is_link = self.rng.random() < 0.3
        self.pattern = "a.log*" if not self.is_link and self.rng.random() < 0.3 else "a.log"
        self.disk = disk
        self.sink = os.path.join(disk or root, f"out{seed}")
        self.text, self.wanted = text(self.rng, self.form, self.rng.randint(5, 25))
        # One naming scheme for each log: only names of one kind order the files of one tick.
        self.shift = self.rng.random() < 0.5
        self.at, self.number, self.done, self.kills, self.child = 0, 0, [], [], None
        self.packed = 0
        for name in ("s", "st", "v0", "v1"):
            os.mkdir(os.path.join(root, name), 0o700)
        self.where = 0
        if self.is_link:
            os.symlink("v0", os.path.join(root, "cur"))
        with open(os.path.join(root, "s/tok"), "w") as file:
            file.write(SECRET)
        directory = "cur" if self.is_link else "v0"
        with open(os.path.join(root, "h.yaml"), "w") as file:
            file.write(
                f"secrets:\n  secret_files: [{root}/s]\noptions:\n  mask: '[redacted:{{name}}]'\nstreams:\n  - name: app\n    source: {{ files: '{root}/{directory}/{self.pattern}' }}\n"
                f"    sink: {{ file: {self.sink} }}\n    release: {self.release}\n    format: {self.form}\nstate: {root}/st\n")
        self.file = open(self.log(), "a")

    def log(self):
        return os.path.join(self.root, f"v{self.where}", "a.log")

    def start(self):
        if self.child is None:
            self.child = subprocess.Popen([self.program, "sidecar", "--quiet", "--config", os.path.join(self.root, "h.yaml")],
                                          stdin=subprocess.DEVNULL, stderr=open(os.path.join(self.root, "said"), "a"))

    def stop(self, how):
        if self.child is not None:
            self.child.send_signal(how)
            self.child.wait()
            self.child = None
            self.kills.append(self.size())
            places = os.path.join(self.root, "st/checkpoints.json")
            if os.path.exists(places):
                shutil.copy(places, os.path.join(self.root, f"places{len(self.kills)}"))

    def size(self):
        return os.path.getsize(self.sink) if os.path.exists(self.sink) else 0

    def append(self, file=None):
        end = min(len(self.text), self.at + self.rng.choice([1, 5, 10, 20, 40, 80, 200]))
        file = file or self.file
        file.write(self.text[self.at:end])
        file.flush()
        self.at = end

    def rotated(self):
        """The log's next name."""
        log = self.log()
        self.number += 1
        if not self.shift:
            return f"{log}.2026{self.number:04}"
        for number in range(self.number, 0, -1):
            if os.path.exists(f"{log}.{number}"):
                os.rename(f"{log}.{number}", f"{log}.{number + 1}")
        return f"{log}.1"

    def rename(self):
        old, name = self.file, self.rotated()
        os.rename(self.log(), name)
        if self.rng.random() < 0.5:
            # Its writer continues with it for a moment, before or after there is another one.
            if self.rng.random() < 0.5:
                open(self.log(), "a").close()
            self.append(old)
            self.pause()
        old.close()
        self.file = open(self.log(), "a")

    def copytruncate(self):
        # Content truncated before the sidecar reads it is lost: nothing distinguishes its copy from
        # other files.
        time.sleep(0.1)
        shutil.copyfile(self.log(), self.rotated())
        os.truncate(self.log(), 0)
        time.sleep(0.1)

    def turn(self):
        if not self.is_link:
            return self.append()
        self.file.close()
        rename = os.path.exists(os.path.join(self.root, f"v{1 - self.where}", "a.log"))
        self.where = 1 - self.where
        if rename:
            os.rename(self.log(), self.rotated())
        self.file = open(self.log(), "a")
        os.symlink(f"v{self.where}", os.path.join(self.root, "next"))
        os.rename(os.path.join(self.root, "next"), os.path.join(self.root, "cur"))

    def pack(self):
        """Compresses rotated files once their text has been emitted: otherwise it would be lost."""
        if self.child is None or not self.text[:self.at].endswith("\n") or not self.is_out(1):
            return
        # A sidecar killed before its positions are saved would find neither the file nor a record
        # of its output.
        self.packed = time.time()
        for where in ("v0", "v1"):
            for name in os.listdir(os.path.join(self.root, where)):
                path = os.path.join(self.root, where, name)
                if name != "a.log" and not name.endswith(".gz"):
                    with open(path, "rb") as file, gzip.open(path + ".gz", "wb") as packed:
                        packed.write(file.read())
                    os.remove(path)

    def fill(self):
        if self.disk is None:
            return self.append()
        ballast = os.path.join(self.disk, "ballast")
        try:
            with open(ballast, "wb", buffering=0) as file:
                while True:
                    file.write(b"0" * 4096)
        except OSError:
            pass
        for _ in range(3):
            self.append()
            self.pause()
        os.remove(ballast)

    def pause(self):
        time.sleep(self.rng.choice([0, 0, 0.002, 0.01, 0.05]))

    def is_out(self, patience):
        """Whether all written text has been emitted, except for an unfinished line."""
        end = self.text.rfind("\n", 0, self.at)
        if end < 0:
            return True
        last = self.text[self.text.rfind("\n", 0, end) + 1:end]
        if self.form == "plain":
            last = last.replace(SECRET, MASK)[-10:]
        else:
            # By its time or number, and only if its line has ended.
            last = last.split(" ")[0] if self.form == "cri" else last[-20:]
            if ' P ' in self.text[self.text.rfind("\n", 0, end) + 1:end] or self.form == "docker" and '\\n","stream' not in self.text[self.text.rfind("\n", 0, end) + 1:end]:
                return False
        until = time.time() + patience
        while time.time() < until:
            if os.path.exists(self.sink) and last in open(self.sink, encoding="latin-1").read():
                return True
            time.sleep(0.005)
        return False

    def run(self):
        # A file rotated before the sidecar followed the log belongs to no log.
        self.start()
        self.append()
        while not self.has_place(0):
            time.sleep(0.01)
        steps = [self.append] * 8 + [self.rename] * 3 + [self.copytruncate] * 2 + [self.turn, self.pack, self.fill]
        trace = []
        while self.at < len(self.text):
            if self.rng.random() < 0.06:
                how = self.rng.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
                trace.append(how.name if self.child else "start")
                if self.child and how == signal.SIGKILL:
                    time.sleep(max(0, self.packed + 1.2 - time.time()))
                self.stop(how) if self.child else self.start()
            # The copy of an unread file looks like any other file. A file that was read is known
            # after a moment.
            step = self.rng.choice(steps)
            if step == self.copytruncate and self.pattern != "a.log":
                step = self.rename
            # Nor a directory that a link led to between two looks.
            if step == self.turn and self.is_link and not (self.child and self.is_seen()):
                step = self.append
            if step == self.copytruncate and not (self.child and self.is_seen() and self.is_telling()):
                step = self.append
            trace.append(f"{step.__name__}@{self.at}")
            step()
            self.pause()
        self.start()
        until = time.time() + PATIENCE
        while (problem := self.problem()) and time.time() < until and not problem.startswith("leak"):
            time.sleep(0.02)
        self.stop(signal.SIGTERM)
        problem = self.problem()
        if problem:
            keep = tempfile.mkdtemp(prefix="sequence")
            shutil.copytree(self.root, os.path.join(keep, "root"), symlinks=True)
            if os.path.exists(self.sink):
                shutil.copy(self.sink, keep)
            print(f"seed {self.seed} ({self.form}, {self.release}, {self.pattern}, link {self.is_link}): {problem}\n  {' '.join(trace)}\n  kept in {keep}, ends {self.kills}")
        if os.path.exists(self.sink):
            os.remove(self.sink)
        return problem is None

    def is_seen(self):
        """Whether a sidecar knows the current file: it has read the content, or will find it."""
        if self.child is None or not os.path.getsize(self.log()):
            return self.has_place()
        until = time.time() + 1.5
        while time.time() < until:
            if self.has_place():
                return True
            time.sleep(0.02)
        return False

    def is_telling(self):
        """Whether the beginning of the content changes with a truncation."""
        with open(self.log()) as file:
            return not self.text[self.at:].startswith(file.read())

    def has_place(self, least=1):
        """Whether the sidecar has recorded the beginning of the log."""
        try:
            places = open(os.path.join(self.root, "st/checkpoints.json")).read()
        except OSError:
            return False
        stat = os.stat(self.log())
        with open(self.log(), "rb") as file:
            head = file.read(1024)
        for place in json.loads(places)["files"]:
            if place["inode"] == stat.st_ino and place["head_len"] >= least:
                # All of its beginning: new content may have the same first bytes.
                return not least or (place["head_len"], place["head"]) == (len(head), hashlib.sha256(head).hexdigest()[:32])
        return False

    def problem(self):
        if not os.path.exists(self.sink):
            return "lost: nothing came out"
        with open(self.sink, encoding="latin-1") as file:
            out = file.read()
        shown = [letter for letter in out.replace(MASK, "") if letter in SECRET]
        if self.form == "cri":
            shown = [letter for letter in out.replace(MASK, "").replace(" F ", "").replace(" P ", "").replace("T", "") if letter in SECRET]
        if shown:
            return f"leak: {''.join(shown)} came out"
        wanted, reached, start = self.wanted.replace("\n", ""), 0, 0
        for end in [*self.kills, len(out)]:
            part, start = out[start:end].replace("\n", ""), end
            at = wanted.rfind(part, 0, reached + len(part))
            if at < 0:
                return f"lost or damaged: {part[:300]!r} does not follow {wanted[max(0, reached - 60):reached]!r}"
            reached = max(reached, at + len(part))
        return None if reached == len(wanted) else f"lost: all from {wanted[reached:reached + 80]!r} on"


def main():
    program, seed, count = os.path.abspath(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    failed = 0
    disk = None
    with tempfile.TemporaryDirectory(prefix="rotations") as base:
        if os.geteuid() == 0:
            disk = os.path.join(base, "disk")
            os.mkdir(disk)
            mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True)
            disk = disk if mounted.returncode == 0 else None
        try:
            for number in range(seed, seed + count):
                with tempfile.TemporaryDirectory(dir=base) as root:
                    failed += not Sequence(program, number, root, disk).run()
        finally:
            if disk:
                subprocess.run(["umount", "-l", disk])
    print(f"{count} sequences from seed {seed} on, {failed} failed" + ("" if disk else "; without a full disk"))
    sys.exit(1 if failed else 0)


main()
