"""Options of the simul_st model, and its presets."""

import json
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Optional

import yaml
from fairseq.dataclass import ChoiceEnum, FairseqDataclass

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.option_help import shows_defaults
from mgcm_fairseq.core.segmentation import VARIANTS
from mgcm_fairseq.models.sharing import INITS
from mgcm_fairseq.modules.front_ends import DEFAULT, FRONT_ENDS, options_of_others
from mgcm_fairseq.modules.looking_back import POOLS

# mypy takes a class that a call makes for no type: hence [valid-type] below
_FRONT_END = ChoiceEnum([*FRONT_ENDS])
_VARIANT = ChoiceEnum(["none", *VARIANTS])
_SHRINK = ChoiceEnum(["none", "ctc"])
_POOL = ChoiceEnum([*POOLS])
_INIT = ChoiceEnum([*INITS])
_BLANKS = ChoiceEnum(["own", "join"])


@shows_defaults
@dataclass
class SimulSTModelConfig(FairseqDataclass):
    front_end: _FRONT_END = field(  # type: ignore[valid-type]  # a ChoiceEnum that is made at run time
        default=DEFAULT,
        metadata={"help": "What turns audio into frames of features. wav2vec2, the default: wav2vec 2.0, as in the "
                          "paper; the options whose names begin with w2v are for it alone."})
    w2v_path: Optional[str] = field(
        default=None,
        metadata={"help": "The wav2vec 2.0 or HuBERT checkpoint that the front end starts from. Without one it starts "
                          "from random weights. A training reads the file once, at its start; a trained model does not "
                          "need it."})
    w2v_trust: bool = field(
        default=False,
        metadata={"help": "Load w2v_path with pickle, which runs any code in the file. Only for a file whose author "
                          "you trust. Off by default, since a file can hold any code."})
    w2v_config: str = field(
        default="{}",
        metadata={"help": "JSON with values of fairseq's Wav2Vec2Config that are to differ from those of the "
                          "checkpoint, or of wav2vec2 base where there is none. By default nothing differs."})
    w2v_normalize: bool = field(
        default=False,
        metadata={"help": "Scale each waveform to zero mean and unit variance. Off by default, as in wav2vec_small. "
                          "If w2v_path is given, that file decides."})
    front_end_block: int = field(
        default=0,
        metadata={"help": "Milliseconds of audio that the front end hears at once, a multiple of 20. Streaming then "
                          "computes every frame once. 0, the default and the published way: the front end "
                          "hears the whole utterance, and streaming runs it again at every step."})
    front_end_history: int = field(
        default=0,
        metadata={"help": "Milliseconds before a block that the front end's attention reaches back to, a multiple of "
                          "20. What a stream keeps and computes then has a bound, however long people speak. 5000 "
                          "suits wav2vec 2.0. Its group norm keeps its statistics after 10 s. Needs front_end_block. "
                          "0, the default and the published way: all of it."})
    subsample_kernels: str = field(
        default="",
        metadata={"help": "Kernel sizes in frames, with commas, of convolutions of stride 2 behind the front end. "
                          "'5,5' makes frames of 80 ms. By default there are none, as in the paper, and a frame is "
                          "20 ms."})
    model_dim: int = field(
        default=768,
        metadata={"help": "Numbers in a vector of the encoder and the decoder. The default is the paper's."})
    ffn_dim: int = field(
        default=2048,
        metadata={"help": "Numbers in the hidden layer of a feed-forward network. The default is the paper's."})
    attention_heads: int = field(default=8, metadata={"help": "Heads of each attention. The default is the paper's."})
    encoder_layers: int = field(
        default=6,
        metadata={"help": "Layers of the encoder that all tasks share. The default is the paper's."})
    decoder_layers: int = field(
        default=6,
        metadata={"help": "Layers of the decoder that all tasks share. The default is the paper's."})
    encoder_history: int = field(
        default=0,
        metadata={"help": "Milliseconds before its segment that a frame of the shared encoder sees. 40000 suits speech "
                          "without end. Needs segmentation_variant. 0, the default and the published way: all of it."})
    rotary: bool = field(
        default=False,
        metadata={"help": "Tell the shared encoder distances between frames, by rotary positions, and the decoder "
                          "where a frame stands in what it may see. Positions are relative, so "
                          "people may speak for hours. Off by default, as in the paper: sinusoidal positions from the "
                          "first frame on."})
    local_kernels: str = field(
        default="",
        metadata={"help": "Kernel, in frames or tokens, of a convolution in front of the shared encoder's first layer, "
                          "and by how much each later layer's is larger, such as 5,3, which is IMTL's (arXiv "
                          "2311.03810). Even sizes are raised by one. Speech and text pass through them. By default "
                          "there are none."})
    sharing_plan: str = field(
        default="",
        metadata={"help": "The YAML file of a sharing plan, by which groups of languages get private parts of layers "
                          "(GDPS, arXiv 2603.25836). It divides the shared model of --finetune-from-model; a "
                          "checkpoint carries the plan. By default all languages share everything."})
    sharing_init: _INIT = field(  # type: ignore[valid-type]  # a ChoiceEnum that is made at run time
        default="units",
        metadata={"help": "What the parts begin with. units, the default: copies of the plan's hidden units, so that "
                          "the model computes what it did. published: singular vectors, as GDPS's code, which changes "
                          "what it computes, by how much the log says. wide: every language uses all parts, and the "
                          "new units start with output 0: a shared layer with as many parameters. published and wide "
                          "are there for comparison."})
    norm_first: bool = field(
        default=False,
        metadata={"help": "Put the norm in front of each sub-layer (pre-norm). A small model that starts from "
                          "random weights trains more steadily so. Off by default, as in the paper."})
    no_embedding_norm: bool = field(
        default=False,
        metadata={"help": "Leave out the norm behind the positions. By default it is there, as in the paper."})
    tie_output: bool = field(
        default=False,
        metadata={"help": "Use the embedding as output projection, too. This saves parameters in a small model. Off "
                          "by default, as in the paper."})
    dropout: float = field(
        default=0.1,
        metadata={"help": "Probability that a number of a sub-layer's output is dropped in training. 0.1 is usual "
                          "for a Transformer."})
    attention_dropout: float = field(
        default=0.1,
        metadata={"help": "Probability that a weight of attention is dropped in training. 0.1 is usual for a "
                          "Transformer."})
    activation_dropout: float = field(
        default=0.1,
        metadata={"help": "Probability that a number behind the ReLU is dropped in training. 0.1 is usual for a "
                          "Transformer."})
    freeze_front_end_updates: int = field(
        default=0,
        metadata={"help": "Updates for which the front end stays as it is, so that a pre-trained one does not learn "
                          "from a decoder that knows nothing yet. By default it learns from the first update on. "
                          "With --ddp-backend pytorch_ddp add --find-unused-parameters."})
    checkpoint_activations: bool = field(
        default=False,
        metadata={"help": "Keep no activations inside layers. The backward pass runs each layer again, once for all "
                          "tasks: less memory, about a third more time. Off by default: the recipes' micro-batches "
                          "fit without it."})
    segmentation_variant: _VARIANT = field(  # type: ignore[valid-type]  # a ChoiceEnum that is made at run time
        default="none",
        metadata={"help": "none, the default: the model does not segment and is an offline one. repaired: "
                          "differentiable segmentation (DiSeg, arXiv 2305.16093); a streak of boundary frames is one "
                          "boundary, and the lag counts words. published: every boundary frame counts, the lag "
                          "counts pieces, and L_num is a norm over the batch, as in DiSeg's code."})
    longest_segment: int = field(
        default=0,
        metadata={"help": "Milliseconds after which a segment ends although no boundary came, so that music or "
                          "silence does not keep one open for ever. 0, the default and the published way: never."})
    segment_from: int = field(
        default=0,
        metadata={"help": "Updates that train offline before attention is segmented. 0, the default: it is "
                          "segmented from the start."})
    segment_noise: float = field(
        default=3.0,
        metadata={"help": "Standard deviation of the noise on boundary logits in training. It pushes their "
                          "probabilities towards 0 and 1. The default is DiSeg's."})
    noise_from: int = field(
        default=4000,
        metadata={"help": "Updates before that noise begins. The default is DiSeg's."})
    multipath_from: int = field(
        default=10_000,
        metadata={"help": "Updates after which each update draws a lag; before, the decoder sees the whole source. "
                          "The default is DiSeg's."})
    lags: str = field(
        default="1,15",
        metadata={"help": "Lowest and highest lag that an update draws, in segments. The default is the range in "
                          "which agents are used; DiSeg trains from 9 on."})
    differentiable_waiting: bool = field(
        default=False,
        metadata={"help": "Use the expectation of the decoder's lag, so that the decoder's losses teach the "
                          "segmenter. Off by default, as in DiSeg."})
    shrink: _SHRINK = field(  # type: ignore[valid-type]  # a ChoiceEnum that is made at run time
        default="none",
        metadata={"help": "none, the default: speech has a state for each frame. ctc: it has one for each streak of "
                          "frames in which the pieces head of --ctc hears the same, and each looks back at all frames, "
                          "as in IMTL (arXiv 2311.03810)."})
    shrink_from: int = field(
        default=3000,
        metadata={"help": "Updates before speech is shrunk, so that CTC has learnt to hear. The default is IMTL's."})
    shrink_pool: _POOL = field(  # type: ignore[valid-type]  # a ChoiceEnum that is made at run time
        default="first",
        metadata={"help": "What the state of a streak begins with: first, its first frame, the default and IMTL's, or "
                          "the mean of its frames."})
    shrink_blanks: _BLANKS = field(  # type: ignore[valid-type]  # a ChoiceEnum that is made at run time
        default="own",
        metadata={"help": "How blanks are grouped. own, the default and IMTL's: each stretch of blanks is a streak. "
                          "join: blanks belong to the piece before them, so that a state is a piece."})
    no_looking_back: bool = field(
        default=False,
        metadata={"help": "Leave out the looking back at all frames, for comparison. By default it is there, as in "
                          "IMTL."})
    ctc: bool = field(
        default=False,
        metadata={"help": "Add CTC heads that read the letters and the pieces of the transcript. A front end that "
                          "starts from random weights needs them to find the words in the audio. Off by default: a "
                          "pre-trained one does without."})


DEFAULTS = {name: option.default for name, option in SimulSTModelConfig.__dataclass_fields__.items()}
"""Of every option: what a model was built with that is older than the option."""


def check_front_end(cfg: Any) -> None:
    """InputError for an option of another front end than the one that the model has."""
    chosen = str(cfg.front_end)
    for option, other in options_of_others(chosen).items():
        given, default = getattr(cfg, option), DEFAULTS[option]
        if given != default:
            raise InputError(f"--{option.replace('_', '-')}", f"--front-end {other}, which alone has this option",
                             f"{given!r} with --front-end {chosen}",
                             f"Leave it out; where a YAML's preset gives it, write {option}: {json.dumps(default)}.")


def _preset(name: str) -> dict[str, Any]:
    """The values of presets/NAME.yaml."""
    text = (files(__package__) / "presets" / f"{name}.yaml").read_text(encoding="utf-8")
    values: dict[str, Any] = yaml.safe_load(text)
    return values


PRESETS = {name: _preset(name) for name in ("demo", "paper")}
