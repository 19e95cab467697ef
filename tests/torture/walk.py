# SPDX-License-Identifier: Apache-2.0
# tests/torture/walk.py VALISE DIR SEED STEPS: called by store-walk.sh.
# In:    bundles DIR/CHANNEL-SEQUENCE, an empty store that trusts their key.
# Does:  random commands; after each the store must be what the model says, for the channels and for who reads their places.
# Out:   TAP.
import json
import os
import random
import subprocess
import sys

VALISE, DIR, SEED, STEPS = sys.argv[1:5]
STORE = os.environ["VALISE_STORE"]
BUNDLES = {"prod": 4, "lab": 3}
rnd = random.Random(int(SEED))


class Model:
    def __init__(self):
        self.generations = []  # {channel: sequence}, ascending; the last one is current
        self.high = {}

    def now(self):
        return self.generations[-1] if self.generations else {}

    def move(self, channel, sequence):
        if self.now().get(channel) != sequence:
            self.generations.append({**self.now(), channel: sequence})

    def unpack(self, channel, sequence):
        if sequence < self.high.get(channel, 0):
            return 12
        self.high[channel] = sequence
        self.move(channel, sequence)
        return 0

    def rollback(self, channel, sequence):
        held = sorted({g[channel] for g in self.generations if channel in g})
        if channel not in self.now():
            return 2
        if sequence is None:
            older = [s for s in held if s < self.now()[channel]]
            sequence = older[-1] if older else None
        if sequence not in held:
            return 2
        self.move(channel, sequence)
        return 0

    def gc(self, keep):
        self.generations = self.generations[-keep:]
        return 0


def valise(*args):
    p = subprocess.run([VALISE, *args], cwd=DIR, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    return p.returncode, p.stdout.decode(), p.stderr.decode()


def read(path):
    try:
        with open(path) as f:
            return f.read().strip()
    except OSError:
        return None


def blobs():
    return len(os.listdir(STORE + "/blobs/sha256")) if os.path.isdir(STORE + "/blobs/sha256") else 0


def gc_wrong(keep, report):
    """What is said beforehand is what is done; what is done is all that there is to do."""
    plan, done = json.loads(report), json.loads(valise("--json", "gc", "--keep", str(keep))[1])
    plan["dry-run"] = False
    if plan != done:
        yield "gc -n says %s, gc does %s" % (plan, done)
    if blobs() != done["kept-blobs"]:
        yield "%d blobs are there, %d were to be kept" % (blobs(), done["kept-blobs"])


def wrong(model):
    now = model.now()
    for channel in BUNDLES:
        want = "%s %d" % (channel, now[channel]) if channel in now else None
        if read("%s/current/places/%s/files/docs/a" % (STORE, channel)) != want:
            yield "the place of %s does not show %s" % (channel, want)
    if "prod" in now and read(DIR + "/target/a") != "prod %d" % now["prod"]:
        yield "the place outside shows %s" % read(DIR + "/target/a")
    code, text, err = valise("--json", "log")
    held = {}
    for line in map(json.loads, text.splitlines()):
        if line["type"] == "generation":
            held.setdefault(line["generation"], {})[line["channel"]] = line["sequence"]
    if [held[n] for n in sorted(held)] != model.generations:
        yield "the store holds %s, the model %s" % ([held[n] for n in sorted(held)], model.generations)


def command(model):
    """What to type, and what must come of it."""
    channel = rnd.choice(sorted(BUNDLES))
    sequence = rnd.randint(1, BUNDLES[channel])
    kind = rnd.choice(["unpack", "unpack", "unpack", "rollback", "rollback", "gc", "fsck"])
    if kind == "unpack":
        return ["unpack", "%s-%d" % (channel, sequence)], model.unpack(channel, sequence)
    if kind == "rollback":
        to = rnd.choice([None, sequence])
        return ["rollback", "-c", channel] + ([str(to)] if to else []), model.rollback(channel, to)
    if kind == "gc":
        keep = rnd.randint(1, 4)
        return ["--json", "gc", "-n", "--keep", str(keep)], model.gc(keep)
    return ["fsck", "--all"], 0


def main():
    model, count, failed = Model(), 0, 0
    valise("unpack", "lab-1")
    model.unpack("lab", 1)
    for step in range(int(STEPS)):
        args, want = command(model)
        code, out, err = valise(*args)
        bad = [] if code == want else ["exit %d, not %d: %s" % (code, want, err)]
        if "gc" in args:
            bad += gc_wrong(int(args[-1]), out)
        bad += wrong(model)
        count += 1
        failed += bool(bad)
        print("%sok %d - %s: %d" % ("not " if bad else "", count, " ".join(args), want))
        for b in bad:
            print("# " + b)
        if failed > 3:
            break
    print("1..%d" % count)
    sys.exit(failed > 0)


main()
