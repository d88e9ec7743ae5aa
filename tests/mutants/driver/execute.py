"""One process of tests."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from driver.build import Binary
from driver.work import Work

FAILED = re.compile(r"^test (\S+)(?: - should panic)? \.\.\. FAILED")
# A mutant that never ends may ask for memory for as long.
MEMORY = 8 << 30
# How often it is looked whether a process takes too long, in seconds.
TICK = 0.5
# The processes that run now; each is the leader of its group.
RUNNING: set[int] = set()


def end_all() -> None:
    """Ends every process that runs now."""
    for leader in list(RUNNING):
        _end(leader)


def _end(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _limit(leader: int, seconds: float, over: threading.Event, late: threading.Event) -> None:
    """Ends a process that is not over in time. A time in which everything stood still, this thread too, does not count."""
    spent, began = 0.0, time.monotonic()
    while spent < seconds:
        if over.wait(min(TICK, seconds - spent)):
            return
        now = time.monotonic()
        spent, began = spent + min(now - began, 2 * TICK), now
    late.set()
    _end(leader)


def failure(work: Work, binary: Binary, names: list[str], seconds: float, **environment: str) -> tuple[str, str] | None:
    """What went wrong first, and with which test, where that is known; None if all went well.

    A test that `failed`, a process that `crashed`, or a `timeout`.
    """
    scratch = tempfile.mkdtemp(prefix="mutants-")
    process = subprocess.Popen(
        ["prlimit", f"--as={MEMORY}", binary.path, "--exact", "--test-threads=1", *names],
        cwd=binary.folder,
        env=work.environment(TMPDIR=scratch, CARGO_MANIFEST_DIR=binary.folder, **environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    RUNNING.add(process.pid)
    over, late = threading.Event(), threading.Event()
    threading.Thread(target=_limit, args=(process.pid, seconds, over, late), daemon=True).start()
    started = names[0] if len(names) == 1 else "one of several"
    try:
        for line in process.stdout:
            if failed := FAILED.match(line):
                return "failed", failed.group(1)
        code = process.wait()
    finally:
        over.set()
        _end(process.pid)
        process.wait()
        RUNNING.discard(process.pid)
        process.stdout.close()
        shutil.rmtree(scratch, ignore_errors=True)
    if late.is_set():
        return "timeout", started
    return None if code == 0 else ("crashed", started)
