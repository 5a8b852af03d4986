"""What all parts of a check are given, and what they give back."""

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Row = dict[str, Any]  # of the JSON file; `error` or `left out` in it say what was not measured


@dataclass(frozen=True)
class GpuSetting:
    """Of one part."""

    out: Path  # folder of the results, where parts may leave files for each other
    corpus: Path  # prepared folder; where no --corpus was given, the first part makes it
    device: str  # cpu or cuda
    quick: bool  # the least that goes through all of the code
    seconds: float  # after which the part begins nothing more
    began: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Seconds until then."""
        return self.began + self.seconds - time.monotonic()

    @property
    def at_most(self) -> float:
        """Seconds for something that cannot be cut short without loss."""
        return 600 if self.quick else max(self.left, 60)

    def is_over(self) -> bool:
        """Never in a quick check, which is to go through everything."""
        return not self.quick and self.left <= 0


def say(text: str) -> None:
    """Tells the user on stderr, at once."""
    print(text, file=sys.stderr, flush=True)
