"""How an update is cut: the same batch in as few parts as fit, and a begun training keeps its own."""

from pathlib import Path

import pytest

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.recipes.cluster import Cluster
from mgcm_fairseq.recipes.configuration import resolve
from mgcm_fairseq.recipes.gpus import GIB, Gpu, Looking
from mgcm_fairseq.recipes.identity import begun_with, check, identity, record
from mgcm_fairseq.recipes.launch import Launch
from mgcm_fairseq.recipes.micro_batches import Cut, cut_of, cuts, fewest, given_by_hand, recut
from mgcm_fairseq.recipes.room import Room, room

PATHS = ["task.data=/data", "model.w2v_path=/w2v.pt"]
LONGEST = 480_000
H200 = Gpu("NVIDIA H200", 139 * GIB)


def config(gpus, *more):
    return resolve("multi_task", [*PATHS, *Cluster(1, gpus).overrides([]), *more])


@pytest.mark.parametrize("gpus", [1, 2, 4, 8])
@pytest.mark.parametrize("row", ["multi_task", "mt"])
def test_every_cut_makes_the_papers_update(gpus, row):
    cfg = resolve(row, [*PATHS, *Cluster(1, gpus).overrides([])])
    base = resolve(row, PATHS)
    found = cuts(cfg, LONGEST)
    assert [cut.update_freq for cut in found[:3]] == [1, 2, 4][:len(found)]
    for cut in found:
        assert gpus * cut.update_freq * cut.samples == 8 * base.dataset.max_tokens
        assert gpus * cut.update_freq * cut.utterances == 8 * base.dataset.batch_size
        assert cut.samples >= LONGEST or cut.update_freq == 1


def test_a_cut_reaches_the_configuration_and_leaves_validation_and_loss_scale_alone():
    cut = cuts(config(1), LONGEST)[0]
    assert cut == Cut(12_000_000, 256, 1)
    cfg = config(1, *cut.overrides(config(1)))
    assert cut_of(cfg) == cut
    assert (cfg.dataset.max_tokens_valid, cfg.dataset.batch_size_valid) == (1_500_000, 32)
    assert cfg.common.fp16_scale_window == 2048  # fairseq's for 8 GPUs: 2^14 / 8


class Counting:
    """Memory of a cut by a rule that is nearly affine, and which cuts were asked for."""

    def __init__(self, bend=0.0):
        self.asked, self.bend = [], bend

    def __call__(self, cut):
        if cut not in self.asked:
            self.asked.append(cut)
        return 3 + 41 * cut.samples / 12e6 * (1 + self.bend * (1 - cut.samples / 12e6))


@pytest.mark.parametrize("bend", [-0.05, 0.0, 0.05])
@pytest.mark.parametrize("space", [4, 5.5, 6, 8, 8.2, 12, 14, 20, 24, 30, 43.9, 44.1, 130])
def test_the_fewest_that_fit(space, bend):
    choices, memory = cuts(config(1), LONGEST), Counting(bend)
    chosen = fewest(choices, memory, space)
    fitting = [cut for cut in choices if Counting(bend)(cut) <= space]
    if bend == 0:
        assert chosen == (fitting[0] if fitting else choices[-1])
    assert not fitting or Counting(bend)(chosen) <= space  # whatever the line says, what is chosen fits
    assert len(memory.asked) <= 4


def test_what_the_command_line_cuts_itself():
    assert given_by_hand(["++dataset.batch_size=4"])
    assert given_by_hand(["optimization.update_freq=[1]"])
    assert not given_by_hand(["dataset.batch_size_valid=4", "dataset.max_tokens_valid=3", "optimization.lr=[1]"])


def launch(gpus=1, nodes=1, launcher="local", cpu=False):
    return Launch(launcher, Cluster(nodes, gpus, cpu))


@pytest.mark.parametrize(("where", "gpus", "given", "gib"), [
    (launch(), [H200], None, 0.9 * 138), (launch(), [], 24.0, 0.9 * 23),
    (launch(2), [H200, Gpu("B", 11 * GIB)], None, 9.0), (launch(1), [H200, Gpu("B", 11 * GIB)], None, 0.9 * 138),
    (launch(launcher="slurm"), [H200], None, None), (launch(nodes=2, launcher="torchrun"), [H200], None, None),
    (launch(nodes=2, launcher="torchrun"), [H200], 24.0, 0.9 * 23), (launch(), [], None, None),
    (launch(cpu=True), [H200], 24.0, None)])
