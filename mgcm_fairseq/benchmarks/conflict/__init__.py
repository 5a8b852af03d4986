"""Time and memory of conflict handling, measured on the real network: what arXiv 2409.15911, Table II, calculated."""
