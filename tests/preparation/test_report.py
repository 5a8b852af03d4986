"""What is printed at the end of a preparation."""

from pathlib import Path

import pytest

from mgcm_fairseq.preparation.report import print_summary

SUMMARY = {"utterances": 3, "kept": 3, "hours": 0.1, "talks": 1, "speakers": 1, "filtered": {}, "shortened": 0,
           "left_out": {}, "converted": 2, "faults": []}


@pytest.mark.parametrize(("split", "folder"), [("train", "audio/train"), ("en-de train", "en-de/audio/train")])
def test_the_folder_of_converted_audio_is_named(split, folder, capsys):
    print_summary({split: SUMMARY}, None, Path("prep_report.json"))
    assert f"{split}: 2 files converted to 16 kHz mono wav in {folder}\n" in capsys.readouterr().out
