"""What came of every mutant."""

import collections
import re
import threading
import time

from driver.build import Binary, Mutant
from driver.work import Lines, Work

# How often the lists are written anew while a run goes on, in seconds.
EVERY = 60
# Survivors that say nothing about the tests.
EQUIVALENT = [
    (re.compile(r"(in|replace) <impl (fmt::|std::fmt::)?(Debug|Display) for "), "words for people"),
    (re.compile(r"<impl (hash::|std::hash::)?Hash(er)? for "), "a hash need not differ"),
    (re.compile(r"\n.*(with_capacity|\.reserve)\("), "how much room is made at first"),
    (re.compile(r"\n.*(tracing::|\b(debug|info|warn|error)!\()"), "words for the log"),
    (re.compile(r"\n.*\b(histogram|counter|gauge)!\("), "a metric"),
]


class Kept:
    """The results of a run: `results.jsonl`, where a mutant's last line counts, and the survivors by file."""

    def __init__(self, work: Work, mutants: list[Mutant]):
        self._work = work
        self._mutants = mutants
        self._lines = Lines(work.folder / "results.jsonl")
        self._last = {one["id"]: one for one in self._lines.found}
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
            last = [self._last.get(mutant.id) for mutant in mutants]
            judged = sum(1 for one, mutant in zip(last, mutants) if one or mutant.left_out)
            alive = [one for one in last if one and one["status"] in ("survived", "unreached")]
            path = folder / (file.removesuffix(".rs").replace("/", "-") + ".txt")
            if not judged or not alive:
                path.unlink(missing_ok=True)
                continue
            so_far = "" if judged == len(mutants) else ", so far"
            head = f"{file}: {len(alive)} of {len(mutants)} survive{so_far}\n"
            path.write_text(head + "".join(self._line(one) for one in alive))

    def _line(self, one: dict) -> str:
        source = (self._work.original / one["file"]).read_text().splitlines()[one["line"] - 1].strip()
        notes = [reason for pattern, reason in EQUIVALENT if pattern.search(f"{one['change']}\n{source}")]
        stages = self._work.stages()[:one["stage"] + 1]
        tried = ", ".join(stage.name for stage in stages if stage.packages != [one["package"]])
        reached = f"reached by {one['reached_by']} tests" if one["reached_by"] else "reached by no test"
        equivalent = f"    equivalent?: {notes[0]}\n" if notes else ""
        head = f"{one['line']}:{one['column']} #{one['id']} {one['change']}"
        return f"\n{head}\n    {source}\n    {reached} ({tried})\n{equivalent}"

    def summary(self) -> str:
        """A table: what came of the mutants of each package."""
        rows = []
        for package in self._work.packages:
            counted: collections.Counter = collections.Counter()
            for mutant in self._mutants:
                if mutant.package == package:
                    last = self._last.get(mutant.id)
                    left_out = mutant.left_out and mutant.left_out.split(":")[0]
                    counted[left_out or (last["status"] if last else "not judged")] += 1
            rows.append(f"{package}: {sum(counted.values())} mutants, "
                        + ", ".join(f"{count} {status}" for status, count in sorted(counted.items())))
        return "\n".join(rows)
