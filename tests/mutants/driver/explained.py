"""Mutants that no test can notice, or need not: `explained.toml`."""

import re
import tomllib

from driver.build import Mutant
from driver.work import HERE

# What stands for any text in a pattern. No asterisk: "replace * with +" is a change.
ANY = "..."


class Entry:
    """Some mutants, and why they survive. What an entry leaves open may be anything."""

    def __init__(self, why: str, file: str | None = None, function: str | list[str] = ANY,
                 change: str | list[str] = ANY, source: str | list[str] = ANY):
        self.why, self.file = why, file
        self._function, self._source = _pattern(_several(function)), _pattern(_several(source))
        self._changes = {one: _pattern([one]) for one in _several(change)}

    def explained(self, mutant: Mutant, line: str) -> set[str]:
        """Which of its changes are this mutant, which stands in this line."""
        is_there = self.file in (None, mutant.file)
        if not is_there or not self._function.fullmatch(mutant.function) or not self._source.fullmatch(line):
            return set()
        return {change for change, pattern in self._changes.items() if pattern.fullmatch(mutant.change)}

    def vain(self, survivors: list[tuple[Mutant, str]]) -> list[str]:
        """Which of its changes are none of these mutants, with their lines."""
        found = set().union(*(self.explained(mutant, line) for mutant, line in survivors))
        return [f"{self.file}: {change}" for change in self._changes if change not in found]


def entries() -> list[Entry]:
    """Everything that is explained. A word that is not known ends the run."""
    with (HERE / "explained.toml").open("rb") as file:
        return [Entry(**one) for one in tomllib.load(file)["mutants"]]


def _several(texts: str | list[str]) -> list[str]:
    return [texts] if isinstance(texts, str) else texts


def _pattern(texts: list[str]) -> re.Pattern:
    return re.compile("|".join(".*".join(re.escape(part) for part in text.split(ANY)) for text in texts))
