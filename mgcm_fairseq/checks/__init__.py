"""Checks of the whole product that take longer than tests: faults, spoilt inputs, pairs of options, a GPU."""
