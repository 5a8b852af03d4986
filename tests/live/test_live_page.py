"""The page in a browser without a screen: a file and a microphone become text, and nothing else is asked for."""

import asyncio
import json
import shutil
import subprocess
import threading

import pytest
import soundfile

from mgcm_fairseq.live.limits import StreamLimits
from mgcm_fairseq.live.pages import _files
from mgcm_fairseq.live.server import LiveServer
from tests.live.conftest import RUNS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_scripts_of_the_page_are_javascript(tmp_path):
    scripts = {name: body for name, body in _files().items() if name.endswith(".js")}
    assert len(scripts) > 5
    for name, body in scripts.items():
        (tmp_path / name).with_suffix(".mjs").write_bytes(body)
        subprocess.run(["node", "--check", (tmp_path / name).with_suffix(".mjs")], check=True, capture_output=True)


class Background:
    """A live server in a thread of its own."""

    def __init__(self, runs):
        self.server = LiveServer(runs, StreamLimits())
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.listening = self.call(self.server.listen(0))
        self.address = f"http://127.0.0.1:{self.listening.sockets[0].getsockname()[1]}/"

    def call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)

    async def cut(self):
        """Cuts the only connection, with sound in it that the server has not read."""
        [session] = self.server.streams.sessions.values()
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


@pytest.fixture(scope="module")
def recording(tmp_path_factory, talk):
    """A second of silence, since the first tenths of a fake microphone are lost, and a sentence or two."""
    path = tmp_path_factory.mktemp("recording") / "speech.wav"
    pcm = bytes(32_000) + talk[:2 * 16_000 * 3]
    soundfile.write(path, memoryview(pcm).cast("h"), 16_000, subtype="PCM_16")
    return path, pcm


@pytest.fixture(scope="module")
def browser(recording):
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=CHROMIUM, args=[
            "--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
            "--enable-precise-memory-info", f"--use-file-for-fake-audio-capture={recording[0]}%noloop"])
        yield launched
        launched.close()


@pytest.fixture
def background(runs):
    server = Background(runs)
    yield server
    server.close()


@pytest.fixture
def page(browser, background):
    """The page, which asks nobody but its server for anything, and has no fault."""
    page, requests, faults = browser.new_page(), [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(background.address)
    page.locator("#languages", has_text="en → de").wait_for()
    yield page
    page.close()
    assert faults == []
    assert len(requests) > 5
    assert {url[:len(background.address)] for url in requests if not url.startswith("blob:")} == {background.address}


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


def test_a_file_becomes_its_text_though_the_connection_is_lost(page, background, recording, expected):
    path, pcm = recording
    page.select_option("#run", "alignatt:2")
    page.set_input_files("#file", path)
    page.locator("#words span").first.wait_for()
    assert background.call(background.cut()) < len(pcm) / 2
    page.locator("#state", has_text="The connection is lost.").wait_for()
    text, shown, log = done(page)
    assert text == expected("alignatt:2", pcm)
    check_log(page, shown, log, "alignatt:2")
    assert log[-1]["heard"] == len(pcm) / 32_000
    assert page.locator("#lost").text_content() == "0.0"


def test_a_microphone_becomes_text_while_it_is_on(page):
    page.click("#microphone")
    page.locator("#words span").nth(1).wait_for(timeout=20_000)
    page.click("#stop")
    text, shown, log = done(page)
    check_log(page, shown, log, RUNS[0])
    assert len(text.split()) == len(shown) > 1
    assert log[0]["sample_rate"] == 16_000
    assert any(line["words"] for line in log[1:-1]), "before it was stopped"
    assert any(line["segments"] for line in log[1:])


LONG = """async () => {
  const [{ Minute }, { Record }, { Transcript }, { Words }] = await Promise.all(
    ["minute", "record", "transcript", "words"].map((name) => import(`/${name}.js`)));
  const part = (name) => document.getElementById(name);
  const minute = new Minute(16000), record = new Record({ name: "long" }, " ");
  const words = new Words(part("words"), part("tip")), transcript = new Transcript(part("transcript"));
  for (let i = 1; i <= 9000; i++) {
    const heard = i / 10, written = i % 4 ? [] : [{ text: i % 40 ? "Wort" : "Ende.", heard, ready: heard + 0.02 }];
    minute.hear(new Int16Array(1600).fill(i % 100));
    const answer = { answer: i, heard, words: written, new: written.map((word) => ` ${word.text}`).join(""),
                     deleted: "", segments: i % 3 ? [] : [heard], queue: 0, rtf: 0.1, computing: 0.01,
                     received: 1600 * i };
    minute.answer(answer);
    record.answer(answer, heard);
    if (i > 7500) written.forEach((word) => words.add(word, heard)); // each is measured, which takes time
    words.move(heard);
    if (i % 40 === 0) transcript.show(record.text);
  }
  return { heap: performance.memory.usedJSHeapSize, peaks: minute.peaks.length, steps: minute.steps.length,
           shown: part("words").children.length, lines: part("transcript").children.length, words: record.words,
           log: record.log().size };
}"""


def test_a_quarter_of_an_hour_leaves_a_minute_to_draw_and_all_of_the_text(page):
    found = page.evaluate(LONG)
    assert found["words"] == 2_250
    assert found["lines"] == 225
    assert found["peaks"] <= 3_001 + 5
    assert found["steps"] <= 152
    assert found["shown"] <= 165
    assert found["log"] > 1_000_000
    assert found["heap"] < 15e6
