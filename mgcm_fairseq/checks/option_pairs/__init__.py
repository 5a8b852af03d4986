"""Training options in pairs: each pair trains a few updates, or is refused with a reason."""
