"""Code in a process in which nothing has been repaired yet."""

import subprocess
import sys


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Runs `code` in a fresh process, so that nothing has been repaired yet."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
