"""Inside fairseq's training: conflicts, task weights, what is refused, recorded and shown, and resuming."""
