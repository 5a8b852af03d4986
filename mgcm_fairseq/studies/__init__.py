"""Studies: trainings that differ in one thing, each with several seeds, side by side, and what came of them."""
