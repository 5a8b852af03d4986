"""wav2vec 2.0 as a speech front end: fairseq's module, run part by part, exact under padding."""

import re
from collections.abc import Sequence
from functools import partial
from random import Random
from typing import Any

import torch
import torch.nn.functional as F
from fairseq.models.wav2vec.wav2vec2 import Wav2Vec2Config, Wav2Vec2Model
from fairseq.modules import GradMultiply
from omegaconf import OmegaConf
from torch import Tensor, nn

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.conflict import Passing, Stream
from mgcm_fairseq.modules.front_end_blocks import Blocks, position, run_layer
from mgcm_fairseq.modules.front_end_stream import FrontEndStream
from mgcm_fairseq.modules.group_norm import PaddedGroupNorm
from mgcm_fairseq.modules.lengths import at_least_fp32, conv_length, valid_mask

NORM_SAMPLES = 160_000
"""After 10 s a bounded front end keeps its group norm's statistics: they hardly change, and training heard seconds."""

MOST = {"encoder_layers": 1_000, "encoder_embed_dim": 2**16, "encoder_ffn_embed_dim": 2**18}
"""Beyond these a configuration is broken: building what it says would take hours and all memory."""


class Wav2Vec2FrontEnd(nn.Module):
    """Waveform to features of the last wav2vec 2.0 layer, without masking and without the pre-training heads."""

    def __init__(self, config: dict[str, Any], normalize: bool, block: int = 0, history: int = 0) -> None:
        """Builds random weights.

        Args:
            config: values of fairseq's Wav2Vec2Config that differ from its defaults.
            normalize: scale each waveform to zero mean and unit variance, as a checkpoint's own pre-training did.
            block: samples in a block of a front end that hears in blocks; 0 for one that hears the whole utterance.
            history: samples before a block that attention in its layers reaches back to; 0 for all. With a bound, the
                statistics of the group norm, too, stay as they are after NORM_SAMPLES.
        """
        super().__init__()
        self.config = OmegaConf.merge(OmegaConf.structured(Wav2Vec2Config), config)
        if not re.fullmatch(r"(?s)(?!.*\*[^+]*\*|.*\d{5})[\d\s\[\](),+*]+", self.config.conv_feature_layers):
            raise InputError("wav2vec2 front end", "conv_feature_layers as a list of (channels, kernel, stride)",
                             repr(self.config.conv_feature_layers), "fairseq would run it as code: use another file.")
        wanted = {"layer_type": "transformer", "quantize_input": False, "crop_seq_to_multiple": 1,
                  "pos_conv_depth": 1}  # of several, all but the first would see what is made of padding
        unsupported = [name for name, value in wanted.items() if getattr(self.config, name) != value]
        if unsupported:
            found = [getattr(self.config, name) for name in unsupported]
            raise ValueError(f"wav2vec2 front end: cannot run {unsupported} = {found}.")
        for name, most in MOST.items():
            if not 0 < getattr(self.config, name) <= most:
                raise InputError("wav2vec2 front end", f"{name} from 1 to {most:,}", str(getattr(self.config, name)),
                                 "Use another file, or correct --w2v-config.")
        self.normalize = normalize
        self._update = self._passes = 0
        self.wav2vec2 = Wav2Vec2Model(self.config)
        self.wav2vec2.remove_pretraining_modules()
        del self.wav2vec2.mask_emb
        self.convolutions = [(block[0].kernel_size[0], block[0].stride[0])
                             for block in self.wav2vec2.feature_extractor.conv_layers]
        if block and normalize:
            raise InputError("--front-end-block", "no blocks with a wav2vec 2.0 that scales each waveform by its mean "
                             "and variance, which are known at its end only", f"blocks of {block} samples",
                             "Leave it out, or use one that does not, such as wav2vec_small.pt.")
        if block and any(kernel < stride for kernel, stride in self.convolutions):
            raise InputError("--front-end-block", "no blocks with a wav2vec 2.0 that leaves samples out, but one whose "
                             "convolutions have kernels of at least their strides", "kernels and strides "
                             + "; ".join(f"{kernel}, {stride}" for kernel, stride in self.convolutions),
                             "Leave it out, or correct --w2v-config.")
        if history and not block:
            raise InputError("--front-end-history", "a front end that hears in blocks", f"{history} samples, and no "
                             "blocks", "Add --front-end-block, or leave it out.")
        self.block = block
        self.blocks = Blocks.at(*self._field_and_jump(len(self.convolutions)), block) if block else None
        self.history = self._frames_of_history(history)
        if self.config.extractor_mode == "default":
            first = self.wav2vec2.feature_extractor.conv_layers[0]
            first[2] = PaddedGroupNorm(first[2], Blocks.at(*self._field_and_jump(1), block) if block else None,
                                       max(1, NORM_SAMPLES // block) if history else None)

    def _frames_of_history(self, samples: int) -> int:
        jump = self._field_and_jump(len(self.convolutions))[1]
        if samples % jump:
            raise InputError("--front-end-history", f"a multiple of {jump} samples", str(samples), "Give a multiple in "
                             "ms.")
        return samples // jump

    @property
    def dim(self) -> int:
        """Width of a feature frame."""
        return self.config.encoder_embed_dim

    @property
    def frame_samples(self) -> int:
        """Samples between two frames."""
        return self._field_and_jump(len(self.convolutions))[1]

    @property
    def receptive_field(self) -> int:
        """Samples that the first frame needs; no shorter input has a frame."""
        return self._field_and_jump(len(self.convolutions))[0]

    @property
    def layer_drop(self) -> float:
        """Probability that a layer is left out in training."""
        return self.config.encoder_layerdrop

    @property
    def frames_of_block(self) -> int:
        """Feature frames in a block, of which the first has fewer."""
        return self.inputs_of_block(len(self.convolutions))

    def inputs_of_block(self, convolution: int) -> int:
        """What a convolution, counted from 0, reads of a block: the first samples, the others frames."""
        return self.block // self._field_and_jump(convolution)[1]

    def frames(self, lengths: Tensor) -> Tensor:
        """(B,) samples -> (B,) frames, one every 20 ms."""
        for kernel, stride in self.convolutions:
            lengths = conv_length(lengths, kernel, stride)
        return lengths

    def forward(self, waveform_BN: Tensor, lengths: Tensor, passing: Passing, tasks: Sequence[str]) -> Stream:
        """(B, N) samples at 16 kHz and (B,) lengths -> a stream of features (B, T, C) for the tasks."""
        stream = self.extract(waveform_BN, lengths, passing, tasks)
        valid = valid_mask(self.frames(lengths), stream.value.size(1))
        [stream] = passing.run(self.add_positions, [(stream, valid)])
        encoder = self.wav2vec2.encoder
        mask = None
        if self.blocks is not None:
            mask = self.blocks.mask(valid.size(1), self.history, valid.device) & valid[:, None, None, :]
            mask[..., 0] |= ~valid[:, None, :]  # no row without a key
        for layer, dropped in zip(encoder.layers, self._dropped_layers(), strict=True):
            if not dropped:
                stage = partial(_run_layer, layer) if mask is None else partial(run_layer, layer)
                [stream] = passing.run(stage, [(stream, ~valid if mask is None else mask)])
        if encoder.layer_norm_first:
            [stream] = passing.run(encoder.layer_norm, [(stream,)])
        return stream

    def stream(self, one_shape: bool = False) -> FrontEndStream:
        """An utterance that is still being spoken, for a front end that hears in blocks."""
        return FrontEndStream(self, one_shape)

    def extract(self, waveform_BN: Tensor, lengths: Tensor, passing: Passing, tasks: Sequence[str]) -> Stream:
        """Convolutions, norm and projection: the part before any attention; (B, T, C).

        Stages end behind the convolutions, from the second on: there the engines' gradients of every task are
        smallest beside what the stage itself keeps.
        """
        if self.normalize:
            waveform_BN = _standardise(waveform_BN, lengths)
        stages: list[list[nn.Module]] = [[]]
        for index, (convolution, *rest) in enumerate(self.wav2vec2.feature_extractor.conv_layers):
            stages[-1].append(convolution)
            if index:
                stages.append([])
            stages[-1] += rest
        frames = conv_length(lengths, *self.convolutions[0])  # for the group norm, which is the first block's
        frames = frames.clamp(min=1)  # statistics of no frame would be NaN
        stream = passing.start(waveform_BN.unsqueeze(1), tasks)
        for parts in stages[:-1]:
            [stream] = passing.run(partial(_through, parts), [(stream, frames)])
        [stream] = passing.run(partial(self._project, stages[-1]), [(stream, frames)])
        return stream

    def _project(self, parts: list[nn.Module], x_BCT: Tensor, frames: Tensor) -> Tensor:
        w2v = self.wav2vec2
        x_BCT = _through(parts, x_BCT, frames)
        if w2v.feature_grad_mult <= 0:
            x_BCT = x_BCT.detach()
        elif w2v.feature_grad_mult != 1.0:
            x_BCT = GradMultiply.apply(x_BCT, w2v.feature_grad_mult)
        x_BTC = w2v.layer_norm(x_BCT.transpose(1, 2))
        if w2v.post_extract_proj is not None:
            x_BTC = w2v.post_extract_proj(x_BTC)
        return w2v.dropout_input(x_BTC)

    def add_positions(self, x_BTC: Tensor, valid: Tensor) -> Tensor:
        """Convolutional positions, which see zeros past the end of each row."""
        encoder = self.wav2vec2.encoder
        x_BTC = x_BTC.masked_fill(~valid.unsqueeze(2), 0.0)
        if self.blocks is None:
            x_BTC = x_BTC + encoder.pos_conv(x_BTC.transpose(1, 2)).transpose(1, 2)
        else:
            x_BTC = x_BTC + position(x_BTC, encoder.pos_conv, self.blocks)
        if not encoder.layer_norm_first:
            x_BTC = encoder.layer_norm(x_BTC)
        return F.dropout(x_BTC, encoder.dropout, self.training)

    def _field_and_jump(self, layers: int) -> tuple[int, int]:
        """Samples that a frame behind the first convolutions is made of, and between two such frames."""
        field, jump = 1, 1
        for kernel, stride in self.convolutions[:layers]:
            field, jump = field + (kernel - 1) * jump, jump * stride
        return field, jump

    def set_num_updates(self, num_updates: int) -> None:
        """Tells the update that the next passes belong to, as fairseq does with every module that has this method."""
        if num_updates != self._update:
            self._update, self._passes = num_updates, 0

    def keep_all_layers(self) -> None:
        """Switches LayerDrop off, for a count of the most that a step takes."""
        self.config.encoder_layerdrop = 0.0

    def _dropped_layers(self) -> list[bool]:
        """LayerDrop: True for a layer to leave out, the same on all workers, which exchange gradients layer by layer.

        Drawn from fairseq's seed of this update and the number of the pass in it; fairseq's own draw comes from numpy's
        generator, which it does not restore on resume.
        """
        layers, rate = len(self.wav2vec2.encoder.layers), self.layer_drop
        if not self.training or rate <= 0:
            return [False] * layers
        random = Random(f"{torch.initial_seed()}/{self._passes}")
        self._passes += 1
        return [random.random() < rate for _ in range(layers)]


def _through(parts: list[nn.Module], x: Tensor, frames: Tensor) -> Tensor:
    for part in parts:
        x = part(x, frames) if isinstance(part, PaddedGroupNorm) else part(x)
    return x


def _run_layer(layer: nn.Module, x_BTC: Tensor, padding_BT: Tensor) -> Tensor:
    x_TBC, _ = layer(x_BTC.transpose(0, 1), self_attn_padding_mask=padding_BT)
    return x_TBC.transpose(0, 1)


def _standardise(waveform_BN: Tensor, lengths: Tensor) -> Tensor:
    valid = valid_mask(lengths, waveform_BN.size(1))
    x = at_least_fp32(waveform_BN).masked_fill(~valid, 0.0)
    count = lengths.clamp(min=1).unsqueeze(1)
    centred = (x - x.sum(1, keepdim=True) / count).masked_fill(~valid, 0.0)
    return (centred * torch.rsqrt(centred.square().sum(1, keepdim=True) / count + 1e-5)).to(waveform_BN)
