"""Searches for faults across the whole product: what a test looks at once, these look at thousands of times."""
