"""``python -m benchmarks``: measure, each benchmark in a fresh process, one after the other."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import suite
from benchmarks.processes import fresh


def main(words: list[str] | None = None, package: str = "benchmarks") -> int:
    """Run the named benchmarks, keep their figures beside those of the others, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure speed, cost and memory.")
    known = suite.names(package)
    parser.add_argument("name", nargs="*", help=f"{', '.join(known)}; all if left out")
    parser.add_argument("--quick", action="store_true", help="does it run? no conclusions")
    parser.add_argument("--out", type=Path, default=Path("results/bench.json"), help="the figures [%(default)s]")
    parser.add_argument("--page", type=Path, default=Path("benchmarks/README.md"), help="their tables [%(default)s]")
    given = parser.parse_args(words)
    for name in given.name:
        if name not in known:
            parser.error(f"unknown benchmark {name!r}; there are {', '.join(known)}")
    failed, new = False, {}
    for name in given.name or known:
        _note(f"{name} ...")
        try:
            new[name] = fresh(suite.run, f"{package}.{name}", given.quick)
        except Exception as error:
            failed = True
            _note(f"{name} failed: {type(error).__name__}: {' '.join(str(error).split())}")
            continue
        figures = suite.read(given.out) | new
        suite.write(given.out, {name: figures[name] for name in known if name in figures})
    if new:
        suite.pictures(package, new, given.page.parent)
        given.page.write_text(suite.put_tables(given.page.read_text(), package, suite.read(given.out)))
    return int(failed)


def _note(message: str) -> None:
    sys.stderr.write(f"benchmarks: {message}\n")


if __name__ == "__main__":
    sys.exit(main())
