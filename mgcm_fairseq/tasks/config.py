"""Options of the simul_st task, on the command line and in Hydra's YAML."""

from dataclasses import dataclass, field

from fairseq.dataclass import ChoiceEnum
from omegaconf import II, MISSING

from mgcm_fairseq.training.config import ConflictConfig

_SOURCE = ChoiceEnum(["speech", "text"])
_GRID = ChoiceEnum(["auto", "always", "never"])


@dataclass
class SimulSTConfig(ConflictConfig):
    data: str = field(default=MISSING, metadata={"help": "folder that scripts/prep_corpus.sh wrote"})
    max_source_samples: int = field(
        default=480_000, metadata={"help": "longest utterance in samples at 16 kHz (30 s, as in preparation)"})
    max_target_tokens: int = field(default=512, metadata={"help": "longest translation in pieces"})
    eval_bleu: bool = field(
        default=False, metadata={"help": "translate the validation set greedily and log BLEU, for "
                                         "--best-checkpoint-metric bleu"})
    eval_source: _SOURCE = field(  # type: ignore[valid-type]
        default="speech", metadata={"help": "what validation and fairseq-generate translate; text: the transcripts, "
                                            "for a model that was trained on --tasks mt alone"})
    eval_lag: int = field(
        default=0, metadata={"help": "k of wait-k in validation and fairseq-generate, in segments, for a model with "
                                     "--segmentation-variant; 0: the whole source. Unlike the agent's, a hypothesis "
                                     "may end before the source"})
    augment_speed: str = field(
        default="", metadata={"help": "comma-separated factors, multiples of 0.05; a training utterance gets one of "
                                      "them in each epoch: 0.9,1,1.1; empty: as recorded, as in the paper"})
    augment_gain: str = field(
        default="", metadata={"help": "lowest and highest gain of a training utterance in dB: -6,6; empty: none, as in "
                                      "the paper"})
    augment_noise: str = field(
        default="", metadata={"help": "lowest and highest ratio of a training utterance to white noise in dB: 10,30; "
                                      "empty: none, as in the paper"})
    length_grid: _GRID = field(  # type: ignore[valid-type]
        default="auto", metadata={"help": "whether batches are padded to few lengths, each of which half precision on "
                                          "a GPU plans for once; results stay the same. auto: on a GPU"})
    seed: int = II("common.seed")
    cpu: bool = II("common.cpu")
