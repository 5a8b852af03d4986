"""What the screen and the log files show of a training's line."""

import io
import logging

import pytest
from fairseq.logging import progress_bar

from mgcm_fairseq.training.screen import WIDTH, short_line, shorten_training_lines

FIELDS = {"loss": "13.774", "st_nll": "3.505", "st_acc": "45.12", "asr_nll": "12.1", "asr_acc": "61.3",
          "mt_nll": "2.95", "mt_acc": "52.5", "ctc_letters": "0.65", "ctc_pieces": "4.004", "segments": "104.2",
          "segment_number": "0.3",
          "wps": "812", "ups": "1.43", "num_updates": "40000", "lr": "0.0001", "asr_conflict": "27.3",
          "mt_conflict": "5.2", "asr_attention_conflict": "30.1", "gnorm": "2.1"}


def test_the_line_of_three_tasks_with_ctc_segments_and_conflicts():
    line = short_line(FIELDS)
    assert line == ("update 40000  1.43/s  loss 13.774  st 3.50 45%  asr 12.1 61%  mt 2.95 52%  "
                    "conflict asr 27% mt 5%  ctc 4.00")
    assert len(line) <= WIDTH == 120
    assert short_line({name: FIELDS[name] for name in ("num_updates", "loss", "segments", "gnorm")}, epoch=3) == (
        "epoch 3 ends, update 40000  loss 13.774  segments 104%")


def test_the_line_of_an_epochs_end_has_the_newest_conflicts():
    newest = {"num_updates": "7", "asr_conflict": "27.3", "asr_newest_conflict": "31.9", "mt_newest_conflict": "nan"}
    assert short_line(newest, epoch=1) == "epoch 1 ends, update 7  conflict asr 32%"


def test_no_line_is_longer_and_its_end_is_left_out():
    longest = {**dict.fromkeys(FIELDS, "100.0"), "num_updates": "1000000", "gb_free": "100.0"}
    assert short_line(longest, epoch=100).endswith("mt 100.0 100%")
    assert all(len(short_line({**longest, "loss": loss}, epoch)) <= WIDTH
               for loss in ("1", "1e9", "nan", "inf") for epoch in (None, 1, 10_000))


def test_what_is_no_number_is_left_out():
    assert short_line({"num_updates": "3", "loss": "None", "st_nll": "nan"}) == "update 3  st nan 0%"


@pytest.fixture
def screen(tmp_path, monkeypatch):
    """What a screen shows whose log file is `log`; fairseq's lines are shortened, and all is as before afterwards."""
    for bar in (progress_bar.SimpleProgressBar, progress_bar.TqdmProgressBar):
        for name in ("log", "print"):
            monkeypatch.setattr(bar, name, getattr(bar, name))
    shorten_training_lines()
    added = [logging.FileHandler(tmp_path / "log"), logging.StreamHandler(shown := io.StringIO())]
    added[1].setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logging.getLogger().handlers += added
    yield shown
    for handler in added:
        logging.getLogger().removeHandler(handler)
        handler.close()


def test_the_file_has_all_fields_and_the_screen_the_short_line(tmp_path, caplog, screen):
    stats = {"loss": "1", "gap": "2", "num_updates": "7"}
    with caplog.at_level(logging.INFO):
        bar = progress_bar.SimpleProgressBar([1], epoch=1, log_interval=7)
        bar.i, bar.size = 6, 9
        bar.log(stats, tag="train_inner", step=7)
        bar.print(stats, tag="train", step=7)
        bar.print(stats, tag="dev")
    assert (tmp_path / "log").read_text().splitlines() == [
        "epoch 001:      7 / 9 loss=1, gap=2, num_updates=7", *["epoch 001 | loss 1 | gap 2 | num_updates 7"] * 2]
    assert screen.getvalue().splitlines() == [
        "update 7  loss 1.000", "epoch 1 ends, update 7  loss 1.000", "INFO epoch 001 | loss 1 | gap 2 | num_updates 7"]


@pytest.mark.usefixtures("screen")
def test_a_progress_bar_shows_it_beside_itself():
    bar = progress_bar.TqdmProgressBar([1], epoch=1)
    bar.log({"loss": "1", "gap": "2", "num_updates": "7"}, tag="train_inner", step=7)
    assert bar.tqdm.postfix == "update 7  loss 1.000"
    bar.tqdm.close()
