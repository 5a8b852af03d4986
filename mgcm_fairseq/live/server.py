"""The page and the WebSocket on one port of this machine."""

from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from mgcm_fairseq.live.conversation import LAST_WORDS, Conversation
from mgcm_fairseq.live.limits import MESSAGE, StreamLimits
from mgcm_fairseq.live.pages import page, refusal
from mgcm_fairseq.live.protocol import VERSION
from mgcm_fairseq.live.runs import Runs
from mgcm_fairseq.live.streams import Streams

ADDRESS = "127.0.0.1"


class LiveServer:
    """Of the runs of one checkpoint."""

    def __init__(self, runs: Runs, limits: StreamLimits) -> None:
        self.runs = runs
        self.streams = Streams(runs, limits)

    async def listen(self, port: int) -> Server:
        """Begins to listen on a port of this machine, for 0 on any that is free; OSError for one that is taken."""
        return await serve(self._converse, ADDRESS, port, process_request=self._request, max_size=MESSAGE, max_queue=4,
                           compression=None, ping_interval=None, close_timeout=LAST_WORDS, server_header=None)

    def about(self) -> dict[str, Any]:
        """What the page has to know before it connects."""
        system = self.runs.system
        return {"protocol": VERSION, "kept": self.streams.limits.kept, "beat": self.streams.limits.beat,
                "source_lang": system.source_lang, "target_lang": system.corpus.tgt_lang,
                "separator": system.writing.separator, "runs": self.runs.names}

    def _request(self, connection: ServerConnection, request: Request) -> Response | None:
        found = refusal(request)
        if found is None and request.headers.get("Upgrade", "").lower() != "websocket":
            found = page(request.path, self.about())
        return found

    async def _converse(self, connection: ServerConnection) -> None:
        await Conversation(connection, self.streams).hold()
