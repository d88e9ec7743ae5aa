"""The folder of a run, and what every step of it is told."""

import dataclasses
import json
import os
import pathlib
import threading

HERE = pathlib.Path(__file__).resolve().parent.parent
ROOT = HERE.parent.parent


# What a quick test takes at most, in seconds.
QUICK = 1.0
QUICK_TESTS, SLOW_TESTS = 0, 1


@dataclasses.dataclass(frozen=True)
class Stage:
    """A part of the tests."""

    packages: list[str]
    name: str


@dataclasses.dataclass(frozen=True)
class Work:
    """A run: where it keeps things, whose mutants it is about, whose tests it tries after those of their packages,
    and since which commit a line must have changed for its mutants to count (none: all do)."""

    folder: pathlib.Path
    packages: list[str]
    then: list[str]
    jobs: int
    since: str | None

    @property
    def original(self) -> pathlib.Path:
        """The sources as they were when the run began."""
        return self.folder / "original"

    @property
    def mutated(self) -> pathlib.Path:
        """The same with every mutant in them."""
        return self.folder / "mutated"

    def stages(self) -> list["Stage"]:
        """In what order tests are tried, each time on what survived so far."""
        others = [Stage([package], f"tests of {package}") for package in [*self.packages, *self.then]]
        return [Stage(self.packages, "quick tests of its own"), Stage(self.packages, "slow tests of its own"), *others]

    def environment(self, **more: str) -> dict[str, str]:
        """What a test runs with: one seed, the same for every mutant; no search for smaller failures."""
        mine = {"ATOLL_SEED": "1", "PROPTEST_MAX_SHRINK_ITERS": "0", "RUST_BACKTRACE": "0"}
        return {**os.environ, **mine, **more}


class Lines:
    """A file of JSON objects, one a line, that is only ever added to: an interrupted run goes on from there."""

    def __init__(self, path: pathlib.Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.found = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        self._file = path.open("a")
        self._lock = threading.Lock()

    def add(self, found: dict) -> None:
        with self._lock:
            self.found.append(found)
            self._file.write(json.dumps(found) + "\n")
            self._file.flush()
