"""Soak a results folder in kills, damage and company until the time is over; the seed repeats what is struck."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.soak.trials import Trials

TRIALS = ("crowd", "flips", "kills", "kills_of_commands")


def main() -> None:
    """Run the trials in turn."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=15, help="how long [%(default)s]; 0: each trial once")
    parser.add_argument("--seed", type=int, default=random.randrange(2**32), help="what is struck, and when")
    parser.add_argument("--only", action="append", choices=TRIALS, help="this trial alone; repeatable")
    parser.add_argument("--seeds", type=int, default=3, help="attacker seeds, with six cells each [%(default)s]")
    given = parser.parse_args()
    say(f"seed {given.seed}")
    ends = time.monotonic() + 60 * given.minutes
    root = Path(tempfile.mkdtemp(prefix="uebench-soak-"))
    trials = Trials(root, random.Random(given.seed), given.seeds)
    try:
        while True:
            for trial in given.only or TRIALS:
                getattr(trials, trial)()
            say(", ".join(f"{count} {what}" for what, count in trials.counts.items()))
            if time.monotonic() >= ends:
                break
        shutil.rmtree(root)
    except BaseException:
        say(f"stopped with seed {given.seed}; {root} shows how it was left")
        raise


def say(line: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
