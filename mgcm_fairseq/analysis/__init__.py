"""What a model and its training did: conflicts between tasks, segments of speech, and their plots."""
