"""What a machine with a GPU makes of this package, in one run: speed, memory, precision, and texts equal to a CPU's."""
