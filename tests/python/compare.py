"""Re-run scenarios against a server and compare every history with its golden file.

    python compare.py [--golden DIR] [--only NAME ...] [--address HOST:PORT]

Prints each difference as `file: path: expected X, got Y` and exits with 1 if there
is any. `allowed_differences.json` lists intended ones as objects with shell-style
patterns `file` and `path` and a `reason`; it is meant to stay short.
"""

import argparse
import asyncio
import json
import pathlib
from fnmatch import fnmatchcase

from capture import add_selection, capture
from connect import add_connection_arguments, connect, run_program

HERE = pathlib.Path(__file__).parent
ABSENT = "(absent)"


def differences(expected, actual, path: str = ""):
    """Yield (path, expected, actual) for every leaf or subtree that differs."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key in sorted(expected.keys() | actual.keys()):
            inner = f"{path}.{key}" if path else key
            yield from differences(expected.get(key, ABSENT), actual.get(key, ABSENT), inner)
    elif isinstance(expected, list) and isinstance(actual, list):
        for index in range(max(len(expected), len(actual))):
            left = expected[index] if index < len(expected) else ABSENT
            right = actual[index] if index < len(actual) else ABSENT
            yield from differences(left, right, f"{path}[{index}]")
    elif expected != actual:
        yield path, expected, actual


def event_types(history: dict) -> list[str]:
    """The event types of a history in order, without their common prefix."""
    return [event["eventType"].removeprefix("EVENT_TYPE_") for event in history.get("events", [])]


def compare_history(name: str, expected: dict, actual: dict, allowed: list[dict]) -> list[str]:
    """Describe the differences of one history that the allow-list does not cover."""
    if event_types(expected) != event_types(actual):
        return [
            f"{name}: event types: expected {' '.join(event_types(expected))},"
            f" got {' '.join(event_types(actual))}"
        ]
    return [
        f"{name}: {path}: expected {json.dumps(left)}, got {json.dumps(right)}"
        for path, left, right in differences(expected, actual)
        if not any(fnmatchcase(name, rule["file"]) and fnmatchcase(path, rule["path"]) for rule in allowed)
    ]


async def compare_scenario(client, name: str, golden: pathlib.Path, allowed: list[dict]) -> list[str]:
    """Run one scenario and describe how it differs; a failing run is a difference too."""
    try:
        captured = await asyncio.wait_for(capture(client, name), timeout=60)
    except Exception as error:  # any failure of a scenario is reported, the others still run
        return [f"{name}: scenario failed: {type(error).__name__}: {error}"]
    found = []
    for file_name, actual in captured.items():
        expected = json.loads((golden / file_name).read_text())
        found += compare_history(file_name, expected, actual, allowed)
    return found


async def main() -> int:
    """Compare the selected scenarios; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--golden", type=pathlib.Path, default=HERE.parent / "golden")
    add_selection(parser)
    add_connection_arguments(parser)
    args = parser.parse_args()
    allowed = json.loads((HERE / "allowed_differences.json").read_text())
    client = await connect(args)
    failed = 0
    for name in args.only:
        found = await compare_scenario(client, name, args.golden, allowed)
        failed += bool(found)
        print(f"{'DIFFERS' if found else 'ok':8}{name}", *found, sep="\n    ", flush=True)
    print(f"{len(args.only) - failed} of {len(args.only)} scenarios match")
    return 1 if failed else 0


if __name__ == "__main__":
    run_program(main)
