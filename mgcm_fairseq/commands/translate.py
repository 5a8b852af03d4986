"""Shows a recording's translation as an agent writes it, with the seconds heard so far.

A recording may be of any length, or `-` for a pipe: `arecord -q -t raw -f S16_LE -c 1 -r 16000 | PROGRAM -` for a
microphone, `ffmpeg -loglevel error -i FILE -f s16le -ac 1 -ar 16000 - | PROGRAM -` for whatever ffmpeg reads.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from mgcm_fairseq.common.arguments import Parser, device, positive
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import SCRIPTS
from mgcm_fairseq.common.program import command, program
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.pipe import Pipe
from mgcm_fairseq.data.recording import Recording
from mgcm_fairseq.decoding.agent_options import SOURCE_LANG
from mgcm_fairseq.evaluation.subtitles import Subtitles

if TYPE_CHECKING:
    from mgcm_fairseq.agents.base import SystemAgent

SCRIPT = SCRIPTS["translate"]
LAG = 3  # segments
READ_MS = 320  # of audio between two looks at what may be written


@program(SCRIPT)
def main(arguments: Sequence[str] | None = None) -> None:
    args = _parser().parse_args(arguments)
    sound = _sound(args)
    with ExitStack() as stack:
        if isinstance(sound, Pipe):
            stack.enter_context(sound.ending_at_ctrl_c())
        subtitles = stack.enter_context(Subtitles(args.subtitles)) if args.subtitles else None
        _say(sound, f"loading {args.checkpoint}")  # before anything that imports torch, which takes seconds
        from mgcm_fairseq.evaluation.listening import listen_on

        agent = _agent(args, sound)
        if subtitles:
            subtitles.begin(agent.system.writing.language)
        _say(sound, "listening")
        written = False
        for seconds, words in listen_on(agent, sound.parts(), READ_MS):
            if words:
                print(f"{seconds:7.2f} s  {words}", flush=True)
                written = True
            if subtitles:
                subtitles.add(words, seconds)
        if subtitles:
            subtitles.finish()
        if not written:
            _say(sound, "no word was written: the model heard no speech, or nothing that it could translate.")
        sound.check()  # before the subtitles replace older ones


def _sound(args: argparse.Namespace) -> Recording | Pipe:
    if args.audio == "-":
        if sys.stdin is None:
            raise InputError("-", "samples from a pipe", "a standard input that is closed", "Pipe a sound to it.")
        return Pipe(sys.stdin.fileno(), args.sample_rate or SAMPLE_RATE)
    if args.sample_rate is not None:
        raise InputError("--sample-rate", "a pipe, given as -", args.audio, "Drop the option: the file knows its rate.")
    return Recording(Path(args.audio))


def _agent(args: argparse.Namespace, sound: Recording | Pipe) -> "SystemAgent":
    from mgcm_fairseq.agents.choice import build_agent, read_choice
    from mgcm_fairseq.decoding.system import load_system
    from mgcm_fairseq.decoding.trained_length import options_for

    lag = LAG if args.lag is None else args.lag
    short = f"wait-segment:{lag}" if args.wait_k is None else f"wait-k:{args.wait_k}"
    _, policy, points, options = read_choice(short if args.run is None else args.run)
    if len(points) > 1:
        raise InputError("--run", "one operating point", repr(args.run), "Choose one: a recording is translated once.")
    system = load_system(args.checkpoint, args.corpus).hearing(args.source_lang).on(args.device)
    settled, said = options_for(sound.length, system, options)
    if said:
        _say(sound, said)
    return build_agent(policy, points[0], settled, args.checkpoint, system)


def _say(sound: Recording | Pipe, what: str) -> None:
    print(f"{sound.name}: {what}", file=sys.stderr, flush=True)


def _parser() -> Parser:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("audio", help="wav, flac or ogg; any length, sample rate and number of channels; or - for "
                        "16-bit samples of one channel from a pipe, without a header")
    parser.add_argument("--checkpoint", type=Path, required=True, help="trained simul_st checkpoint")
    parser.add_argument("--corpus", type=Path, metavar="DIR",
                        help="only for an older checkpoint without a vocabulary inside: the corpus of its training")
    parser.add_argument(SOURCE_LANG, metavar="LANG",
                        help="language that is spoken, for a model that knows several (default: the only one)")
    parser.add_argument("--device", type=device, default="cpu", help="cpu, cuda, cuda:1, ...")
    parser.add_argument("--sample-rate", type=positive, metavar="HZ",
                        help=f"of the samples from a pipe (default: {SAMPLE_RATE})")
    parser.add_argument("--subtitles", type=Path, metavar="FILE",
                        help="also write subtitles, SubRip or WebVTT by the ending .srt or .vtt; until the end the "
                        "file has .tmp behind its name")
    policy = parser.add_mutually_exclusive_group()
    policy.add_argument("--run", metavar="POLICY:POINT [OPTIONS]",
                        help=f"any policy with its operating point, as for {command('evaluate')}, whose --help lists "
                        "them")
    policy.add_argument("--lag", type=positive, metavar="K",
                        help=f"short for --run wait-segment:K (default: {LAG}, unless another policy is named)")
    policy.add_argument("--wait-k", type=positive, metavar="K", help="short for --run wait-k:K")
    return parser


if __name__ == "__main__":
    sys.exit(main())
