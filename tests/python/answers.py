"""Files of answers to single calls, by how they are collected and compared."""

import argparse
import json
import pathlib
from collections.abc import Awaitable, Callable

from temporalio.client import Client

from connect import add_connection_arguments, connect
from difference import differences

Collect = Callable[[Client], Awaitable[dict]]


async def dump(description: str, collect: Collect) -> int:
    """Make every call, write the file, compare it if asked; return the exit code."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--golden", type=pathlib.Path)
    add_connection_arguments(parser)
    args = parser.parse_args()
    found = await collect(await connect(args))
    args.output.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    print(f"{sum(len(value) for value in found.values())} values of {len(found)} entries")
    if not args.golden:
        return 0
    different = list(differences(json.loads(args.golden.read_text()), found))
    for path, expected, actual in different:
        print(f"{path}: expected {json.dumps(expected)}, got {json.dumps(actual)}")
    return 1 if different else 0
