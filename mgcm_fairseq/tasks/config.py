"""Options of the simul_st task, on the command line and in Hydra's YAML."""

from dataclasses import dataclass, field

from fairseq.dataclass import ChoiceEnum
from omegaconf import II, MISSING

from mgcm_fairseq.common.option_help import shows_defaults
from mgcm_fairseq.common.program import command
from mgcm_fairseq.data.transcript_noise import KINDS
from mgcm_fairseq.training.config import ConflictConfig

# mypy takes a class that a call makes for no type: hence [valid-type] below
_SOURCE = ChoiceEnum(["speech", "text"])
_GRID = ChoiceEnum(["auto", "always", "never"])
_NOISE = ChoiceEnum(list(KINDS))


@shows_defaults
@dataclass
class SimulSTConfig(ConflictConfig):
    data: str = field(default=MISSING, metadata={"help": f"The folder that {command('prepare')} wrote."})
    max_source_samples: int = field(
        default=480_000,
        metadata={"help": "Samples of the longest utterance, at 16 kHz. The default is 30 s, as in preparation."})
    max_target_tokens: int = field(
        default=512,
        metadata={"help": "Pieces of the longest translation. The default is far above what anyone says in 30 s."})
    eval_bleu: bool = field(
        default=False,
        metadata={"help": "Translate the validation set greedily and log BLEU, as --best-checkpoint-metric bleu "
                          "needs. Off by default, since it makes validation slower."})
    eval_source: _SOURCE = field(  # type: ignore[valid-type]  # a ChoiceEnum that is made at run time
        default="speech",
        metadata={"help": "What validation and fairseq-generate translate: speech, the default, or text, the "
                          "transcripts, for a model that was trained on --tasks mt alone."})
    eval_lag: int = field(
        default=0,
        metadata={"help": "The lag of wait-segment in validation and fairseq-generate, for a model with "
                          "--segmentation-variant. 0, the default: the whole source. Here a hypothesis may end "
                          "before the source does; an agent's may not."})
    windows: str = field(
        default="",
        metadata={"help": "Shortest and longest training window in seconds, such as 2,20: consecutive utterances of "
                          "a talk with the pauses between them, drawn anew in each epoch, so that a model learns to "
                          "translate speech without end. A third begin in mid-talk. With 0,0 each utterance by "
                          "itself, with a part of the pauses around it, for agents that cut a talk at its pauses. "
                          "By default none, as in the paper: utterances are heard one by one, to the sample."})
    windows_from: int = field(
        default=1,
        metadata={"help": "Epoch from which on items are windows. Before it utterances are heard one by one, from "
                          "which attention forms sooner. By default the first, for a model that is trained already."
                          })
    augment_speed: str = field(
        default="",
        metadata={"help": "Factors of speed, with commas, multiples of 0.05, such as 0.9,1,1.1. Each training "
                          "utterance gets one of them in each epoch. By default none, as in the paper."})
    augment_gain: str = field(
        default="",
        metadata={"help": "Lowest and highest gain of a training utterance in dB, such as "
                          "--augment-gain=-6,6. By default none, as in the paper."})
    augment_noise: str = field(
        default="",
        metadata={"help": "Lowest and highest ratio of a training utterance to white noise in dB, such as 10,30. By "
                          "default none, as in the paper."})
    transcript_noise: str = field(
        default="",
        metadata={"help": "Noise on what MT reads in training: the share of the utterances that get it, and the most "
                          "pieces that one gets for each of its own, such as 0.1,0.2, which is IMTL's (arXiv "
                          "2311.03810). Drawn anew in each epoch. What ASR and CTC are to write has none. By default "
                          "none."})
    transcript_noise_kind: _NOISE = field(  # type: ignore[valid-type]  # a ChoiceEnum that is made at run time
        default="blank",
        metadata={"help": "What that noise is. blank, the default and IMTL's: punctuation becomes CTC's blank, and "
                          "blanks come before words. repeat: pieces come twice, as CTC hears them."})
    private_lr_factor: float = field(
        default=1.0,
        metadata={"help": "By how much the learning rate of --sharing-plan's private parts is larger than that of all "
                          "other weights, through warm-up and decay. GDPS's (arXiv 2603.25836) is 2.5: 1e-4 beside "
                          "4e-5. 1, the default: the same rate for all."})
    length_grid: _GRID = field(  # type: ignore[valid-type]  # a ChoiceEnum that is made at run time
        default="auto",
        metadata={"help": "Whether batches are padded to a few lengths. Half precision on a GPU plans its "
                          "convolutions for each length once. Results stay the same. auto, the default: on a GPU; "
                          "always; never."})
    seed: int = II("common.seed")
    cpu: bool = II("common.cpu")
