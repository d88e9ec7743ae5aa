"""What came of every mutant."""

import collections
import pathlib
import threading
import time

from driver.build import Binary, Mutant
from driver.explained import entries
from driver.work import SLOW_TESTS, Lines, Work

# How often the lists are written anew while a run goes on, in seconds.
EVERY = 60


class Kept:
    """The results of a run: `results.jsonl`, where a mutant's last line counts, and the survivors by file."""

    def __init__(self, work: Work, mutants: list[Mutant]):
        self._work = work
        self._mutants = mutants
        self._lines = Lines(work.folder / "results.jsonl")
        self._last = {one["id"]: one for one in self._lines.found}
        self._explained = entries()
        self._written = 0.0
        self._lock = threading.Lock()

    def is_open(self, mutant: Mutant, stage: int) -> bool:
        """Whether the tests of this stage have to be tried on this mutant."""
        last = self._last.get(mutant.id)
        if mutant.left_out or mutant.package not in self._work.packages:
            return False
        return not last or (last["status"] in ("survived", "unreached") and last["stage"] < stage)

    def add(self, mutant: Mutant, stage: int, found: tuple[str, str, Binary] | None, reached_by: int,
            seconds: float) -> None:
        """What a stage says of a mutant."""
        if found:
            how, test, binary = found
            status, by = ("timeout" if how == "timeout" else "killed"), f"{binary.package} {binary.name} {test}"
        else:
            status, by = ("survived" if reached_by else "unreached"), None
        one = {"id": mutant.id, "package": mutant.package, "file": mutant.file, "line": mutant.line,
               "column": mutant.column, "function": mutant.function, "genre": mutant.genre, "change": mutant.change,
               "status": status, "by": by, "reached_by": reached_by, "stage": stage, "seconds": round(seconds, 2)}
        self._lines.add(one)
        with self._lock:
            self._last[mutant.id] = one
            due = time.monotonic() - self._written > EVERY
            if due:
                self._written = time.monotonic()
        if due:
            self.write()

    def write(self) -> None:
        """Writes the lists anew."""
        of_file = collections.defaultdict(list)
        for mutant in self._mutants:
            if mutant.package not in self._work.packages:
                continue
            of_file[(mutant.package, mutant.file)].append(mutant)
        for (package, file), mutants in of_file.items():
            folder = self._work.folder / "survivors" / package
            folder.mkdir(parents=True, exist_ok=True)
            judged = sum(1 for mutant in mutants if mutant.left_out or mutant.id in self._last)
            survivors = [mutant for mutant in mutants if self._survives(mutant)]
            alive = [mutant for mutant in survivors if not self._is_explained(mutant)]
            path = folder / (file.removesuffix(".rs").replace("/", "-") + ".txt")
            if not judged or not alive:
                path.unlink(missing_ok=True)
                continue
            explained = f", {len(survivors) - len(alive)} more are explained" if len(alive) < len(survivors) else ""
            so_far = "" if judged == len(mutants) else ", so far"
            head = f"{file}: {len(alive)} of {len(mutants)} survive{explained}{so_far}\n"
            path.write_text(head + "".join(self._line(mutant) for mutant in alive))

    def _survives(self, mutant: Mutant) -> bool:
        last = self._last.get(mutant.id)
        return not mutant.left_out and bool(last) and last["status"] in ("survived", "unreached")

    def _is_explained(self, mutant: Mutant) -> bool:
        line = self._source(mutant)
        return any(entry.explained(mutant, line) for entry in self._explained)

    def _source(self, mutant: Mutant) -> str:
        return (self._work.original / mutant.file).read_text().splitlines()[mutant.line - 1].strip()

    def _line(self, mutant: Mutant) -> str:
        last = self._last[mutant.id]
        stages = self._work.stages()[:last["stage"] + 1]
        tried = ", ".join(stage.name for number, stage in enumerate(stages)
                          if number <= SLOW_TESTS or stage.packages != [mutant.package])
        reached = f"reached by {last['reached_by']} tests" if last["reached_by"] else "reached by no test"
        head = f"{mutant.line}:{mutant.column} #{mutant.id} {mutant.change}"
        return f"\n{head}\n    {self._source(mutant)}\n    {reached} ({tried})\n"

    def summary(self) -> str:
        """A table: what came of the mutants of each package. And which changes are explained in vain: their mutant is no
        more, or a test notices it."""
        rows = []
        for package in self._work.packages:
            counted = collections.Counter(self._said(mutant) for mutant in self._mutants if mutant.package == package)
            rows.append(f"{package}: {sum(counted.values())} mutants, "
                        + ", ".join(f"{count} {status}" for status, count in sorted(counted.items())))
        if self._work.since is not None:
            # What is explained of other lines was not tried.
            return "\n".join(rows)
        survivors = [(mutant, self._source(mutant)) for mutant in self._mutants if self._survives(mutant)]
        crates = {_crate(mutant.file) for mutant in self._mutants if mutant.package in self._work.packages}
        for entry in self._explained:
            if entry.file and _crate(entry.file) in crates:
                rows += [f"explained in vain: {change}" for change in entry.vain(survivors)]
        return "\n".join(rows)

    def _said(self, mutant: Mutant) -> str:
        if mutant.left_out:
            return mutant.left_out.split(":")[0]
        if self._survives(mutant) and self._is_explained(mutant):
            return "explained"
        return self._last[mutant.id]["status"] if mutant.id in self._last else "not judged"


def _crate(file: str) -> pathlib.PurePosixPath:
    """The folder of the package that a source is of."""
    path = pathlib.PurePosixPath(file)
    return next((parent.parent for parent in path.parents if parent.name == "src"), path.parent)
