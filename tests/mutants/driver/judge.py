"""Running tests on every mutant until one of them notices."""

import collections
import concurrent.futures
import itertools
import threading
import time

from driver.build import Mutant
from driver.execute import failure
from driver.reach import Test
from driver.report import Kept
from driver.work import QUICK, QUICK_TESTS, SLOW_TESTS, Work

# What is run in one process, in seconds of tests: few at first, since most mutants are noticed at once. The last one
# counts for all that follow.
PORTIONS = [0.3, 1.0, 4.0]
# A mutant is given up as one that never ends after this, or after so many times what its tests take without one.
SECONDS, TIMES = 10.0, 5.0
# Of the tests that noticed mutants of the same function, how many are tried before all others.
FIRST = 3


def judge(work: Work, mutants: list[Mutant], tests: list[Test], stage: int, kept: Kept) -> None:
    """Tries the tests of this stage on every mutant that none of another has noticed so far."""
    reaching = collections.defaultdict(list)
    for test in tests:
        for number in test.reached:
            reaching[number].append(test)
    packages = work.stages()[stage].packages

    def tried(mutant: Mutant, test: Test) -> bool:
        if stage > SLOW_TESTS:
            return test.binary.package in packages
        return test.binary.package == mutant.package and (test.seconds < QUICK) == (stage == QUICK_TESTS)

    waiting = [mutant for mutant in mutants if kept.is_open(mutant, stage)
               and (mutant.package in packages if stage <= SLOW_TESTS else mutant.package not in packages)]
    # Whole files, the shortest lists first: what survives in a file is known early.
    sizes = collections.Counter(mutant.file for mutant in mutants)
    waiting.sort(key=lambda mutant: (work.packages.index(mutant.package), sizes[mutant.file], mutant.file, mutant.id))
    noticed: dict[tuple[str, str], collections.Counter] = collections.defaultdict(collections.Counter)
    lock = threading.Lock()

    def one(mutant: Mutant) -> None:
        all_reaching = reaching[mutant.id]
        its = [test for test in all_reaching if tried(mutant, test)]
        function = (mutant.file, mutant.function)
        with lock:
            first = [test for test, _ in noticed[function].most_common(FIRST)]
        began = time.monotonic()
        found = None
        for portion in _portions(its, first):
            limit = max(SECONDS, TIMES * sum(test.seconds for test in portion))
            found = failure(work, portion[0].binary, [test.name for test in portion], limit, MUTANT=str(mutant.id))
            if found:
                break
        if found:
            with lock:
                noticed[function].update(test for test in portion if test.name == found[1])
        kept.add(mutant, stage, found and (*found, portion[0].binary), len(all_reaching), time.monotonic() - began)

    with concurrent.futures.ThreadPoolExecutor(work.jobs) as pool:
        for _ in pool.map(one, waiting):
            pass


def _portions(tests: list[Test], first: list[Test]):
    """The tests in the order in which they are tried, those of one process together: quick ones first."""
    left = set(tests)
    for test in first:
        if test in left:
            left.discard(test)
            yield [test]
    ordered = sorted(left, key=lambda test: (test.seconds, test.name))
    for limit in itertools.chain(PORTIONS, itertools.repeat(PORTIONS[-1])):
        by_binary = collections.defaultdict(list)
        for test in ordered:
            by_binary[test.binary].append(test)
        for of_binary in by_binary.values():
            if portion := _within(of_binary, limit):
                yield portion
                ordered = [test for test in ordered if test not in portion]
        if not ordered:
            return


def _within(tests: list[Test], limit: float) -> list[Test]:
    """The first of these that take so many seconds together; at least one, once portions are at their largest."""
    sums = itertools.accumulate(test.seconds for test in tests)
    count = sum(1 for spent in sums if spent <= limit)
    return tests[:count or (1 if limit == PORTIONS[-1] else 0)]
