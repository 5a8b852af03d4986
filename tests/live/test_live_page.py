"""The page in a browser without a screen: a file and a microphone become text, and nothing else is asked for."""

import json
import shutil
import subprocess

import pytest

from mgcm_fairseq.live.pages import _files
from tests.live.browsing import check_log, done
from tests.live.conftest import RUNS


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_scripts_of_the_page_are_javascript(tmp_path):
    scripts = {name: body for name, body in _files().items() if name.endswith(".js")}
    assert len(scripts) > 5
    for name, body in scripts.items():
        (tmp_path / name).with_suffix(".mjs").write_bytes(body)
        subprocess.run(["node", "--check", (tmp_path / name).with_suffix(".mjs")], check=True, capture_output=True)


OLD = """import { Minute } from "./minute.mjs";
const minute = new Minute(100);
minute.answer({ segments: [0.5], lost: [[0.1, 0.2]], heard: 1, rtf: 0.1, queue: 0, words: ["a"] });
minute.hear(new Int16Array(100 * 120));
const slow = new Minute(20);
if (slow.size > 0) slow.hear(new Int16Array(5));
console.log(JSON.stringify([minute.ends.length, minute.lost.length, minute.load.length, minute.steps, slow.size,
                            slow.peaks.length]));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_a_minute_forgets_all_that_is_older_and_draws_the_slowest_sound(tmp_path):
    (tmp_path / "minute.mjs").write_bytes(_files()["minute.js"])
    (tmp_path / "old.mjs").write_text(OLD)
    done = subprocess.run(["node", tmp_path / "old.mjs"], check=True, capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout) == [0, 0, 1, [{"time": 1, "words": 1}], 1, 5]


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
