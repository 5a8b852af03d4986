"""Network modules: tensors, masks and names of tasks in, tensors out; options and decoding are elsewhere."""
