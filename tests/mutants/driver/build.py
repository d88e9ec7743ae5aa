"""One build with every mutant in it."""

import dataclasses
import json
import pathlib
import re
import shutil
import subprocess
import sys

from driver.work import HERE, ROOT, Work

# Tests keep what a property failed with beside their sources, and try it first from then on: not what a mutant made
# fail.
SEED = pathlib.Path("platform/seed/src/lib.rs")
KEPT = re.compile(r"failure_persistence: Some\(.*\),$", re.MULTILINE)

# Tests run a thousand times as often as anything is built: what is mutated, and its tests, are optimised a little.
PROFILE = [
    "profile.dev.debug=false",
    "profile.dev.opt-level=1",
    'profile.dev.lto="off"',
    'profile.dev.package."*".opt-level=0',
    "profile.dev.package.atoll-api.opt-level=0",
    "profile.dev.package.libsqlite3-sys.opt-level=0",
]

NOT_COMPILED = "not compiled"
CONSTANT = "constant"


@dataclasses.dataclass
class Mutant:
    """A change to a source, in the words of cargo-mutants, and why it cannot be run, where it cannot."""

    id: int
    package: str
    file: str
    line: int
    column: int
    genre: str
    function: str
    replacement: str
    change: str
    left_out: str | None = None


@dataclasses.dataclass(frozen=True)
class Binary:
    """An executable of tests."""

    package: str
    name: str
    path: str
    folder: str


def mutants(work: Work) -> list[Mutant]:
    """All mutants of the packages, numbered from 1, and the copies of the sources."""
    listed = work.folder / "mutants.json"
    if not listed.exists():
        _copy(work)
        found = []
        for package in work.packages:
            listing = ["cargo", "mutants", "--list", "--json", "--no-config", "-p", package, *_changed(work)]
            found += json.loads(subprocess.run(listing, cwd=work.original, check=True, stdout=subprocess.PIPE).stdout)
        listed.write_text(json.dumps(found))
    return [_mutant(number, one) for number, one in enumerate(json.loads(listed.read_text()), 1)]


def _changed(work: Work) -> list[str]:
    """What keeps a list to the lines that have changed since the commit that the run is about."""
    if work.since is None:
        return []
    diff = work.folder / "since.diff"
    with diff.open("wb") as file:
        subprocess.run(["git", "diff", work.since, "--", "*.rs"], cwd=ROOT, check=True, stdout=file)
    return ["--in-diff", str(diff)]


def _mutant(number: int, one: dict) -> Mutant:
    start = one["span"]["start"]
    return Mutant(
        id=number,
        package=one["package"],
        file=one["file"],
        line=start["line"],
        column=start["column"],
        genre=one["genre"],
        function=(one["function"] or {}).get("function_name", ""),
        replacement=one["replacement"],
        change=one["name"].split(": ", 1)[1],
    )


def _copy(work: Work) -> None:
    names = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, check=True,
                           stdout=subprocess.PIPE, text=True).stdout.split("\0")
    for copy in (work.original, work.mutated):
        shutil.rmtree(copy, ignore_errors=True)
        for name in filter(None, names):
            if (ROOT / name).is_symlink() or (ROOT / name).exists():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, copy / name, follow_symlinks=False)
    shutil.copytree(HERE / "switch", work.folder / "switch", dirs_exist_ok=True)
    for manifest in _manifests(work):
        text = manifest.read_text()
        wanted = f'[dependencies]\nmutant-switch = {{ path = "{work.folder / "switch"}" }}\n'
        manifest.write_text(text.replace("[dependencies]\n", wanted, 1))
    seed = work.mutated / SEED
    seed.write_text(KEPT.sub("failure_persistence: None,", seed.read_text()))


def _manifests(work: Work) -> list[pathlib.Path]:
    metadata = ["cargo", "metadata", "--no-deps", "--offline", "--format-version", "1"]
    found = json.loads(subprocess.run(metadata, cwd=work.mutated, check=True, stdout=subprocess.PIPE).stdout)
    return [pathlib.Path(one["manifest_path"]) for one in found["packages"] if one["name"] in work.packages]


