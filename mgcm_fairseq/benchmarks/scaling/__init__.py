"""Training on many GPUs, from costs measured on a CPU: step time, traffic and memory, by simulation."""
