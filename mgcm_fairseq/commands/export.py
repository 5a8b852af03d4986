"""Makes the folder of a system, which SimulEval runs with --system-dir, and simulstream by its YAML in it."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from mgcm_fairseq.agents.registry import POLICIES, agent_class
from mgcm_fairseq.common.arguments import Parser
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import SCRIPTS
from mgcm_fairseq.common.lock import locked
from mgcm_fairseq.common.program import called, program
from mgcm_fairseq.common.whole import room_in
from mgcm_fairseq.models.averaging import average

SCRIPT = SCRIPTS["export"]
MODEL, SYSTEM, PROCESSOR = "model.pt", "main.yaml", "simulstream.yaml"
HEADER = """\
# Run by SimulEval, wherever this folder lies, with mgcm-fairseq installed:
# simuleval --system-dir FOLDER --source-segment-size 320 --source LIST --target LIST --output FOLDER \\
#     --eval-latency-unit {unit} --sacrebleu-tokenizer {tokenizer}
"""
PROCESSOR_HEADER = """\
# Run by simulstream in this folder, with mgcm-fairseq and its extra `simulstream` installed:
# simulstream_inference --speech-processor-config simulstream.yaml --wav-list-file LIST --metrics-log-file LOG
"""
CHUNK = 0.32  # seconds; text does not depend on it, and delays do


def export(policy: str, args: argparse.Namespace, out: Path) -> None:
    """Writes `out`, which must not exist, whole or not at all: weights, config.yaml, vocabulary and a YAML a toolkit.

    `args`, those of the policy's agent, are checked by building it.
    """
    out = out.resolve()
    partial = out.parent / f".{out.name}.partial"
    if out.exists():
        shutil.rmtree(partial, ignore_errors=True)  # of an export that was killed as it ended
        raise InputError("--out", "a folder that does not exist yet", str(out), "Remove it, or pass another.")
    agent = agent_class(policy).from_args(args)
    language = agent.system.writing.language
    with locked(partial, "export"):
        folder = partial / out.name
        try:
            with room_in(partial, out):
                shutil.rmtree(folder, ignore_errors=True)  # of an export that was killed
                folder.mkdir()
                average([args.checkpoint], folder / MODEL)
                for name, content in agent.system.record.files.items():
                    (folder / name).write_bytes(content)
                header = HEADER.format(unit=language.unit, tokenizer=language.tokenizer)
                text = header + yaml.safe_dump(system(args, policy), sort_keys=False)
                (folder / SYSTEM).write_text(text, encoding="utf-8")
                text = PROCESSOR_HEADER + yaml.safe_dump(processor(args, policy, language.unit), sort_keys=False)
                (folder / PROCESSOR).write_text(text, encoding="utf-8")
                folder.rename(out)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def system(args: argparse.Namespace, policy: str) -> dict[str, Any]:
    """What main.yaml holds, with files relative to it: SimulEval stands in its folder when it builds the agent.

    A flag counts as given whatever its value (SimulEval 1.1.4), so one that is not is left out.
    """
    return {"agent_class": POLICIES[policy].agent, "checkpoint": MODEL, "corpus": ".", **_given(args)}


def processor(args: argparse.Namespace, policy: str, unit: str) -> dict[str, Any]:
    """What simulstream.yaml holds, with files relative to it; `unit`: word or char, in which text is counted."""
    return {"type": "mgcm_fairseq.agents.simulstream_processor.AgentProcessor", "speech_chunk_size": CHUNK,
            "detokenizer_type": "simuleval", "latency_unit": unit, "policy": policy, "checkpoint": MODEL, "corpus": ".",
            "options": _given(args)}


def _given(args: argparse.Namespace) -> dict[str, Any]:
    """The options that are on, but for those that say where the model is."""
    return {name: value for name, value in vars(args).items()
            if name not in ("checkpoint", "corpus") and value is not None and value is not False}


def agent_args(policy: str, checkpoint: Path, corpus: Path | None, options: list[str]) -> argparse.Namespace:
    """The agent's arguments; ends the program, or raises InputError, for options that it does not have."""
    parser = Parser(f"{called(SCRIPT)} ... --policy {policy} --", description=f"Options of the policy {policy}.")
    agent_class(policy).add_args(parser)
    folder = [] if corpus is None else ["--corpus", str(corpus)]
    args = parser.parse_args(["--checkpoint", str(checkpoint), *folder, *options])
    if (args.checkpoint, args.corpus) != (checkpoint, corpus):
        raise InputError("options of the agent", "neither --checkpoint nor --corpus", " ".join(options),
                         "Pass them in front of the --.")
    return args


@program(SCRIPT)
def main(arguments: Sequence[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    export(given.policy, agent_args(given.policy, given.checkpoint, given.corpus, given.options), given.out)
    print(f"{given.out}: {given.policy}; simuleval --system-dir {given.out} runs it, {SYSTEM} says with which options")


def _parser() -> Parser:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="trained simul_st checkpoint")
    parser.add_argument("--corpus", type=Path, metavar="DIR",
                        help="only for an older checkpoint without a vocabulary inside: the corpus of its training")
    parser.add_argument("--policy", choices=list(POLICIES), required=True, help="policy that the system follows")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="folder to make; it must not exist")
    parser.add_argument("options", nargs="*", metavar="OPTION",
                        help="behind a --, options of the policy's agent, e.g. -- --lag 3; -- --help shows them")
    return parser


if __name__ == "__main__":
    sys.exit(main())
