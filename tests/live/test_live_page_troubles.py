"""What the page does, and says, where something goes wrong: a slow machine, a file that is gone, two starts at once."""

import contextlib
import re
import time

import pytest
import soundfile

from mgcm_fairseq.live import pages
from tests.live.browsing import DROP, done
from tests.live.clients import stalled
from tests.live.conftest import RUNS


@contextlib.contextmanager
def a_slow_agent(page, server):
    """Once it has heard something the agent of the only stream does nothing more, until this is left."""
    page.locator("#heard", has_text=re.compile("[1-9]")).wait_for(timeout=20_000)
    with stalled(server.session):
        yield


KEEP_OPENED = """() => {
  const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wish) => (window.opened = await ask(wish));
}"""
OPENED = "window.opened.getTracks().map((track) => track.readyState)"  # of the latest microphone


def stop(page):
    """Presses Stop, unless the sound is over."""
    page.locator("#stop").evaluate("(button) => button.click()")


@pytest.fixture
def long_talk(tmp_path, talk):
    pcm = (bytes(32_000) + 4 * talk)[:4 * 32_000]
    soundfile.write(tmp_path / "talk.wav", memoryview(pcm).cast("h"), 16_000, subtype="PCM_16")
    return tmp_path / "talk.wav", pcm


def test_a_file_waits_for_a_slow_machine_and_loses_nothing(serve, visit, long_talk, expected):
    server = serve(kept=2, queue=0.1)
    page = visit(server)
    path, pcm = long_talk
    page.select_option("#run", "alignatt:2")
    page.set_input_files("#file", path)
    with a_slow_agent(page, server):
        page.wait_for_timeout(1_000)  # more than the page and the queue hold
        server.call(server.cut())
    text, _, log = done(page)
    assert text == expected("alignatt:2", pcm)
    assert log[-1]["heard"] == log[-1]["sent"] == 4
    assert not any("lost" in line for line in log)
    assert page.locator("#lost").text_content() == "0.0"


def test_a_microphone_does_not_wait_and_what_is_dropped_is_a_gap(serve, visit):
    server = serve(kept=1, queue=0.2)
    page = visit(server)
    page.click("#microphone")
    with a_slow_agent(page, server):
        page.locator("#state", has_text="s of sound were dropped").wait_for(timeout=10_000)
        assert "The machine does not keep up." in page.locator("#state.fault").text_content()
        page.wait_for_timeout(500)
    page.locator("#state:not(.fault)", has_text="s of sound were dropped").wait_for(timeout=10_000)
    assert "keep up" not in page.locator("#state").text_content()
    page.click("#stop")
    _, _, log = done(page)
    in_the_page = [line["waiting"] - line["queue"] for line in log[1:]]
    assert 0.5 < max(in_the_page) <= 1.001
    assert log[-1]["waiting"] == 0
    lost = [to - begin for line in log for begin, to in line.get("lost", [])]
    assert sum(lost) > 0.5
    assert page.locator("#lost").text_content() == f"{sum(lost):.1f}"
    shown = [line.text_content()[len("0:00:00"):] for line in page.locator("#transcript p").all()]
    gaps = [line for line in shown if line.startswith("[")]
    assert gaps == [f"[{seconds:.1f} s of sound were lost]" for seconds in lost]


def test_at_the_limit_of_length_the_page_has_all_words_and_says_why_it_ends(serve, visit, long_talk, expected):
    server = serve(talk=2)
    page = visit(server)
    path, pcm = long_talk
    page.set_input_files("#file", path)
    page.locator("#state.fault", has_text="expected at most 2 s of sound. Begin a new one.").wait_for(timeout=20_000)
    shown = " ".join(line.text_content()[len("0:00:00"):] for line in page.locator("#transcript p").all())
    assert shown == expected(RUNS[0], pcm[:2 * 32_000])
    assert page.locator("#microphone").is_enabled()


TAKEN = """async () => {
  const { Connection } = await import("/connection.js");
  window.WebSocket = class { static OPEN = 1; };
  const connection = new Connection({ about: { kept: 1, beat: 60, protocol: 1 }, rate: 100, answer() {}, state() {} });
  const dropped = [];
  const take = (packets) => {
    for (let i = 0; i < packets; i++) connection.take(new Int16Array(10));
    dropped.push(connection.dropped);
  };
  const has = (answer, received) => connection.hear({ answer, received });
  take(10), take(2), has(0, 30), take(1), has(1, 50), take(1), has(2, 60), take(6), take(1);
  connection.watch = () => {};
  clearTimeout(connection.watching);
  return [dropped, connection.packets.map((packet) => packet.first)];
}"""


