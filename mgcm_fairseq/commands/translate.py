"""Shows a recording's translation as an agent writes it, with the seconds heard so far."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import mgcm_fairseq.tasks  # noqa: F401 - repairs the stack before torchaudio is imported
from mgcm_fairseq.agents.base import SystemAgent
from mgcm_fairseq.agents.choice import HELP, build_agent, read_choice
from mgcm_fairseq.common.arguments import Parser
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import SCRIPTS
from mgcm_fairseq.common.program import command, program
from mgcm_fairseq.data.recording import read_any
from mgcm_fairseq.decoding.system import load_system
from mgcm_fairseq.decoding.trained_length import too_long
from mgcm_fairseq.evaluation.listening import listen

SCRIPT = SCRIPTS["translate"]
READ_MS = 320  # of audio between two looks at what may be written


@program(SCRIPT)
def main(arguments: Sequence[str] | None = None) -> None:
    args = _parser().parse_args(arguments)
    print(f"{args.audio.name}: loading {args.checkpoint}", file=sys.stderr)
    samples_N = read_any(args.audio)
    agent = _agent(args)
    if warning := too_long(len(samples_N), agent.system.longest):
        print(f"{args.audio.name}: {warning}", file=sys.stderr)
    for seconds, words in listen(agent, samples_N, READ_MS):
        if words:
            print(f"{seconds:7.2f} s  {words}", flush=True)


def _agent(args: argparse.Namespace) -> SystemAgent:
    short = f"wait-segment:{args.lag}" if args.wait_k is None else f"wait-k:{args.wait_k}"
    _, policy, points, options = read_choice(args.run or short)
    if len(points) > 1:
        raise InputError("--run", "one operating point", repr(args.run), "Choose one: a recording is translated once.")
    return build_agent(policy, points[0], options, args.checkpoint, load_system(args.checkpoint, args.corpus))


def _parser() -> Parser:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("audio", type=Path, help="wav, flac or ogg; any sample rate, mono or stereo")
    parser.add_argument("--checkpoint", type=Path, required=True, help="trained simul_st checkpoint")
    parser.add_argument("--corpus", type=Path, metavar="DIR",
                        help="only for an older checkpoint without a vocabulary inside: the corpus of its training")
    policy = parser.add_mutually_exclusive_group()
    policy.add_argument("--run", metavar="POLICY:POINT [OPTIONS]", help=f"as for {command('evaluate')}: {HELP}")
    policy.add_argument("--lag", type=int, default=3, metavar="K", help="short for --run wait-segment:K")
    policy.add_argument("--wait-k", type=int, metavar="K", help="short for --run wait-k:K")
    return parser


if __name__ == "__main__":
    sys.exit(main())
