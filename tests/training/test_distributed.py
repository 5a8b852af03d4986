"""fairseq-train in one, two and four gloo workers on the same global batches: one training."""

import json
import re
import shutil
import subprocess
import sys

import pytest
import torch

from tests.fixtures import ENVIRONMENT, HELD_OUT, REPOSITORY, training_command

WORKERS = (1, 2, 4)
EPOCH, STOP, UPDATES = 2, 3, 5  # updates: in an epoch, before the stop, in all
PRECISE = 1e-5


def command(data, folder, count, kind, start, updates, *more):
    """The sum of the tasks shuffles; an update has four of the seven batches of an epoch, the next one three.

    A rule judges the batch of all workers, so that those of several must be halves and quarters of those of one: in the
    order of length, 24 utterances and 16, which leave the last of four workers without.

    SGD, because Adam makes whole steps of rounding errors; no clipping, which hides a wrong scale.
    """
    options = {"plain": ("--batch-size", "6", "--update-freq", str(4 // count)),
               "mgcm": ("--batch-size", str(24 // count), "--curriculum", "9", "--conflict-rule", "mgcm")}
    return [count, str(folder), training_command(
        data, folder, updates, "--seed", "1", "--max-tokens", "2000000", "--optimizer", "sgd", "--lr", "0.005",
        "--clip-norm", "0", "--eval-bleu", "--batch-size-valid", "3", "--validate-interval", "9", *options[kind],
        *(("--finetune-from-model", str(start)) if start else ()), *more)]


def train(*trainings):
    found = subprocess.run([sys.executable, "-m", "tests.training.ranks", json.dumps(trainings)], cwd=REPOSITORY,
                           env=ENVIRONMENT, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr[-5000:]


@pytest.fixture(scope="module")
def folder(tiny_corpus, tiny_checkpoint, tmp_path_factory):
    """Of all trainings: plain/1, plain/2, plain/4, mgcm/1 ..., stopped/2, and resumed/1 and resumed/4 from there."""
    root = tmp_path_factory.mktemp("distributed")
    train(*[command(tiny_corpus, root / kind / str(count), count, kind, tiny_checkpoint, UPDATES, "--no-save")
            for kind in ("plain", "mgcm") for count in WORKERS],
          command(tiny_corpus, root / "stopped" / "2", 2, "plain", tiny_checkpoint, STOP, "--disable-validation"))
    for count in (1, 4):
        (root / "resumed" / str(count)).mkdir(parents=True)
        shutil.copy(root / "stopped" / "2" / "checkpoint_last.pt", root / "resumed" / str(count))
    train(*[command(tiny_corpus, root / "resumed" / str(count), count, "plain", None, UPDATES) for count in (1, 4)])
    return root


def lines(folder):
    """What all workers wrote down."""
    return [json.loads(line) for path in folder.glob("*.jsonl") for line in path.read_text().splitlines()]


def updates(folder):
    """The utterances of each update, and its loss for each target token of ST."""
    found = {}
    for line in lines(folder):
        if "update" in line:
            ids, loss, tokens = found.get(line["update"], ([], 0.0, 0))
            found[line["update"]] = sorted(ids + line["ids"]), loss + line["loss"], tokens + line["tokens"]
    return ({update: ids for update, (ids, _, _) in found.items()},
            torch.tensor([loss / tokens for _, (_, loss, tokens) in sorted(found.items())]))


def reported(folder):
    """Losses, accuracies, BLEU and number scored that the first worker printed for dev."""
    [line] = re.findall(r"'dev' subset \| (.*)", (folder / "0.log").read_text())
    return {name: float(value) for name, value in re.findall(r"(\w+) ([\d.]+)(?: \||$)", line)
            if name not in ("wps", "wpb", "bsz")}


@pytest.mark.parametrize("count", WORKERS[1:])
@pytest.mark.parametrize("kind", ["plain", "mgcm"])
def test_batches_and_losses_are_those_of_one_worker(folder, kind, count):
    expected, found = (updates(folder / kind / str(number)) for number in (1, count))
    assert found[0] == expected[0]
    torch.testing.assert_close(found[1], expected[1], rtol=PRECISE, atol=0)


@pytest.mark.parametrize("kind", ["plain", "mgcm"])
def test_one_worker_learns_on_every_utterance_in_every_epoch(folder, kind):
    ids, losses = updates(folder / kind / "1")
    assert sorted(ids) == list(range(UPDATES))
    assert sorted(ids[0] + ids[1]) == sorted(ids[2] + ids[3]) == list(range(40))
    assert losses[EPOCH:2 * EPOCH].mean() < losses[:EPOCH].mean()


@pytest.mark.parametrize("kind", ["plain", "mgcm"])
@pytest.mark.parametrize("count", WORKERS)
def test_dev_is_scored_once_and_completely(folder, kind, count):
    scored = [index for line in lines(folder / kind / str(count)) for index in line.get("scored", [])]
    assert sorted(scored) == list(range(HELD_OUT))
    found, expected = reported(folder / kind / str(count)), reported(folder / kind / "1")
    assert found["scored"] == HELD_OUT
    assert found == pytest.approx(expected, abs=0.0011)  # printed to three digits
    assert found["bleu"] == expected["bleu"] > 0


@pytest.mark.parametrize("count", [1, 4])
def test_another_number_of_workers_goes_on_as_if_nothing_had_been(folder, count):
    """Also where the stopped and the resumed training are not the same number as the one that ran through."""
    ids, losses = updates(folder / "resumed" / str(count))
    for number in WORKERS:
        expected = updates(folder / "plain" / str(number))
        assert ids == {update: expected[0][update] for update in range(STOP, UPDATES)}
        torch.testing.assert_close(losses, expected[1][STOP:], rtol=PRECISE, atol=0)
    assert reported(folder / "resumed" / str(count))["bleu"] == reported(folder / "plain" / "1")["bleu"]
