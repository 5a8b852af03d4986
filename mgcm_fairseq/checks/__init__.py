"""Checks of the whole product that take longer than tests: faults, spoilt inputs, mutations, talks, a GPU and more."""
