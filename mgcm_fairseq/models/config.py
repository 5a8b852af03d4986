"""Options of the simul_st model, and its presets."""

from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Optional

import yaml
from fairseq.dataclass import ChoiceEnum, FairseqDataclass

from mgcm_fairseq.core.segmentation import VARIANTS

_VARIANT = ChoiceEnum(["none", *VARIANTS])


@dataclass
class SimulSTModelConfig(FairseqDataclass):
    w2v_path: Optional[str] = field(
        default=None,
        metadata={"help": "pre-trained wav2vec 2.0 checkpoint to start from; without it the front end starts random. "
                          "Read at the start of training only: a trained model does not need it"})
    w2v_trust: bool = field(
        default=False,
        metadata={"help": "unpickle w2v_path without an allow-list; runs code that the file holds, so only for files "
                          "whose origin you trust"})
    w2v_config: str = field(
        default="{}",
        metadata={"help": "JSON with values of fairseq's Wav2Vec2Config that differ from the checkpoint's, or from the "
                          "defaults (wav2vec2 base) without a checkpoint"})
    w2v_normalize: bool = field(
        default=False,
        metadata={"help": "scale each waveform to zero mean and unit variance; w2v_path, where given, decides"})
    front_end_block: int = field(
        default=0,
        metadata={"help": "ms of audio after which the front end's features are final, a multiple of 20: it hears in "
                          "blocks, and streaming costs the same for every second; 0: it hears the whole utterance, "
                          "as published, and streaming runs it again at every step"})
    subsample_kernels: str = field(
        default="",
        metadata={"help": "kernel sizes, in frames and comma-separated, of stride-2 convolutions after the front end: "
                          "'5,5' gives 80 ms frames; empty keeps 20 ms as in the paper"})
    model_dim: int = field(default=768, metadata={"help": "width of encoder and decoder (paper: 768)"})
    ffn_dim: int = field(default=2048, metadata={"help": "width of the feed-forward layers (paper: 2048)"})
    attention_heads: int = field(default=8, metadata={"help": "attention heads (paper: 8)"})
    encoder_layers: int = field(default=6, metadata={"help": "layers of the shared encoder (paper: 6)"})
    decoder_layers: int = field(default=6, metadata={"help": "layers of the shared decoder (paper: 6)"})
    norm_first: bool = field(default=False, metadata={"help": "pre-norm layers, steadier for small models trained from "
                                                              "scratch; the paper's are post-norm"})
    no_embedding_norm: bool = field(default=False, metadata={"help": "no layer norm after adding positions (the paper "
                                                                     "has it)"})
    tie_output: bool = field(default=False, metadata={"help": "output projection = embedding; saves parameters in a "
                                                              "small model, off in the paper"})
    dropout: float = field(default=0.1, metadata={"help": "dropout probability of sub-layer outputs"})
    attention_dropout: float = field(default=0.1, metadata={"help": "dropout probability of attention weights"})
    activation_dropout: float = field(default=0.1, metadata={"help": "dropout probability after the ReLU"})
    freeze_front_end_updates: int = field(
        default=0, metadata={"help": "updates before the front end begins to train, as a pre-trained one may want; "
                                     "with --ddp-backend pytorch_ddp add --find-unused-parameters"})
    checkpoint_activations: bool = field(
        default=False, metadata={"help": "keep no activations inside layers but run them again in the backward pass, "
                                         "once for all tasks: less memory, about a third more time"})
    segmentation_variant: _VARIANT = field(  # type: ignore[valid-type]
        default="none",
        metadata={"help": "none: an offline model; repaired: differentiable segmentation (DiSeg, arXiv 2305.16093) "
                          "with runs of boundary frames counted once and the lag in words; published: every frame "
                          "counted, lag in pieces, L_num as a norm over the batch, as in its code"})
    segment_from: int = field(
        default=0, metadata={"help": "updates before attention is segmented; until then the model trains offline"})
    segment_noise: float = field(
        default=3.0, metadata={"help": "std of the noise on boundary logits in training (DiSeg: 3)"})
    noise_from: int = field(default=4000, metadata={"help": "updates before that noise sets in (DiSeg: 4,000)"})
    multipath_from: int = field(
        default=10_000, metadata={"help": "updates before each update has a random lag (DiSeg: 10,000)"})
    lags: str = field(
        default="1,15", metadata={"help": "lowest and highest of these lags, in segments; DiSeg trains from 9 on and "
                                          "is tested from 1 to 15"})
    differentiable_waiting: bool = field(
        default=False, metadata={"help": "the decoder's lag in expectation, so that its losses reach the segmenter; "
                                         "off in DiSeg"})
    ctc: bool = field(
        default=False,
        metadata={"help": "CTC heads that read letters and pieces of the transcript; they force the alignment to the "
                          "audio early when the front end starts random; not needed with a pre-trained one"})


def _preset(name: str) -> dict[str, Any]:
    """The values of presets/NAME.yaml."""
    text = (files(__package__) / "presets" / f"{name}.yaml").read_text(encoding="utf-8")
    values: dict[str, Any] = yaml.safe_load(text)
    return values


PRESETS: dict[str, dict[str, Any]] = {
    "demo": _preset("demo"),
    # about 0.2 B parameters: the defaults above, wav2vec2 base in front (arXiv 2409.15911, section III)
    "paper": {},
}
