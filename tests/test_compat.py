"""Each repair of the stack: the fault by itself, so that a test fails once a repair can go, and none once repaired."""

import io
import pickle
import shutil
import subprocess
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch.utils._python_dispatch import TorchDispatchMode

from mgcm_fairseq import compat
from mgcm_fairseq.compat import imports
from mgcm_fairseq.data.errors import InputError
from tests.modules.networks import network, speech, tokens

SPEECH = "import torch, torchaudio.functional as F; print(F.resample(torch.zeros(1, 8000), 8000, 16000).shape[1])"


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


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Runs `code` in a fresh process, so that nothing has been repaired yet."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


# logging and errors


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
    found = python("from mgcm_fairseq import compat; from mgcm_fairseq.data.errors import InputError; compat.install();"
                   f"compat.install(); raise {error}")
    assert found.returncode == 1
    assert ("Traceback" in found.stderr) == traceback
    assert traceback or found.stderr == "error: a: expected b, found c. d\n"


# torchaudio


@pytest.mark.skipif(sys.platform != "linux" or bool(torch.version.cuda), reason="only a CPU torch on Linux has it")
def test_torchaudio_does_not_import_by_itself() -> None:
    assert "OSError: Could not load this library" in python("import torch, torchaudio").stderr


def test_torchaudio_works_once_repaired() -> None:
    found = python(f"from mgcm_fairseq import compat; compat.repair_torchaudio(); {SPEECH}")
    assert found.stdout == "16000\n", found.stderr


def test_torchaudio_says_why_what_was_compiled_is_missing() -> None:
    stub = imports._without_extension("no libcudart")

    @stub.fail_if_no_align  # type: ignore[untyped-decorator]
    def forced_align() -> None:
        """As torchaudio decorates its own."""

    with pytest.raises(RuntimeError, match=r"forced_align .* no libcudart"):
        forced_align()


# imports

STATISTICS = "; import sys; print(*sorted({'sklearn', 'pandas', 'scipy.stats'} & set(sys.modules)))"
CLASSIFIED = """
import numpy as np
from fairseq.criterions import sentence_prediction
print(sentence_prediction.acc_and_f1(np.array([1, 0, 1]), np.array([1, 1, 1]))["f1"],
      sentence_prediction.pearson_and_spearman([1, 2, 3], [1, 2, 4])["spearmanr"].round(6))
"""


def test_fairseq_imports_what_only_classification_uses() -> None:
    assert python(f"import fairseq{STATISTICS}").stdout == "pandas scipy.stats sklearn\n"


@pytest.mark.parametrize("way_in", [
    "import mgcm_fairseq.tasks", "import mgcm_fairseq.recipes.worker", "import mgcm_fairseq.recipes.waiting as "
    "waiting, sys, io; sys.stdin = io.StringIO(); waiting.main()"])
def test_statistics_are_not_imported_once_repaired(way_in: str) -> None:
    found = python(f"{way_in}{STATISTICS}")
    assert found.stdout == "\n", found.stderr


def test_statistics_are_imported_when_they_are_used() -> None:
    found = python(f"import mgcm_fairseq.tasks{CLASSIFIED}")
    assert found.stdout == "0.8 1.0\n", found.stderr


# attention

CUDNN_ATTENTION = "import torch; print(torch.backends.cuda.cudnn_sdp_enabled())"


def test_attention_may_compile_for_every_shape() -> None:
    assert python(CUDNN_ATTENTION).stdout == "True\n"


@pytest.mark.parametrize("way_in", [
    "from mgcm_fairseq import compat; compat.install()", "import mgcm_fairseq.tasks",
    "import mgcm_fairseq.agents.system",
    "from fairseq.utils import import_user_module; from argparse import Namespace; "
    "import_user_module(Namespace(user_dir='mgcm_fairseq'))"])
def test_attention_does_not_compile_once_repaired(way_in: str) -> None:
    found = python(f"{way_in}; {CUDNN_ATTENTION}")
    assert found.stdout == "False\n", found.stderr


class Operators(TorchDispatchMode):
    """Names of the operators that run."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(func.__name__)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("changes", [{}, {"front_end_block": 320}, {"segmentation_variant": "repaired"}])
def test_all_attention_is_pytorchs_which_the_repair_is_for(changes: dict[str, Any]) -> None:
    """fairseq's own in wav2vec 2.0 (1 layer) too, beside the encoder's (2) and the decoder's (2, of two each)."""
    model = network(**changes)
    with Operators() as operators, torch.no_grad():
        model.decoder(tokens([5])[0], model.encoder.speech(*speech([8_000])))
    fused = [name for name in operators.names if "scaled_dot_product" in name]
    assert len(fused) == 7
    assert not any("softmax" in name for name in operators.names)


# reading checkpoints


class Unknown:
    """A class that no list knows."""


def save(path: Path, content: object, **options: Any) -> Path:
    torch.save(content, path, **options)
    return path


CONFIGURATIONS: dict[str, object] = {
    "args": {"args": Namespace(arch="wav2vec2", w2v_args=Namespace(layers=12)), "model": {"w": torch.ones(2)}},
    "cfg": {"args": None, "cfg": {"model": {"_name": "wav2vec2", "layers": 12}}, "model": {"w": torch.ones(2)}},
    "omegaconf": {"cfg": OmegaConf.create({"model": {"kernels": [5, 5], "rate": 0.1, "p": None, "a": "${a}"}, "a": 1})},
}


