"""The readers that are fuzzed, one a file; TARGETS is what --target chooses from, with the share of inputs of each."""

from typing import NamedTuple

_HERE = "mgcm_fairseq.checks.fuzzing.targets"


class Chosen(NamedTuple):
    """Where a target is, and how many inputs it gets."""

    target: str  # module:class
    inputs: int  # of 100,000 for all


TARGETS: dict[str, Chosen] = {
    "wav": Chosen(f"{_HERE}.wav:Wav", 12_000),
    "sound": Chosen(f"{_HERE}.sound:Sound", 4_000),
    "table": Chosen(f"{_HERE}.table:Table", 8_000),
    "list": Chosen(f"{_HERE}.lists:Lists", 6_000),
    "mustc": Chosen(f"{_HERE}.mustc:MustCYaml", 8_000),
    "europarl-st": Chosen(f"{_HERE}.europarl_st:EuroparlLists", 6_000),
    "covost2": Chosen(f"{_HERE}.covost2:CoVoSTTables", 6_000),
    "manifest": Chosen(f"{_HERE}.manifest:Manifest", 8_000),
    "packs": Chosen(f"{_HERE}.packs:Packs", 4_000),
    "vocabulary": Chosen(f"{_HERE}.vocabulary:VocabularyFiles", 6_000),
    "wav2vec2": Chosen(f"{_HERE}.wav2vec2:Wav2Vec2", 4_000),
    "checkpoint": Chosen(f"{_HERE}.checkpoint:Checkpoint", 2_000),
    "instances": Chosen(f"{_HERE}.instances:Instances", 8_000),
    "run-log": Chosen(f"{_HERE}.run_log:Log", 5_000),
    "conflict-log": Chosen(f"{_HERE}.conflict_log:Conflicts", 8_000),
    "results": Chosen(f"{_HERE}.results:Results", 3_000),
    "overrides": Chosen(f"{_HERE}.overrides:Overrides", 2_000),
    "arguments": Chosen(f"{_HERE}.arguments:Arguments", 8_000),
}