def binaries(work: Work, mutants: list[Mutant]) -> list[Binary]:
    """The tests of all packages of the run, with the mutants in what they test. Leaves out those that do not compile.

    A build says of every error where it is, and so whose. It is tried again without those until there is none: what one
    error hid comes to light in the next try.
    """
    kept = work.folder / "left_out.json"
    left_out = {int(number): why for number, why in json.loads(kept.read_text()).items()} if kept.exists() else {}
    while True:
        for mutant in mutants:
            mutant.left_out = left_out.get(mutant.id)
        report = _rewrite(work, mutants)
        for number, why in report["unplaced"].items():
            left_out.setdefault(int(number), CONSTANT if why == "constant" else f"{NOT_COMPILED}: {why}")
        found, errors = _build(work)
        guilty, others = set(), []
        for message, places in errors:
            whose = set().union(*(_whose(report["regions"].get(file, []), at) for file, at in places))
            guilty |= whose
            left_out |= {number: f"{NOT_COMPILED}: {message}" for number in whose}
            others += [] if whose else [f"{places}: {message}"]
        if others and not guilty:
            sys.exit("errors that are no mutant's: " + "\n".join(others))
        kept.write_text(json.dumps(left_out))
        print(f"{len(errors)} errors, of {len(guilty)} mutants; {len(left_out)} left out of {len(mutants)}", flush=True)
        if not errors:
            for mutant in mutants:
                mutant.left_out = left_out.get(mutant.id)
            return found


def _rewrite(work: Work, mutants: list[Mutant]) -> dict:
    tool = work.folder / "rewriter"
    subprocess.run(["cargo", "build", "--quiet", "--locked", "--manifest-path", HERE / "rewriter/Cargo.toml",
                    "--target-dir", tool], cwd=work.folder, check=True)
    listed, report = work.folder / "to_write.json", work.folder / "written.json"
    listed.write_text(json.dumps([dataclasses.asdict(one) | {"dropped": one.left_out is not None} for one in mutants]))
    subprocess.run([tool / "debug/mutant-rewriter", listed, work.original, work.mutated, report], check=True)
    return json.loads(report.read_text())


def _build(work: Work) -> tuple[list[Binary], list[tuple[str, list[tuple[str, int]]]]]:
    """The executables, and the errors, each with where it is: a file and a byte, or several."""
    command = ["cargo", "build", "--tests", "--offline", "--keep-going", "--message-format", "json",
               "--target-dir", work.folder / "target"]
    for package in work.packages + work.then:
        command += ["-p", package]
    for setting in PROFILE:
        command += ["--config", setting]
    profile = {"CARGO_INCREMENTAL": "0", "RUSTFLAGS": "--cap-lints allow"}
    log = (work.folder / "build.log").open("a")
    built = subprocess.run(command, cwd=work.mutated, env=work.environment(**profile), stdout=subprocess.PIPE,
                           stderr=log, text=True)
    found, errors = [], []
    for line in built.stdout.splitlines():
        said = json.loads(line)
        if said["reason"] == "compiler-artifact" and said["profile"]["test"] and said.get("executable"):
            folder = pathlib.Path(said["manifest_path"]).parent
            name = "/".join([said["target"]["kind"][0], said["target"]["name"]])
            package = re.search(r'^name = "(.*)"', (folder / "Cargo.toml").read_text(), re.MULTILINE).group(1)
            found.append(Binary(package, name, said["executable"], str(folder)))
        elif said["reason"] == "compiler-message" and said["message"]["level"] == "error":
            spans = said["message"]["spans"]
            errors.append((said["message"]["message"],
                           [(span["file_name"], span["byte_start"]) for span in spans if span["is_primary"]]))
    errors = [error for error in errors if error[1]]
    if built.returncode != 0 and not errors:
        sys.exit(f"the build failed: see {work.folder / 'build.log'}")
    return sorted(found, key=lambda one: (one.package, one.name)), errors


def _whose(regions: list[dict], at: int) -> set[int]:
    """The mutants of the narrowest stretch that holds this byte."""
    around = [region for region in regions if region["start"] <= at < region["end"]]
    return set(min(around, key=lambda region: region["end"] - region["start"])["ids"]) if around else set()
