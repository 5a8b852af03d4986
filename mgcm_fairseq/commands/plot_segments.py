"""Draws one utterance of a segmenting model: waveform, words, boundaries, and when wait-segment reads and writes."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

import mgcm_fairseq.tasks  # noqa: F401 - repairs the stack before torchaudio is imported
from mgcm_fairseq.agents.wait_segment import WaitSegmentAgent
from mgcm_fairseq.analysis.plot_segments import SegmentedUtterance, plot
from mgcm_fairseq.analysis.segment_trace import trace
from mgcm_fairseq.analysis.word_times import even_times, word_times
from mgcm_fairseq.common.arguments import Parser
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import SCRIPTS
from mgcm_fairseq.common.plain_numbers import plain_whole
from mgcm_fairseq.common.program import program
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.manifest import Utterance, read_manifest
from mgcm_fairseq.data.recording import read_any

SCRIPT = SCRIPTS["plot-segments"]


@program(SCRIPT)
def main(arguments: Sequence[str] | None = None) -> None:
    args = _parser().parse_args(arguments)
    title, samples_N, transcript = _source(args)
    agent = WaitSegmentAgent(args)
    traced = trace(agent, samples_N, args.source_segment_size)
    system = agent.system
    times = word_times(system.network, system.vocabulary, torch.from_numpy(samples_N), transcript)
    placed = "spread evenly" if times is None else "where the model's CTC letters begin"
    words = transcript.split()
    times = even_times(len(words), len(samples_N)) if times is None else times
    args.out.parent.mkdir(parents=True, exist_ok=True)
    plot(SegmentedUtterance(title, samples_N, list(zip(times, words, strict=True)), placed,
                            traced.frame_samples / SAMPLE_RATE, traced.probabilities, traced.boundaries, traced.reads,
                            args.lag, system.writing.language.unit), args.out)
    print(args.out)


def _source(args: argparse.Namespace) -> tuple[str, np.ndarray, str]:
    """A name, (N,) samples at 16 kHz, and the transcript, which is empty where there is none."""
    if args.audio is not None:
        return args.audio.name, read_any(args.audio), ""
    if args.corpus is None:
        raise InputError("--corpus", "the folder of the manifest that --utterance is looked up in", "nothing",
                         "Add --corpus DIR, or take --audio FILE.")
    path = args.corpus / f"{args.split}.tsv"
    spoken = [one for one in read_manifest(path) if args.source_lang in (None, one.src_lang)]
    utterance = _find(spoken, args.utterance, path)
    return f"{utterance.id}: {utterance.src_text}", utterance.audio.read(), utterance.src_text


def _find(utterances: list[Utterance], name: str, path: Path) -> Utterance:
    named = [one for one in utterances if one.id == name]
    if not named and (index := plain_whole(name)) is not None:
        named = utterances[index:index + 1]
    if not named:
        raise InputError("--utterance", f"an id of {path}, or an index from 0 to {len(utterances) - 1}", name,
                         "Correct the option.")
    return named[0]


def _parser() -> Parser:
    parser = Parser(SCRIPT, description=__doc__)
    WaitSegmentAgent.add_args(parser)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--utterance", metavar="ID", help="id, or index from 0, of an utterance in CORPUS/SPLIT.tsv")
    what.add_argument("--audio", type=Path, metavar="FILE", help="any recording, without a transcript")
    parser.add_argument("--split", default="tst-COMMON", help="split of --utterance")
    parser.add_argument("--source-segment-size", type=int, default=320, metavar="MS",
                        help="audio that the agent reads at a time, in ms")
    parser.add_argument("--out", type=Path, required=True, metavar="PNG", help="image to write")
    return parser


if __name__ == "__main__":
    sys.exit(main())