def test_a_microphone_is_heard_again_once_half_is_free(page):
    dropped, kept = page.evaluate(TAKEN)
    assert dropped == [0, 20, 30, 40, 40, 50], "samples: 100 are kept; once full, 50 with the next packet"
    assert kept == [60, 70, 80, 90, 140, 150, 160, 170, 180, 190]


def test_a_slow_answer_is_no_lost_connection(serve, visit, recording):
    server = serve(beat=0.3)
    page = visit(server)
    connections = []
    page.on("websocket", lambda socket: connections.append(socket))
    page.set_input_files("#file", recording[0])
    with a_slow_agent(page, server):
        page.locator("#state", has_text="The machine has computed for 2 s").wait_for(timeout=10_000)
    assert len(connections) == 1
    stop(page)
    done(page)


def test_a_connection_without_a_word_is_lost(serve, visit, recording, monkeypatch):
    server = serve(beat=0.1)
    page = visit(server)
    page.set_input_files("#file", recording[0])
    with a_slow_agent(page, server):
        page.wait_for_timeout(200)
        page.evaluate(STATES)
        server.call(mute(server))
        until = time.monotonic() + 10
        while not any("The connection is lost." in text for text in page.evaluate("window.states")):
            assert time.monotonic() < until
            page.wait_for_timeout(50)
    stop(page)
    done(page)


STATES = """() => {
  window.states = [];
  const state = document.getElementById("state");
  new MutationObserver(() => window.states.push(state.textContent)).observe(
    state, { childList: true, characterData: true, subtree: true });
}"""  # every text of the line, also one that stands for a moment


async def mute(server):
    """Nothing more leaves the server over the only connection, which stays open."""
    server.session.connection.transport.write = lambda data: None


def test_one_stream_begins_at_a_time(page, recording):
    connections = []
    page.on("websocket", lambda socket: connections.append(socket))
    page.evaluate("""() => {
        const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async (wish) => {
          await new Promise((done) => (window.answer = done));
          return ask(wish);
        };
    }""")
    page.click("#microphone")
    page.evaluate(DROP, list(recording[0].read_bytes()))
    page.wait_for_timeout(100)
    assert connections == []
    assert page.locator("#state").text_content() == "Another stream goes on. Stop it first."
    page.evaluate("window.answer()")
    page.locator("#state", has_text="Listening to microphone.").wait_for()
    page.click("#stop")
    done(page)
    assert len(connections) == 1


def test_a_file_that_is_gone_is_told_and_what_was_read_is_translated(page, long_talk):
    path, _ = long_talk
    page.set_input_files("#file", path)
    page.locator("#words span").first.wait_for(timeout=20_000)
    path.unlink()
    page.locator("#microphone:enabled").wait_for(timeout=10_000)
    assert "talk.wav can no longer be read after " in page.locator("#state").text_content()
    assert "fault" in page.locator("#state").get_attribute("class")
    assert page.locator("#transcript p").count()


def test_a_worklet_that_does_not_load_is_told_and_the_microphone_is_free(page, monkeypatch):
    there = pages._files()
    monkeypatch.setattr(pages, "_files", lambda: {name: there[name] for name in there if name != "worklet.js"})
    page.evaluate(KEEP_OPENED)
    page.click("#microphone")
    page.locator("#state.fault", has_text="No sound: this page's worklet.js could not be loaded").wait_for()
    assert page.evaluate(OPENED) == ["ended"]
    assert page.locator("#microphone").is_enabled()


UNPLUGGED = """() => Object.defineProperty(MediaStreamTrack.prototype, "onended", { set: (told) => told() })"""


def test_a_microphone_that_is_unplugged_while_it_begins_ends_its_stream(page):
    page.evaluate(UNPLUGGED)
    page.click("#microphone")
    done(page)
    assert page.locator("#microphone").is_enabled()


def test_the_last_packet_of_a_microphone_is_sent_though_it_is_not_full(page):
    page.evaluate(KEEP_OPENED)
    received = []
    while len(received) < 4 and not any(samples % 1_600 for samples in received):  # a stop may fall between two packets
        page.click("#microphone")
        page.locator("#state", has_text="Listening").wait_for()
        page.wait_for_timeout(250)
        page.click("#stop")
        received.append(done(page)[2][-1]["received"])
    assert any(samples % 1_600 for samples in received), received
    assert page.evaluate(OPENED) == ["ended"]
