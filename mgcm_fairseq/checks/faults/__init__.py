"""What becomes of each program's files when it is killed, told to stop, out of disk, or given a broken checkpoint."""
