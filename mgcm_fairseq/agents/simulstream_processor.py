"""simulstream's speech processor over any agent of this package, so that its server and its tools run them.

The only module that needs the extra `simulstream`, whose configuration names it. A configuration, which
scripts/export_system.sh writes too, has the keys of simulstream's (`type`, `speech_chunk_size`, `detokenizer_type`,
`latency_unit`) and KEYS: `policy`, `checkpoint`, and the agent's own options under `options`.
"""

from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
from simuleval.data.segments import SpeechSegment
from simulstream.server.speech_processors import SpeechProcessor
from simulstream.server.speech_processors.incremental_output import IncrementalOutput

from mgcm_fairseq.agents.choice import read_options
from mgcm_fairseq.agents.registry import agent_class
from mgcm_fairseq.common.device import check_device
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.decoding.system import System, load_system

WHERE = "speech processor"  # in messages: simulstream does not say which file its configuration is from
KEYS = ("policy", "checkpoint", "corpus", "device", "options")
THEIRS = ("type", "speech_chunk_size", "detokenizer_type", "latency_unit")


class AgentProcessor(SpeechProcessor):  # type: ignore[misc]  # where simulstream is not installed
    """One agent, for one stream after the other."""

    _loaded: ClassVar[dict[tuple[str, ...], System]] = {}  # by checkpoint, and how it runs

    @classmethod
    def load_model(cls, config: SimpleNamespace) -> None:
        """Loads the checkpoint, once for all processors of this process."""
        _system(cls, config)

    def __init__(self, config: SimpleNamespace) -> None:
        """InputError for keys and options that nobody knows."""
        super().__init__(config)
        self.agent = agent_class(_policy(config), "policy")(_arguments(config), _system(type(self), config))
        self.agent.to(getattr(config, "device", "cpu"))
        self.agent.warm_up()  # or the first chunk's computing time would have what PyTorch does once
        self.writing = self.agent.system.writing
        self._begun = self._begun_before = self._behind = False
        self.clear()

    def process_chunk(self, waveform: np.ndarray) -> IncrementalOutput:
        """What the agent writes once it has heard (N,) more samples at 16 kHz."""
        self._begun_before = self._begun
        return self._hear(waveform.tolist(), False)

    def end_of_stream(self) -> IncrementalOutput:
        """What is left to write; the next sample is the first of another stream."""
        output, self._behind = self._hear([], True), self._begun_before
        self.clear()
        return output

    def clear(self) -> None:
        self.agent.reset()
        self._begun = self._begun_before = False

    def set_source_language(self, language: str) -> None:
        _check_language("source language", language, self.agent.system.source_lang,
                        ", or set `source_lang` in `options`" if len(self.agent.system.corpus.src_langs) > 1 else "")

    def set_target_language(self, language: str) -> None:
        _check_language("target language", language, self.agent.system.corpus.tgt_lang)

    def tokens_to_string(self, tokens: list[str]) -> str:
        """The text of what the last chunk and the end have written, which simulstream merges."""
        return self._shown(tokens, self._behind)

    def _hear(self, samples: list[float], last: bool) -> IncrementalOutput:
        output = self.agent.pushpop(SpeechSegment(content=samples, sample_rate=SAMPLE_RATE, finished=last))
        tokens = self.writing.split(output.content or "")
        text = self._shown(tokens, self._begun)
        self._begun = self._begun or bool(tokens)
        return IncrementalOutput(tokens, text, [], "")

    def _shown(self, tokens: list[str], behind: bool) -> str:
        """Tokens as text; `behind`: there is text that they follow."""
        separator = self.writing.separator
        return (separator if behind and tokens else "") + separator.join(tokens)


def _policy(config: SimpleNamespace) -> str:
    """The policy of a configuration that has all that it needs, and no keys that nobody reads."""
    given = vars(config)
    for name in ("policy", "checkpoint"):
        if not isinstance(given.get(name), str):
            raise InputError(WHERE, f"text under `{name}`", repr(given.get(name)), "Complete the YAML.")
    unknown = sorted(set(given) - {*KEYS, *THEIRS})
    if unknown:
        remedy = "The agent's options belong under `options`."
        if "base_speech_processor_class" in unknown:  # of VADWrapperSpeechProcessor
            remedy = "Leave the wrapper out: `options: {long_form: true, sentences: pauses}` hears the pauses itself."
        raise InputError(WHERE, f"the keys {', '.join((*THEIRS, *KEYS))}", ", ".join(unknown), remedy)
    return str(given["policy"])


def _arguments(config: SimpleNamespace) -> Namespace:
    """The agent's arguments, by its own parser."""
    options = getattr(config, "options", SimpleNamespace())
    if not isinstance(options, SimpleNamespace):
        raise InputError(WHERE, "names and values under `options`", repr(options), "Write e.g. `options: {lag: 3}`.")
    listed = ["--checkpoint", config.checkpoint]
    for name, value in vars(options).items():
        listed += _option(name, value)
    return read_options(config.policy, listed, WHERE)


def _option(name: str, value: Any) -> list[str]:
    """An option as a command line has it: nothing for a flag that is off."""
    if name in ("checkpoint", "corpus"):
        raise InputError(WHERE, f"`{name}` beside `options`", "it among them", "Move it.")
    if value is None or value is False:
        return []
    option = f"--{name.replace('_', '-')}"
    return [option] if value is True else [f"{option}={value}"]


def _system(kind: type[AgentProcessor], config: SimpleNamespace) -> System:
    _policy(config)
    corpus = getattr(config, "corpus", None)
    bf16 = getattr(getattr(config, "options", None), "bf16", False)
    key = str(Path(config.checkpoint).resolve()), str(corpus), str(getattr(config, "device", "cpu")), str(bf16)
    if key not in kind._loaded:
        check_device(key[2], "device")
        kind._loaded[key] = load_system(Path(config.checkpoint), None if corpus is None else Path(corpus))
    return kind._loaded[key]


def _check_language(what: str, language: str, expected: str, remedy: str = "") -> None:
    if language != expected:
        raise InputError(what, f"{expected}, as this server is set to", repr(language), f"Leave it out{remedy}.")
