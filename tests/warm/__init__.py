"""Commands of tests in forks of a process that has imported PyTorch and fairseq, which takes seconds a time."""
