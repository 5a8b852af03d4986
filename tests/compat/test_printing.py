"""What others print, and warn of, by themselves and once repaired; text of any language."""

import io
import sys

import pytest

from mgcm_fairseq import compat
from tests.compat.fresh import python


@pytest.mark.parametrize(("encoding", "asked", "written"), [
    ("ascii", "", "你ü".encode()), ("latin-1", "", "你ü".encode()), ("utf-8", "", "你ü".encode()),
    ("latin-1", "latin-1", b"\\u4f60\xfc"), ("ascii", "ascii", b"\\u4f60\\xfc"), ("ascii", ":strict", "你ü".encode())])
def test_text_of_any_language_can_be_printed(monkeypatch: pytest.MonkeyPatch, encoding: str, asked: str,
                                             written: bytes) -> None:
    """The fault by itself is Python's: such a stream raises UnicodeEncodeError."""
    monkeypatch.setenv("PYTHONIOENCODING", asked)
    with io.TextIOWrapper(io.BytesIO(), encoding) as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        for _ in range(2):  # a second call changes nothing
            compat.let_any_text_be_printed()
        print("你ü", end="", flush=True)
        assert stream.buffer.getvalue() == written


def test_fairseqs_models_make_everything_tell_its_steps() -> None:
    assert python("import logging, fairseq.models; print(logging.getLogger().level)").stdout == "10\n"


def test_logging_is_quiet_once_repaired() -> None:
    found = python("from mgcm_fairseq import compat; compat.install(); import logging, fairseq.models; "
                   "print(logging.getLogger().level)")
    assert found.stdout == "30\n", found.stderr


OTHERS_WARN = """
import warnings
warnings.simplefilter("always", DeprecationWarning)
{repair}
import pydub
import torch
from fairseq import options
from fairseq.dataclass.utils import convert_namespace_to_omegaconf

arguments = options.parse_args_and_arch(options.get_training_parser(), ["data", "--arch", "transformer"])
convert_namespace_to_omegaconf(arguments)
list(torch.utils.data.DataLoader([1], pin_memory=True))
torch.nn.utils.weight_norm(torch.nn.Linear(2, 2))
torch.cuda.amp.autocast(enabled=False)
"""
OTHERS_WARNINGS = ["hydra.experimental.initialize", "version_base", "'config' is validated", "The strict flag",
                   "deprecated keyword", "weight_norm", "torch.cuda.amp.autocast", "'audioop'"]
WITH_SOME_VERSIONS = ["'pin_memory'", "ffmpeg or avconv", "torch.jit.script` is deprecated. Please"]


def test_others_warn_of_what_no_user_can_act_on() -> None:
    told = python(OTHERS_WARN.format(repair="")).stderr
    assert [words for words in OTHERS_WARNINGS if words not in told] == []


def test_those_warnings_alone_are_silenced() -> None:
    repair = "from mgcm_fairseq import compat; compat.silence_what_only_others_can_mend()"
    ours = "".join(f"warnings.warn('about your data', {category})\n"
                   for category in ("UserWarning", "FutureWarning", "RuntimeWarning", "DeprecationWarning"))
    told = python(OTHERS_WARN.format(repair=repair) + ours).stderr
    assert [words for words in OTHERS_WARNINGS + WITH_SOME_VERSIONS if words in told] == []
    assert told.count("about your data") == 4


@pytest.mark.parametrize(("error", "traceback"), [("InputError('a', 'b', 'c', 'd')", False), ("ValueError()", True)])
def test_only_errors_of_the_input_end_without_a_traceback(error: str, traceback: bool) -> None:
    found = python("from mgcm_fairseq import compat; from mgcm_fairseq.common.errors import InputError; "
                   f"compat.install(); compat.install(); raise {error}")
    assert found.returncode == (1 if traceback else 2)
    assert ("Traceback" in found.stderr) == traceback
    assert traceback or found.stderr == "-c: error: a: expected b, found c. d\n"
