"""Network modules over tensors and masks; they know nothing of tasks, configuration files or generation."""
