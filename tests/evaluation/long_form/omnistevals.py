"""OmniSTEval's own command on a log of ours, in this process."""

import sys
from collections.abc import Mapping
from pathlib import Path

from omnisteval.cli import main

LATENCIES = ("LongYAAL", "LongAL", "LongLAAL", "LongAP", "LongDAL")
NAMES = {f"{name} ({kind})": f"{name}{suffix}" for name in LATENCIES for kind, suffix in (("CU", ""), ("CA", "_CA"))
         } | {"BLEU": "BLEU", "chrF": "chrF"}


def figures(monkeypatch, test_set: Path, log: Path, out: Path) -> Mapping[str, float]:
    """By our names. `test_set`: the folder with talks.json and references.txt."""
    monkeypatch.setattr(sys, "argv", [
        "omnisteval", "longform", "--speech_segmentation", str(test_set / "talks.json"), "--ref_sentences_file",
        str(test_set / "references.txt"), "--hypothesis_file", str(log), "--hypothesis_format", "jsonl", "--word_level",
        "--output_folder", str(out)])
    main()
    lines = (out / "scores.tsv").read_text().splitlines()[1:]
    return {NAMES[name]: float(value) for name, value in (line.split("\t") for line in lines)}
