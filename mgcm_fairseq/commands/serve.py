"""Translates a microphone or a recording while it is heard, in a page of the browser on this machine."""

import argparse
import asyncio
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import mgcm_fairseq.tasks  # noqa: F401 - repairs the stack before torchaudio is imported
from mgcm_fairseq.agents.choice import HELP
from mgcm_fairseq.common.arguments import Parser, device
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import SCRIPTS, install
from mgcm_fairseq.common.plain_numbers import plain_whole
from mgcm_fairseq.common.program import program
from mgcm_fairseq.decoding.agent_options import SOURCE_LANG
from mgcm_fairseq.decoding.system import load_system

if TYPE_CHECKING:
    from mgcm_fairseq.live.server import LiveServer

SCRIPT = SCRIPTS["serve"]
PORT = 8765


@program(SCRIPT)
def main(arguments: Sequence[str] | None = None) -> None:
    args = _parser().parse_args(arguments)
    _check_installed()
    from mgcm_fairseq.live.limits import StreamLimits  # what it imports may not be installed
    from mgcm_fairseq.live.runs import Runs
    from mgcm_fairseq.live.server import LiveServer

    print(f"{SCRIPT}: loading {args.checkpoint}", file=sys.stderr)
    system = load_system(args.checkpoint, args.corpus).hearing(args.source_lang).on(args.device)
    runs = Runs(args.run or [], args.checkpoint, system)
    for said in runs.said():
        print(f"{SCRIPT}: {said}", file=sys.stderr)
    asyncio.run(_serve(LiveServer(runs, StreamLimits()), args.port))


async def _serve(server: "LiveServer", port: int) -> None:
    try:
        listening = await server.listen(port)
    except OSError as error:
        raise InputError("--port", "a free port of this machine", f"{port} ({error.strerror})",
                         "Pass another one, or 0 for any.") from error
    port = listening.sockets[0].getsockname()[1]
    print(f"Open http://127.0.0.1:{port}/ in a browser; Ctrl-C ends it.", flush=True)
    async with listening:
        await listening.serve_forever()


def _check_installed() -> None:
    """InputError without the packages of the extra `live`."""
    for name in ("websockets", "soxr"):
        if importlib.util.find_spec(name) is None:
            raise InputError("mgcm-fairseq", f"the package {name}", "none",
                             f"Install it: {install('live')}.")


def _parser() -> Parser:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="trained simul_st checkpoint")
    parser.add_argument("--corpus", type=Path, metavar="DIR",
                        help="only for an older checkpoint without a vocabulary inside: the corpus of its training")
    parser.add_argument(SOURCE_LANG, metavar="LANG",
                        help="language that is spoken, for a model that knows several (default: the only one)")
    parser.add_argument("--run", action="append", metavar="POLICY:POINT [OPTIONS]",
                        help="a policy that the page offers; may be repeated (default: wait-segment:3, or wait-k:3 for "
                        f"a model that does not segment); {HELP}")
    parser.add_argument("--device", type=device, default="cpu", help="cpu, cuda, cuda:1, ...")
    parser.add_argument("--port", type=_port, default=PORT, help="of this machine; 0 for any that is free")
    return parser


def _port(text: str) -> int:
    value = plain_whole(text)
    if value is None or value > 65_535:
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, found {text!r}")
    return value


if __name__ == "__main__":
    sys.exit(main())
