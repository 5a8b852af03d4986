"""What fairseq's programs end with, in place of a traceback, where another process is what failed."""

import os
import signal
import sys
import traceback

import pytest
import torch
from torch.multiprocessing import ProcessExitedException, ProcessRaisedException
from torch.utils.data import DataLoader, Dataset

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.compat import ending

DIED = ("has died or does not answer, for lack of memory it may be. The same command goes on from the last checkpoint. "
        "({})\n")


@pytest.fixture
def told(monkeypatch, capsys):
    """What a program writes to stderr that ends with an error."""
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    ending.end_input_errors_without_a_traceback()

    monkeypatch.setattr(sys, "argv", ["/bin/fairseq-train"])

    def tell(error):
        status = 1
        try:
            sys.excepthook(type(error), error, None)
        except SystemExit as ended:
            status = ended.code
        said = capsys.readouterr().err
        dead = "has died or does not answer" in said
        assert status == (2 if said.startswith("fairseq-train: error: ") and not dead else 1)
        return said.removeprefix("fairseq-train: ")

    return tell


def end(worker, way):
    """As a worker of a training on several GPUs."""
    if way == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    try:
        int("way")
    except ValueError as error:
        raise InputError("a.tsv", "one", "two\nlines: of text", "Mend it.") from error


@pytest.mark.parametrize(("way", "said"), [
    ("wrong input", "error: a.tsv: expected one, found two\nlines: of text. Mend it.\n"),
    ("killed", f"error: a worker of this training {DIED.format('process 0 terminated with signal SIGKILL')}")])
def test_workers_that_fairseq_starts_itself(told, way, said):
    with pytest.raises((ProcessExitedException, ProcessRaisedException)) as caught:
        torch.multiprocessing.spawn(end, (way,))
    assert told(caught.value) == said


class Torn(Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        raise InputError(("train.tsv", 2), "audio", "none", "Prepare it again.")


def test_wrong_input_that_a_process_meets_that_loads_data(told):
    with pytest.raises(RuntimeError) as caught:
        next(iter(DataLoader(Torn(), num_workers=1)))
    assert told(caught.value) == "error: train.tsv:2: expected audio, found none. Prepare it again.\n"


class Cut:
    """Fails where a batch is fetched, as where the process that loaded it has just died."""

    def __init__(self, error):
        self.error = error

    def __reduce__(self):
        return cut, (self.error,)


def cut(error):
    raise error


class Cutting(Dataset):
    def __init__(self, error):
        self.error = error

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return Cut(self.error)


@pytest.mark.parametrize(("error", "shown"), [
    (EOFError(), "EOFError()"), (ConnectionResetError(104, "Connection reset by peer"), None),
    (ConnectionRefusedError(111, "Connection refused"), None), (FileNotFoundError(2, "No such file"), None),
    (RuntimeError("received 0 items of ancdata"), None)])
def test_a_process_that_dies_while_a_batch_is_fetched_from_it(told, error, shown):
    with pytest.raises(type(error)) as caught:
        next(iter(DataLoader(Cutting(error), num_workers=1, collate_fn=lambda items: items[0])))
    said = "error: a process that loads data " + DIED
    assert told(caught.value) == said.format(shown or error)
    of_a_process = told(of_a_worker(caught.value))
    assert of_a_process.startswith(said.partition("(")[0]), of_a_process


def test_a_failure_while_a_batch_is_fetched_keeps_its_traceback(told):
    with pytest.raises(KeyError) as caught:
        next(iter(DataLoader(Cutting(KeyError("a")), num_workers=1, collate_fn=lambda items: items[0])))
    assert told(caught.value).endswith("KeyError: 'a'\n")
    assert "Traceback" in told(of_a_worker(caught.value))


NCCL = ["NCCL error in: a.cpp:1, remote process exited or there was a network error, NCCL version 2.21",
        "NCCL communicator was aborted on rank 1.", "[Rank 1] NCCL watchdog: Aborted",
        "[Rank 1] Watchdog caught collective operation timeout: WorkNCCL(SeqNum=3)"]
GLOO = ["[../gloo/transport/tcp/pair.cc:1] Connection closed by peer [127.0.0.1]:1", "Socket Timeout"]


def of_a_worker(error):
    """As torch.multiprocessing.spawn brings it."""
    try:
        raise error
    except Exception:
        text = traceback.format_exc()
        return ProcessRaisedException(f"\n\n-- Process 1 terminated with the following error:\n{text}", 1, 9)


@pytest.mark.parametrize("words", NCCL + GLOO)
def test_a_worker_that_another_waits_for(told, words):
    error = torch.distributed.DistBackendError(words)
    assert told(error) == f"error: a worker of this training {DIED.format(words)}"
    text = f"torch.distributed.DistBackendError: {words}"
    assert told(of_a_worker(error)) == f"error: a worker of this training {DIED.format(text)}"


def test_a_full_disk_that_a_worker_meets(told):
    error = OSError(28, "No space left on device", "a/log")
    said = told(error)
    assert said.startswith("error: a/log: expected room for it, found No space left on device. Make room")
    assert told(of_a_worker(error)) == said


@pytest.mark.parametrize("error", [RuntimeError("CUDA error: an illegal address"), KeyError("Socket Timeout"),
                                   OSError(2, "No such file or directory", "a")])
def test_a_fault_of_the_program_keeps_its_traceback(told, error):
    assert told(error).endswith(f"{type(error).__name__}: {error}\n")


@pytest.mark.parametrize("error", [RuntimeError("CUDA error: an illegal address"), OSError(2, "No such file", "a")])
def test_a_fault_of_a_workers_program_keeps_its_traceback(told, error):
    assert "Traceback (most recent call last)" in told(of_a_worker(error))


def test_an_error_while_wrong_input_is_handled_keeps_its_traceback(told):
    try:
        end(0, "wrong input")
    except InputError:
        assert "Traceback (most recent call last)" in told(of_a_worker(TypeError("of the program")))
