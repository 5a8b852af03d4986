"""Training on many GPUs, from pieces measured on a CPU: step time, traffic and memory, by simulation."""
