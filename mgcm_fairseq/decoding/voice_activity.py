"""How probable it is that somebody speaks in a recording, by silero-vad (https://github.com/snakers4/silero-vad)."""

import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import install
from mgcm_fairseq.data.audio import SAMPLE_RATE

CHUNK = 512  # samples, the only size that the network takes at 16 kHz


class VoiceActivity:
    """The network and its state, which a recording's next chunk depends on; on the CPU in fp32."""

    def __init__(self) -> None:
        """InputError where silero-vad is not installed."""
        # the file itself: importing the package would set the number of torch's threads to one
        file = check_installed() / "data" / "silero_vad.jit"
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`torch.jit.load` is deprecated", DeprecationWarning)
            self._network: Any = torch.jit.load(str(file), map_location="cpu")  # type: ignore[no-untyped-call]  # of torch, which is not typed
        self._network.eval()

    @torch.inference_mode()
    def probability(self, samples: list[float]) -> float:
        """Of the next chunk: CHUNK samples at 16 kHz, or fewer at the end of the recording."""
        silence = [0.0] * (CHUNK - len(samples))
        return float(self._network(torch.tensor([*samples, *silence]), SAMPLE_RATE))


def check_installed() -> Path:
    """The folder of silero-vad; InputError where it is not installed."""
    found = find_spec("silero_vad")
    if found is None or not found.submodule_search_locations:
        raise InputError("--sentences pauses", "silero-vad, which hears pauses", "no such package",
                         f"Install it: {install('vad')}.")
    return Path(found.submodule_search_locations[0])
