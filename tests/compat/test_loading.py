"""Checkpoints load without running code; what is none, is torn, or holds code is refused."""

import pickle
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from mgcm_fairseq import compat
from mgcm_fairseq.common.errors import InputError
from tests.compat.fresh import python


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