def test_the_smallest_gpu_that_trains_decides(where, gpus, given, gib):
    found = room(where, gpus, given)
    assert found.bytes is None if gib is None else found.bytes == pytest.approx(gib * GIB, rel=1e-6)


def test_looking_finds_what_pytorch_sees():
    import torch

    assert len(Looking().found()) == torch.cuda.device_count()


class Begun:
    """What `Room.cut` asks of a count."""

    def __init__(self, workers=1):
        self.workers, self.longest = workers, LONGEST

    def memory(self, cut):
        from mgcm_fairseq.benchmarks.scaling.memory import GpuMemory

        return GpuMemory(0, 0, 0, GIB * Counting()(cut))


def begun(folder: Path, cut: Cut) -> Path:
    path = folder / "multi_task.json"
    record(path, {"a": 1}, cut.size)
    assert begun_with(path) == {"samples": cut.samples, "utterances": cut.utterances}
    check(path, {"a": 1}, begun=True)  # the cut is no part of the identity
    return path


def test_a_begun_training_keeps_its_micro_batches(tmp_path):
    path = begun(tmp_path, Cut(1_500_000, 32, 8))
    large = Room(100.0 * GIB, "")
    assert large.cut(config(1), Begun(), None) == Cut(12_000_000, 256, 1)
    assert large.cut(config(1), Begun(), path) == Cut(1_500_000, 32, 8)
    assert large.cut(config(4), Begun(4), path) == Cut(1_500_000, 32, 2)
    assert large.cut(config(1, "checkpoint.reset_dataloader=true"), Begun(), path) == Cut(12_000_000, 256, 1)
    path.write_text('{"a": 1}\n')  # of a training that kept no cut
    assert large.cut(config(1), Begun(), path) == Cut(1_500_000, 32, 8)


@pytest.mark.parametrize(("gpus", "space"), [(8, 100.0), (1, 20.0)])
def test_one_that_does_not_fit_any_more_is_told_what_to_do(tmp_path, gpus, space):
    path = begun(tmp_path, Cut(12_000_000, 256, 1))
    with pytest.raises(InputError, match=r"begun with, 750 s, 256 utterances.*reset_dataloader=true"):
        Room(space * GIB, "").cut(config(gpus), Begun(gpus), path)


def test_another_batch_cannot_be_made_of_them():
    assert recut(Cut(12_000_000, 256, 1), {"samples": 5_000_000, "utterances": 64}) is None
    assert recut(Cut(12_000_000, 256, 1), {"samples": 1_500_000, "utterances": 16}) is None


def test_the_identity_is_the_updates_batch(tiny_corpus):
    paths = [f"task.data={tiny_corpus}", "model.w2v_path=null"]
    cfg = resolve("multi_task", [*paths, *Cluster(1, 1).overrides([])])
    found = [identity(resolve("multi_task", [*paths, *Cluster(1, 1).overrides([]), *cut.overrides(cfg)]))
             for cut in cuts(cfg, LONGEST)]
    assert len(found) == 5
    assert all(one == found[0] for one in found)
    assert found[0]["utterances in an update"] == 256
    assert identity(resolve("multi_task", [*paths, "dataset.batch_size=16"])) != found[0]


def test_the_identity_is_the_same_on_every_processor_and_grid(tiny_corpus):
    paths = [f"task.data={tiny_corpus}", "model.w2v_path=null"]
    on = [identity(resolve("multi_task", [*paths, *Cluster(1, 1, cpu).overrides([]), f"task.length_grid={grid}"]))
          for cpu in (False, True) for grid in ("auto", "always", "never")]
    assert all(one == on[0] for one in on)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"[" * 100_000])
def test_a_record_of_another_kind_is_refused(tmp_path, content):
    (tmp_path / "record.json").write_bytes(content)
    with pytest.raises(InputError, match=r"json: expected a record of what was trained here, found .* Remove it"):
        check(tmp_path / "record.json", {"a": 1}, begun=True)