@pytest.mark.parametrize("zip_file", [True, False])
@pytest.mark.parametrize("kind", CONFIGURATIONS)
def test_checkpoints_of_fairseq_load_without_running_code(tmp_path: Path, kind: str, zip_file: bool) -> None:
    path = save(tmp_path / "model.pt", CONFIGURATIONS[kind], _use_new_zipfile_serialization=zip_file)
    assert repr(compat.load_checkpoint(path)) == repr(CONFIGURATIONS[kind])


@pytest.mark.parametrize("kind", ["args", "omegaconf"])
def test_torch_refuses_them_by_itself(tmp_path: Path, kind: str) -> None:
    path = save(tmp_path / "model.pt", CONFIGURATIONS[kind])
    assert "Unsupported global" in python(f"import torch; torch.load({str(path)!r})").stderr


def test_an_unknown_class_is_named_and_needs_trust(tmp_path: Path) -> None:
    path = save(tmp_path / "model.pt", {"model": Unknown()})
    with pytest.raises(InputError, match=r"Unknown, which may run code .* trust=True"):
        compat.load_checkpoint(path)
    assert isinstance(compat.load_checkpoint(path, trust=True)["model"], Unknown)


class Payload:
    """Unpickles by calling a function of the attacker's choice."""

    def __init__(self, call: Callable[..., Any], *arguments: object) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call, self.arguments


@pytest.mark.parametrize("zip_file", [True, False])
def test_code_in_a_checkpoint_runs_with_trust_alone(tmp_path: Path, zip_file: bool,
                                                    caplog: pytest.LogCaptureFixture) -> None:
    traces = tmp_path / "ran"
    path = save(tmp_path / "model.pt", {"model": Payload(Path.touch, traces)}, _use_new_zipfile_serialization=zip_file)
    with pytest.raises(InputError, match="may run code"):
        compat.load_checkpoint(path)
    assert not traces.exists()
    assert not caplog.records
    compat.load_checkpoint(path, trust=True)
    assert traces.exists()
    assert "without the list of harmless classes: code in it runs" in caplog.text


@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04" + bytes(100), pickle.dumps(3)[:-1]])
def test_a_file_that_is_no_checkpoint_is_an_input_error(tmp_path: Path, content: bytes, trust: bool) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    with pytest.raises(InputError, match="expected a complete PyTorch checkpoint"):
        compat.load_checkpoint(path, trust)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_torn_checkpoint_is_an_input_error(tmp_path: Path, share: float) -> None:
    path = save(tmp_path / "model.pt", {"model": {"w": torch.ones(1000)}})
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match="expected a complete PyTorch checkpoint"):
        compat.load_checkpoint(path)


def test_a_file_without_named_parts_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found a Tensor"):
        compat.load_checkpoint(save(tmp_path / "model.pt", torch.ones(2)))


# writing checkpoints

KILLED_COPY = """
import os, shutil, signal
def torn(source, target):
    content = open(source, "rb").read()
    with open(target, "wb") as out:
        out.write(content[: len(content) // 2])
    os.kill(os.getpid(), signal.SIGKILL)
shutil.copyfile = torn
{repair}
from fairseq.file_io import PathManager
PathManager.copy({source!r}, {target!r}, overwrite=True)
"""


@pytest.mark.parametrize(("repair", "left"), [
    ("", "ne"),  # the fault: half of the new file
    ("from mgcm_fairseq import compat; compat.make_checkpoint_copies_whole()", "old"),
])
def test_a_killed_copy(tmp_path: Path, repair: str, left: str) -> None:
    source, target = tmp_path / "checkpoint_1_10.pt", tmp_path / "checkpoint_last.pt"
    source.write_text("new!")
    target.write_text("old")
    python(KILLED_COPY.format(repair=repair, source=str(source), target=str(target)))
    assert target.read_text() == left


@pytest.fixture
def copy() -> Callable[..., Any]:
    from fairseq.file_io import PathManager

    compat.install()
    return PathManager.copy


@pytest.mark.parametrize("exists", [True, False])
def test_a_whole_copy_replaces_the_old_file(tmp_path: Path, copy: Callable[..., Any], exists: bool) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_text("new")
    if exists:
        target.write_text("old")
    assert copy(str(source), str(target), overwrite=True)
    assert target.read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source", "target"]


def test_a_failed_copy_leaves_the_old_file(tmp_path: Path, copy: Callable[..., Any],
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: str, target: str) -> None:
        raise OSError("no space left on device")

    (tmp_path / "source").write_text("new")
    (tmp_path / "target").write_text("old")
    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match="no space left"):
        copy(str(tmp_path / "source"), str(tmp_path / "target"), overwrite=True)
    assert (tmp_path / "target").read_text() == "old"


def test_a_tpu_without_its_package_is_refused() -> None:
    compat.install()
    from fairseq import options

    with pytest.raises(InputError, match="--tpu: expected the package torch_xla, found none"):
        options.parse_args_and_arch(options.get_training_parser(), ["data", "--tpu", "--bf16"])


def test_installing_twice_changes_nothing() -> None:
    from fairseq.file_io import PathManager

    compat.install()
    before = PathManager.copy, sys.modules["torchaudio"], len(torch.serialization.get_safe_globals())
    compat.install()
    assert before == (PathManager.copy, sys.modules["torchaudio"], len(torch.serialization.get_safe_globals()))
