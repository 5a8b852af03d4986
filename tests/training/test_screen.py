"""What log files get where the screen shows little of a training's line, or nothing."""

import logging

import pytest
from fairseq.logging import progress_bar

from mgcm_fairseq.training.screen import shorten_training_lines


@pytest.mark.parametrize(("stats", "shown"), [({"loss": "1", "gap": "2"}, "loss 1"), ({"gap": "2"}, "")])
def test_a_file_gets_all_fields_once(tmp_path, caplog, monkeypatch, stats, shown):
    for bar in (progress_bar.SimpleProgressBar, progress_bar.TqdmProgressBar):  # back to fairseq's afterwards
        for name in ("log", "print"):
            monkeypatch.setattr(bar, name, getattr(bar, name))
    shorten_training_lines()
    file = logging.FileHandler(tmp_path / "log")
    logging.getLogger().addHandler(file)
    try:
        with caplog.at_level(logging.INFO):
            progress_bar.SimpleProgressBar([1], epoch=1).print(stats, tag="train")
    finally:
        logging.getLogger().removeHandler(file)
        file.close()
    every = " | ".join(f"{name} {value}" for name, value in stats.items())
    assert (tmp_path / "log").read_text() == f"epoch 001 | {every}\n"
    assert caplog.messages == [f"epoch 001 | {shown}"]
