"""The ground floor: errors about input, whole files, locks, arguments, stopping, steps, and the environment."""
