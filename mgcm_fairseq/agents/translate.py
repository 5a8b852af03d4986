"""Shows a recording's translation as an agent writes it: `python -m mgcm_fairseq.agents.translate FILE`."""

import argparse
import sys
from pathlib import Path

import mgcm_fairseq.tasks  # noqa: F401 - repairs the stack before torchaudio is imported
from mgcm_fairseq.agents.listening import listen
from mgcm_fairseq.agents.wait_k import WaitKAgent
from mgcm_fairseq.agents.wait_segment import WaitSegmentAgent
from mgcm_fairseq.data.audio import read_any
from mgcm_fairseq.data.errors import InputError
from mgcm_fairseq.data.stopping import stoppable

READ_MS = 320  # of audio between two looks at what may be written


@stoppable
def main() -> None:
    args = _parser().parse_args()
    print(f"{args.audio.name}: loading {args.checkpoint}", file=sys.stderr)
    try:
        samples_N = read_any(args.audio)
        agent = WaitSegmentAgent(args) if args.wait_k is None else WaitKAgent(args)
        for seconds, words in listen(agent, samples_N, READ_MS):
            if words:
                print(f"{seconds:7.2f} s  {words}", flush=True)
    except InputError as error:
        print(f"translate: {error}", file=sys.stderr)
        sys.exit(2)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/translate.sh", description=__doc__)
    parser.add_argument("audio", type=Path, help="wav, flac or ogg; any sample rate, mono or stereo")
    parser.add_argument("--checkpoint", type=Path, required=True, help="trained simul_st checkpoint")
    parser.add_argument("--corpus", type=Path, metavar="DIR",
                        help="folder with config.yaml and vocabulary; default: the one trained on")
    policy = parser.add_mutually_exclusive_group()
    policy.add_argument("--lag", type=int, default=3, metavar="K", help="wait-segment with this lag (default 3)")
    policy.add_argument("--wait-k", type=int, metavar="K", help=f"wait-k with steps of {READ_MS} ms instead")
    parser.set_defaults(step_ms=READ_MS, bf16=False)
    return parser


if __name__ == "__main__":
    main()
