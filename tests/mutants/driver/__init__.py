"""Building the mutants of a package, running tests on them, keeping what came of each."""
