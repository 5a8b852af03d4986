"""No room: the error says so, what was there before stays, nothing half-written is left, and the same call goes on."""

import errno
import resource
import sqlite3
from contextlib import contextmanager

import numpy as np
import pytest
import soundfile
import torch
from fairseq import checkpoint_utils
from fairseq.file_io import PathManager
from matplotlib.figure import Figure

from mgcm_fairseq import compat
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.whole import appended, lacks_room, room_in, whole, write_whole
from mgcm_fairseq.data.audio import AudioSpan
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.manifest import Utterance, write_manifest
from mgcm_fairseq.data.simuleval_lists import write_lists
from mgcm_fairseq.evaluation.figures import save as save_figure
from mgcm_fairseq.evaluation.logs import RunLog
from mgcm_fairseq.models.averaging import average
from mgcm_fairseq.preparation.packs import Pack, write_pack
from tests.evaluation.test_logs import ENVIRONMENT, SETTINGS

LIMIT = 3_000  # bytes
STATE = {"model": {"w": torch.ones(5_000)}}  # 20 kB
WAV = np.zeros(8_000, np.int16)  # 16 kB


@contextmanager
def no_file_above(size):
    """The process's own limit, which the system's own tools can set as `ulimit -f`."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def made(tmp_path):
    """What the writers below read: a wav and a checkpoint."""
    compat.install()
    folder = tmp_path / "made"
    folder.mkdir()
    soundfile.write(folder / "a.wav", WAV, 16_000, subtype="PCM_16")
    torch.save(STATE, folder / "a.pt")
    return folder


def utterances(made, count=1):
    span = AudioSpan(made / "a.wav", 0, len(WAV))
    return [Utterance(f"u{index}", span, len(WAV), "a b", "c d", "s", "en", "de") for index in range(count)]


def add_to_log(made, out):
    RunLog(out, 2, SETTINGS, ENVIRONMENT).add({"index": 0, "prediction": "a" * 5_000})


def config(made, out):
    CorpusConfig("en", "de", 16_000, "v" * 5_000, "s").write(out)


WRITERS = {  # name: (what writes, the file that it is to make)
    "text": (lambda made, out: write_whole(out / "t.json", "a" * 5_000), "t.json"),
    "manifest": (lambda made, out: write_manifest(out / "m.tsv", utterances(made, 200)), "m.tsv"),
    "configuration": (config, "config.yaml"),
    "pack": (lambda made, out: write_pack(Pack(out / "p.wav", [str(made / "a.wav")])), "p.wav"),
    "lists": (lambda made, out: write_lists(out, "dev", utterances(made)), "dev"),
    "average": (lambda made, out: average([made / "a.pt"], out / "a.pt"), "a.pt"),
    "checkpoint": (lambda made, out: checkpoint_utils.torch_persistent_save(STATE, str(out / "c.pt")), "c.pt"),
    "copy": (lambda made, out: PathManager.copy(str(made / "a.pt"), str(out / "l.pt"), overwrite=True), "l.pt"),
    "plot": (lambda made, out: save_figure(Figure(figsize=(60, 60)), out, "f"), "f.png"),
    "run": (add_to_log, "instances.part"),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("there_before", [False, True])
def test_a_limit_on_files_is_named_and_nothing_is_half_written(made, tmp_path, name, there_before):
    write, file = WRITERS[name]
    out = tmp_path / "out"
    out.mkdir()
    if there_before and name not in ("lists", "run"):  # they are made anew, and taken up
        (out / file).write_bytes(b"before")
    with no_file_above(LIMIT), pytest.raises(InputError) as raised:
        write(made, out)
    message = str(raised.value)
    assert message.startswith(f"{out / file}: expected room for it")
    assert "found a limit of 3 kB to a file (ulimit -f)" in message
    assert message.endswith("Make room and run the same command again: it goes on from what is finished.")
    left = [path for path in out.rglob("*") if path.is_file() and path.name not in ("settings.json", file)]
    assert not left or name == "lists"  # whose folder is emptied before it is filled again
    if there_before and name not in ("lists", "run"):
        assert (out / file).read_bytes() == b"before"
    else:
        assert not (out / file).exists() or (out / file).stat().st_size == 0
    write(made, out)
    assert (out / file).is_dir() or (out / file).stat().st_size > LIMIT


def test_what_is_needed_is_said_where_it_is_known(made, tmp_path):
    with no_file_above(LIMIT), pytest.raises(InputError, match="expected room for its 20 kB, found a limit of 3 kB"):
        average([made / "a.pt"], tmp_path / "a.pt")


@pytest.mark.parametrize("limit", [100, 4_096, 19_000, 20_500])
def test_a_checkpoint_is_whole_or_not_there_wherever_the_limit_falls(made, tmp_path, limit):
    path = tmp_path / "checkpoint_last.pt"
    with no_file_above(limit), pytest.raises(InputError):
        checkpoint_utils.torch_persistent_save(STATE, str(path))
    assert list(tmp_path.glob("*.pt*")) == []
    checkpoint_utils.torch_persistent_save(STATE, str(path))
    assert torch.equal(torch.load(path)["model"]["w"], STATE["model"]["w"])


@pytest.mark.parametrize("limit", [20, 44, 10_000, 16_043])
def test_sound_is_whole_or_not_there_wherever_the_limit_falls(made, tmp_path, limit):
    pack = Pack(tmp_path / "p.wav", [str(made / "a.wav")])
    with no_file_above(limit), pytest.raises(InputError):
        write_pack(pack)
    assert list(tmp_path.glob("p.*")) == []
    write_pack(pack)
    assert len(soundfile.read(pack.wav)[0]) == len(WAV)


# a full disk: /dev/full, which refuses every byte as one does


def test_a_full_disk_is_told_with_what_is_free(tmp_path):
    (tmp_path / "a.tmp").symlink_to("/dev/full")
    with pytest.raises(InputError, match=r"a: expected room for its 5 kB, found a disk with .*B free\. Make room"):
        write_whole(tmp_path / "a", "a" * 5_000)
    assert list(tmp_path.iterdir()) == []


def test_what_torch_calls_an_error_of_its_own_is_told_as_a_full_disk(tmp_path):
    (tmp_path / "a.tmp").symlink_to("/dev/full")
    with pytest.raises(InputError, match="a disk with"), whole(tmp_path / "a") as partial:
        torch.save(STATE, partial)


def test_the_line_that_found_no_room_is_taken_back(tmp_path):
    path = tmp_path / "log"
    path.write_text("first\n")
    with no_file_above(LIMIT), pytest.raises(InputError, match="log: expected room"), appended(path) as log:
        log.write("a" * 5_000)
    assert path.read_text() == "first\n"


def test_sqlite_that_finds_no_room_is_told_as_such(tmp_path):
    database = sqlite3.connect(tmp_path / "d", isolation_level=None)
    with no_file_above(LIMIT), pytest.raises(InputError, match="for it, found a limit of 3 kB"), room_in(tmp_path):
        database.execute("CREATE TABLE t (a)")
    database.close()


@pytest.mark.parametrize("error", [ValueError("of another kind"), OSError(errno.EACCES, "not allowed")])
def test_any_other_error_stays_what_it_is(tmp_path, error):
    def fail(manager):
        with pytest.raises(type(error)) as raised, manager:
            raise error
        assert raised.value is error

    fail(whole(tmp_path / "a"))
    fail(room_in(tmp_path))
    fail(appended(tmp_path / "log"))
    assert not (tmp_path / "a").exists()
    assert lacks_room(error) is None


def test_an_error_that_nothing_explained_is_told_in_one_sentence():
    assert str(lacks_room(OSError(errno.ENOSPC, "No space left on device", "x"))).startswith("x: expected room")


def test_a_fault_of_the_body_is_not_taken_for_a_full_disk(tmp_path):
    (tmp_path / "a.tmp").symlink_to("/dev/full")
    with pytest.raises(ValueError, match=r"^of another kind$"), whole(tmp_path / "a"):
        raise ValueError("of another kind")


def test_an_interrupt_leaves_nothing_half_written(tmp_path):
    def interrupted(manager, write):
        with pytest.raises(KeyboardInterrupt), manager as target:
            write(target)

    def half(partial):
        partial.write_text("half")
        raise KeyboardInterrupt

    def half_a_line(log):
        log.write("half")
        raise KeyboardInterrupt

    (tmp_path / "log").write_text("first\n")
    interrupted(whole(tmp_path / "a"), half)
    interrupted(appended(tmp_path / "log"), half_a_line)
    assert [path.name for path in tmp_path.iterdir()] == ["log"]
    assert (tmp_path / "log").read_text() == "first\n"


def test_a_live_log_is_never_written_to_but_by_its_body(tmp_path, monkeypatch):
    """A kill before the log is cut back leaves what is in it then."""
    path = tmp_path / "log"
    path.write_text("first\n")
    monkeypatch.setattr("mgcm_fairseq.common.whole.os.truncate", lambda *_: None)
    with pytest.raises(OSError, match="not allowed"), appended(path):
        raise OSError(errno.EACCES, "not allowed")
    assert path.read_text() == "first\n"
