"""What the tests of the live server share: runs of the tiny model, recordings and their text, and a browser."""

import shutil

import numpy as np
import pytest
import soundfile

pytest.importorskip("websockets", reason="needs the extra `live`")
pytest.importorskip("soxr", reason="needs the extra `live`")

from mgcm_fairseq.decoding.system import load_system
from mgcm_fairseq.evaluation.listening import listen
from mgcm_fairseq.live.runs import Runs
from tests.agents.feeding import waveforms_of
from tests.live.browsing import Background

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
RUNS = ("wait-segment:1", "wait-k:1", "alignatt:2", "edatt:0.5", "local-agreement:320", "offline:1")


@pytest.fixture(scope="session")
def runs(tiny_corpus, tiny_segmenting_checkpoint):
    return Runs(RUNS, tiny_segmenting_checkpoint, load_system(tiny_segmenting_checkpoint, tiny_corpus))


@pytest.fixture(scope="session")
def talk(tiny_corpus):
    """Three test sentences with half a second of silence behind each, as bytes of int16."""
    return b"".join(as_pcm(one) + bytes(16_000) for one in waveforms_of(tiny_corpus)[:3])


@pytest.fixture(scope="session")
def other_talk(tiny_corpus):
    return b"".join(as_pcm(one) + bytes(16_000) for one in waveforms_of(tiny_corpus)[3:6])


@pytest.fixture(scope="session")
def expected(runs):
    """The text of a run for a recording, as agents write it without a server."""
    def listened(run, pcm):
        agent = runs.agent(run)
        samples_N = np.frombuffer(pcm, "<i2").astype(np.float32) / 2**15
        return agent.system.writing.joined(words for _, words in listen(agent, samples_N, 320))

    return listened


def as_pcm(samples):
    return (np.array(samples) * 2**15).round().astype("<i2").tobytes()


@pytest.fixture(scope="session")
def recording(tmp_path_factory, talk):
    """A second of silence, since the first tenths of a fake microphone are lost, and a sentence or two."""
    path = tmp_path_factory.mktemp("recording") / "speech.wav"
    pcm = bytes(32_000) + talk[:2 * 16_000 * 3]
    soundfile.write(path, memoryview(pcm).cast("h"), 16_000, subtype="PCM_16")
    return path, pcm


@pytest.fixture(scope="module")  # while it is there no test can have an event loop of its own
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
def serve(runs):
    """Begins a live server with these limits, for a browser."""
    servers = []

    def begin(**limits):
        servers.append(Background(runs, **limits))
        return servers[-1]

    yield begin
    for server in servers:
        server.close()


@pytest.fixture
def visit(browser):
    """Opens the page of a server: it asks nobody else for anything, and has no fault that it does not tell."""
    visited, requests, faults = [], [], []

    def go(server):
        page = browser.new_page()
        visited.append((page, server))
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(server.address)
        page.locator("#languages", has_text="en → de").wait_for()
        return page

    yield go
    [(page, server)] = visited
    page.close()
    assert faults == []
    assert len(requests) > 5
    assert {url[:len(server.address)] for url in requests if not url.startswith("blob:")} == {server.address}


@pytest.fixture
def background(serve):
    return serve()


@pytest.fixture
def page(visit, background):
    return visit(background)
