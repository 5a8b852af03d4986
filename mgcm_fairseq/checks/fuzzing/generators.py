"""Where the random numbers of the inputs come from: seeds, Hypothesis, or atheris, which looks for untried branches."""

import sys
from collections.abc import Callable
from importlib import import_module
from random import Random
from typing import Any

from mgcm_fairseq.common.errors import InputError

Try = Callable[[Random], None]  # draws an input and reads it
GENERATORS = ("mutate", "hypothesis", "atheris")
_LONGEST = 4096  # bytes of random numbers of one input of atheris's


def run(generator: str, one: Try, name: str, seed: int, first: int, count: int) -> None:
    """`count` inputs. Those of `mutate` depend on seed, name and number alone, so that each can be made again."""
    if generator == "mutate":
        for number in range(first, first + count):
            one(Random(f"{seed} {name} {number}"))
    elif generator == "hypothesis":
        _hypothesis(one, seed + first, count)
    else:
        _atheris(one, seed + first, count)


def needed(generator: str) -> None:
    """InputError if the generator is not installed."""
    if generator != "mutate":
        try:
            import_module(generator)
        except ImportError as error:
            extra = "dev" if generator == "hypothesis" else "fuzz"
            raise InputError("--generator", f"a package {generator}", "none",
                             f"pip install -c constraints.txt -e '.[{extra}]'") from error


def _hypothesis(one: Try, seed: int, count: int) -> None:
    import hypothesis
    from hypothesis import strategies

    quiet = hypothesis.settings(max_examples=count, database=None, deadline=None, phases=[hypothesis.Phase.generate],
                                suppress_health_check=list(hypothesis.HealthCheck))
    given = hypothesis.given(strategies.randoms(use_true_random=False))
    hypothesis.seed(seed)(quiet(given(one)))()


def _atheris(one: Try, seed: int, count: int) -> None:
    """Ends the process."""
    import atheris

    atheris.Setup([sys.argv[0], f"-runs={count}", f"-seed={seed % 2**32}", f"-max_len={_LONGEST}", "-rss_limit_mb=0",
                   "-timeout=0", "-len_control=0"], lambda data: one(_OfBytes(data)))
    atheris.Fuzz()


class _OfBytes(Random):
    """Random numbers read from bytes, then zeros: whoever changes the bytes changes the choices."""

    def __new__(cls, data: bytes) -> "_OfBytes":
        return super().__new__(cls)

    def __init__(self, data: bytes) -> None:
        super().__init__(0)
        self._data, self._at = data, 0

    def getrandbits(self, k: int, /) -> int:
        size = -(-k // 8)
        found = self._data[self._at:self._at + size]
        self._at += size
        return int.from_bytes(found, "big") & ((1 << k) - 1)

    def random(self) -> float:
        return self.getrandbits(53) / 2**53

    def randbytes(self, n: int) -> bytes:
        return self.getrandbits(8 * n).to_bytes(n, "big")


def instrumented() -> Any:
    """Around the imports of what atheris is to look into."""
    import atheris

    return atheris.instrument_imports(include=["mgcm_fairseq"])
