"""Connection settings shared by every program in this folder.

Each program takes the same flags; the environment supplies defaults, so a test
harness may use either. The only client library used is the official SDK.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Awaitable, Callable

from temporalio.client import Client


def add_connection_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--address`, `--namespace`, `--api-key` and `--tls` to a parser."""
    env = os.environ
    parser.add_argument("--address", default=env.get("TEMPORAL_ADDRESS", "127.0.0.1:7233"))
    parser.add_argument("--namespace", default=env.get("TEMPORAL_NAMESPACE", "default"))
    parser.add_argument("--api-key", default=env.get("TEMPORAL_API_KEY"))
    parser.add_argument("--tls", action="store_true", help="connect with TLS (default: plain)")


async def connect(args: argparse.Namespace) -> Client:
    """Connect an ordinary SDK client; plain text unless `--tls` was given."""
    return await Client.connect(
        args.address,
        namespace=args.namespace,
        api_key=args.api_key or None,
        tls=args.tls,
    )


def run_program(main: Callable[[], Awaitable[int | None]]) -> None:
    """Run a program's `main` and leave with its exit code.

    The interpreter is not finalised: the SDK's native threads may still call into
    Python while it shuts down, which now and then aborts a process that succeeded.
    """
    code = asyncio.run(main()) or 0
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
