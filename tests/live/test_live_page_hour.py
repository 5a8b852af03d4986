"""An hour of a stream's answers in the page: it stays small, and its staircase and its log are what was answered."""

import json
import struct

import pytest

from mgcm_fairseq.live.interpreter import Interpreter

RATE, READ = 8_000, 2_560  # samples: in a second, and in a read
SECONDS = 3_600
MEGABYTE = 2**20

# In place of the server: it answers what `answers` say of a talk, one to each read, the talk again and again. The
# page's clock runs a million times faster, and it hears silence without asking the disk, so that nothing waits.
SERVER = """([answers, rate, read, total]) => {
  const now = performance.now.bind(performance);
  performance.now = () => 1e6 * now();
  const slice = Blob.prototype.slice;
  Blob.prototype.slice = function (from, to) {
    const waits = from % 10000000 < to - from; // now and then, so that the page is drawn
    const silence = () => new Promise((done) => {
      const give = () => done(new ArrayBuffer(to - from));
      if (waits) requestAnimationFrame(() => setTimeout(give)); else give();
    });
    return from ? { size: to - from, arrayBuffer: silence } : slice.call(this, from, to);
  };
  const last = Math.ceil(total / read) - 1;
  window.WebSocket = class {
    static OPEN = 1;
    constructor() {
      Object.assign(this, { readyState: 1, bufferedAmount: 0, heard: 0, next: 0 });
      setTimeout(() => (this.onopen(), this.say({ protocol: 1, stream: "hour", received: 0 })));
    }
    say(message) { queueMicrotask(() => this.onmessage({ data: JSON.stringify(message) })); }
    send(data) {
      if (typeof data !== "string") this.heard += (data.byteLength - 8) / 2;
      const ended = typeof data === "string" && JSON.parse(data).end_of_stream;
      while (this.next < last && (this.next + 1) * read <= this.heard) this.answer();
      if (ended) this.answer(), this.say({ end_of_processing: true });
    }
    answer() {
      const { words, segments, heard, ...one } = answers[this.next % answers.length];
      const before = (Math.floor(this.next / answers.length) * answers.length * read) / rate;
      const later = (time) => +(time + before).toFixed(3);
      this.say({ ...one, heard: later(heard), sent: later(heard), segments: segments.map(later), queue: 0, deleted: "",
                 words: words.map((word) => ({ ...word, heard: later(word.heard), ready: later(word.ready) })),
                 answer: this.next, received: Math.min(total, (this.next + 1) * read) });
      this.next += 1;
    }
    close() {}
  };
}"""

# What is drawn last on the staircase: [x, y] of each corner, in pixels.
PEN = """() => {
  const { prototype } = CanvasRenderingContext2D;
  const { beginPath, moveTo, lineTo } = prototype;
  const mine = (pen) => pen.canvas.id === "staircase";
  prototype.beginPath = function () { if (mine(this)) window.corners = []; beginPath.call(this); };
  prototype.moveTo = function (x, y) { if (mine(this)) corners.push([x, y]); moveTo.call(this, x, y); };
  prototype.lineTo = function (x, y) { if (mine(this)) corners.push([x, y]); lineTo.call(this, x, y); };
}"""


@pytest.fixture
def answers(runs, talk):
    """What an agent says of a talk, read by read."""
    size = 2 * READ * 16_000 // RATE
    pcm = talk + bytes(-len(talk) % size)
    interpreter = Interpreter(runs.agent("wait-segment:1"), 16_000)
    return [interpreter.hear(pcm[start:start + size], start + size == len(pcm)) for start in range(0, len(pcm), size)]


@pytest.fixture
def hour(tmp_path):
    """A silent recording, which takes no room on the disk."""
    path, size = tmp_path / "hour.wav", 2 * RATE * SECONDS
    with path.open("wb") as file:
        file.write(struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", 36 + size, b"WAVEfmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16,
                               b"data", size))
        file.truncate(44 + size)
    return path


def held(page):
    """MB of scripts, of the page's elements and of buffers, once what nobody needs is collected."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    usage = session.send("Runtime.getHeapUsage")
    return (usage["usedSize"] + usage["embedderHeapUsedSize"] + usage["backingStorageSize"]) / MEGABYTE


def drawn(page):
    """The corners of the staircase: shares of its width and of its height."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    width, height = page.locator("#staircase").evaluate("(canvas) => [canvas.clientWidth, canvas.clientHeight]")
    return [((x - 28) / (width - 28), (height - 16 - y) / (height - 24)) for x, y in page.evaluate("corners")]


def staircase(log):
    """The same by a log of SECONDS: words over the last minute."""
    steps, words = [(0, 0)], 0
    for line in log:
        words += len(line["words"])
        steps += [(line["heard"], words)] if line["words"] else []
    start = SECONDS - 60
    least = [count for time, count in steps if time < start][-1]
    corners, before = [(start, least), (start, least), (start, least)], least
    for time, count in steps:
        if time >= start:
            corners += [(time, before), (time, count)]
            before = count
    corners.append((SECONDS, words))
    return [((time - start) / 60, (count - least) / max(10, words - least)) for time, count in corners]


def test_an_hour_is_small_and_its_staircase_is_its_log(page, answers, hour):
    page.evaluate(PEN)
    page.evaluate(SERVER, [answers, RATE, READ, RATE * SECONDS])
    page.set_input_files("#file", hour)
    page.locator("#state", has_text="Done.").wait_for(timeout=300_000)
    assert held(page) < 50
    with page.expect_download() as download:
        page.click("#save-log")
    log = [json.loads(line) for line in download.value.path().read_text("utf-8").splitlines()][1:]
    assert [line["answer"] for line in log] == list(range(SECONDS * RATE // READ))
    assert log[-1]["heard"] == SECONDS
    again = [answers[number % len(answers)] for number in range(len(log))]
    assert [[word["text"] for word in line["words"]] for line in log] == [
        [word["text"] for word in answer["words"]] for answer in again]
    words = [word["text"] for line in log for word in line["words"]]
    assert len(words) > 2_000
    assert page.locator("#count").text_content() == str(len(words))
    sentences = page.evaluate("[...document.querySelectorAll('#transcript p')].map((line) => line.lastChild.data)")
    assert " ".join(sentences) == " ".join(words)
    found, expected = drawn(page), staircase(log)
    assert len(found) == len(expected) > 20
    for corner, by_the_log in zip(found, expected, strict=True):
        assert corner == pytest.approx(by_the_log, abs=1e-6)
