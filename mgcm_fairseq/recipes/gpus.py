"""The GPUs of this machine, asked for in a process of its own: one that has looked keeps memory on each."""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass

GIB = 2**30
CONTEXT = 1 * GIB  # of a GPU: CUDA itself and workspaces
SHARE = 0.9  # of what is left: the rest is for fragments and for what the estimate is off


@dataclass(frozen=True)
class Gpu:
    """One that PyTorch sees."""

    name: str
    memory: int  # bytes

    @property
    def room(self) -> float:
        """Bytes that a plan may fill."""
        return SHARE * (self.memory - CONTEXT)


class Looking:
    """Finds the GPUs while other work goes on."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", __name__], text=True, stdout=subprocess.PIPE)

    def found(self) -> list[Gpu]:
        """All of them, in CUDA's order."""
        answer, _ = self._process.communicate()
        if self._process.returncode:
            raise RuntimeError(f"The process that looks for GPUs ended with status {self._process.returncode}.")
        return [Gpu(**one) for one in json.loads(answer)]


def main() -> None:
    """Prints them."""
    import torch

    properties = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    print(json.dumps([asdict(Gpu(one.name, one.total_memory)) for one in properties]))


if __name__ == "__main__":
    main()
