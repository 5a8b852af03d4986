"""Shows a recording's translation as an agent writes it: `python -m mgcm_fairseq.agents.translate FILE`."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import mgcm_fairseq.tasks  # noqa: F401 - repairs the stack before torchaudio is imported
from mgcm_fairseq.agents.wait_k import WaitKAgent
from mgcm_fairseq.data.audio import SAMPLE_RATE, read_any
from mgcm_fairseq.data.errors import InputError


def translate(agent: WaitKAgent, path: Path, segment_ms: int) -> Iterator[tuple[float, str]]:
    """(seconds heard, words written then) for each write of the agent over the file, in segments of segment_ms."""
    from simuleval.data.segments import SpeechSegment

    samples = read_any(path).tolist()
    size = segment_ms * SAMPLE_RATE // 1000
    agent.reset()
    for end in range(size, len(samples) + size, size):
        segment = SpeechSegment(content=samples[end - size:end], sample_rate=SAMPLE_RATE, finished=end >= len(samples))
        output = agent.pushpop(segment)
        if output.content:
            yield min(end, len(samples)) / SAMPLE_RATE, output.content


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/translate.sh", description=__doc__)
    parser.add_argument("audio", type=Path, help="wav, flac or ogg; any sample rate, mono or stereo")
    WaitKAgent.add_args(parser)
    parser.set_defaults(wait_k=3)
    for action in parser._actions:
        action.required = action.required and action.dest not in ("wait_k",)
    args = parser.parse_args()
    try:
        for seconds, words in translate(WaitKAgent(args), args.audio, args.step_ms):
            print(f"{seconds:7.2f} s  {words}", flush=True)
    except InputError as error:
        print(f"translate: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
