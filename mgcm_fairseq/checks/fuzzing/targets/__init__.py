"""The readers that are fuzzed, one a file; TARGETS is what --target chooses from, with the share of inputs of each."""

from typing import NamedTuple

_HERE = "mgcm_fairseq.checks.fuzzing.targets"


class Chosen(NamedTuple):
    """Where a target is, and how many inputs it gets."""

    target: str  # module:class
    inputs: int  # of 100,000 for all


TARGETS: dict[str, Chosen] = {
    "wav": Chosen(f"{_HERE}.wav:Wav", 6_000),
    "sound": Chosen(f"{_HERE}.sound:Sound", 10_000),
    "table": Chosen(f"{_HERE}.table:Table", 3_500),
    "list": Chosen(f"{_HERE}.lists:Lists", 3_000),
    "mustc": Chosen(f"{_HERE}.mustc:MustCYaml", 6_000),
    "europarl-st": Chosen(f"{_HERE}.europarl_st:EuroparlLists", 3_500),
    "covost2": Chosen(f"{_HERE}.covost2:CoVoSTTables", 3_500),
    "manifest": Chosen(f"{_HERE}.manifest:Manifest", 20_000),
    "packs": Chosen(f"{_HERE}.packs:Packs", 2_000),
    "vocabulary": Chosen(f"{_HERE}.vocabulary:VocabularyFiles", 8_000),
    "wav2vec2": Chosen(f"{_HERE}.wav2vec2:Wav2Vec2", 2_000),
    "checkpoint": Chosen(f"{_HERE}.checkpoint:Checkpoint", 1_500),
    "instances": Chosen(f"{_HERE}.instances:Instances", 10_000),
    "run-log": Chosen(f"{_HERE}.run_log:Log", 8_000),
    "conflict-log": Chosen(f"{_HERE}.conflict_log:Conflicts", 8_000),
    "results": Chosen(f"{_HERE}.results:Results", 1_500),
    "overrides": Chosen(f"{_HERE}.overrides:Overrides", 500),
    "arguments": Chosen(f"{_HERE}.arguments:Arguments", 3_000),
}
