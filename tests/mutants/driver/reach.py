"""Which mutants each test comes by, and how long the test takes."""

import array
import dataclasses
import concurrent.futures
import pathlib
import subprocess
import tempfile
import time

from driver.build import Binary
from driver.execute import failure
from driver.work import Lines, Work


@dataclasses.dataclass(frozen=True)
class Test:
    """A test that passes without a mutant."""

    binary: Binary
    name: str
    seconds: float
    reached: frozenset[int]


def tests(work: Work, binaries: list[Binary], longest: float) -> list[Test]:
    """All tests of these, each run by itself. Those that fail, or take longer, are left out, and named."""
    lines = Lines(work.folder / "reach.jsonl")
    known = {(one["package"], one["binary"], one["test"]): one for one in lines.found}
    wanted = [(binary, name) for binary in binaries for name in _names(work, binary)]

    def look(of: tuple[Binary, str]) -> dict:
        binary, name = of
        key = (binary.package, binary.name, name)
        if key not in known or (known[key]["failure"] == "timeout" and known[key]["seconds"] < longest):
            known[key] = _look(work, binary, name, longest)
            lines.add(known[key])
        return known[key]

    with concurrent.futures.ThreadPoolExecutor(work.jobs) as pool:
        looks = list(pool.map(look, wanted))
    found = []
    for (binary, name), one in zip(wanted, looks):
        if one["failure"]:
            print(f"left out: {binary.package} {binary.name} {name}: {one['failure']}", flush=True)
        else:
            found.append(Test(binary, name, one["seconds"], frozenset(one["reached"])))
    return found


def _names(work: Work, binary: Binary) -> list[str]:
    listed = subprocess.run([binary.path, "--list", "--format", "terse"], cwd=binary.folder, env=work.environment(),
                            check=True, stdout=subprocess.PIPE, text=True).stdout
    ignored = subprocess.run([binary.path, "--list", "--format", "terse", "--ignored"], cwd=binary.folder,
                             env=work.environment(), check=True, stdout=subprocess.PIPE, text=True).stdout
    skipped = set(ignored.splitlines())
    tests = [line for line in listed.splitlines() if line.endswith(": test") and line not in skipped]
    return [line.removesuffix(": test") for line in tests]


def _look(work: Work, binary: Binary, name: str, longest: float) -> dict:
    """Runs a test twice: to time it, and to see what it comes by."""
    began = time.monotonic()
    wrong = failure(work, binary, [name], longest)
    seconds = time.monotonic() - began
    reached: list[int] = []
    if not wrong:
        with tempfile.TemporaryDirectory(prefix="mutants-reach-") as folder:
            file = pathlib.Path(folder) / "reach"
            wrong = failure(work, binary, [name], 5 * longest, MUTANT_REACH=str(file))
            if file.exists():
                numbers = array.array("I")
                numbers.frombytes(file.read_bytes())
                reached = sorted(set(numbers))
    return {"package": binary.package, "binary": binary.name, "test": name, "seconds": round(seconds, 3),
            "failure": wrong and wrong[0], "reached": reached}
