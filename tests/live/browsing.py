"""A live server for a browser, and what a page shows of a stream that is over."""

import asyncio
import json
import threading

from mgcm_fairseq.live.limits import StreamLimits
from mgcm_fairseq.live.server import LiveServer

DROP = """(bytes) => {
  const dropped = new DataTransfer();
  dropped.items.add(new File([Uint8Array.from(bytes)], "speech.wav"));
  document.dispatchEvent(new DragEvent("drop", { dataTransfer: dropped }));
}"""  # a file of these bytes on the page


class Background:
    """A live server in a thread of its own."""

    def __init__(self, runs, **limits):
        self.server = LiveServer(runs, StreamLimits(**limits))
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.listening = self.call(self.server.listen(0))
        self.address = f"http://127.0.0.1:{self.listening.sockets[0].getsockname()[1]}/"

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)

    @property
    def session(self):
        """The only stream."""
        [session] = self.server.streams.sessions.values()
        return session

    async def cut(self):
        """Cuts the only connection, with sound in it that the server has not read."""
        session = self.session
        limit, session._inbox.limit = session._inbox.limit, 0
        await asyncio.sleep(0.5)
        session.connection.transport.abort()
        session._inbox.limit = limit
        return session.received

    async def _end(self):
        self.listening.close()
        await self.listening.wait_closed()
        for session in list(self.server.streams.sessions.values()):
            self.server.streams.drop(session)

    def close(self):
        self.call(self._end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


def done(page):
    """The text, the words with their titles, and the log of a stream that is over."""
    page.locator("#state", has_text="Done.").wait_for(timeout=20_000)
    with page.expect_download() as download:
        page.click("#save-log")
    log = [json.loads(line) for line in download.value.path().read_text("utf-8").splitlines()]
    sentences = [line.text_content()[len("0:00:00"):] for line in page.locator("#transcript p").all()]
    return " ".join(sentences), page.locator("#words span").all(), log


def check_log(page, shown, log, run):
    """What the page shows is what its log has, in the order of the server's answers."""
    assert log[0]["run"] == run
    assert [line["answer"] for line in log[1:]] == list(range(len(log) - 1))
    words = [word for line in log[1:] for word in line["words"]]
    assert page.locator("#count").text_content() == str(len(words))
    assert [element.text_content() for element in shown] == [word["text"] for word in words]
    for element, word in zip(shown, words, strict=True):
        assert f"written when {word['heard']:.2f} s were heard" in element.get_attribute("title")
