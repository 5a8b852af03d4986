"""Steps run again exactly when an option, an input or an output is not what it was."""

import json

import pytest

from mgcm_fairseq.common.steps import StepRecord
from mgcm_fairseq.common.whole import write_whole


class Copy:
    """A step that copies its input; `calls` counts the times that it ran."""

    def __init__(self, folder) -> None:
        self.folder, self.calls = folder, 0
        self.source, self.target = folder / "in", folder / "out"
        self.source.write_text("text")

    def run(self, **options) -> tuple[dict, bool]:
        def work():
            self.calls += 1
            write_whole(self.target, self.source.read_text())
            return [self.target], {"length": len(self.source.read_text())}
        return StepRecord(self.folder / "steps.json").run("copy", options, [self.source], work)


@pytest.fixture
def step(tmp_path) -> Copy:
    return Copy(tmp_path)


def test_a_finished_step_is_not_repeated(step):
    assert step.run(a=1) == ({"length": 4}, True)
    assert step.run(a=1) == ({"length": 4}, False)
    assert step.calls == 1


@pytest.mark.parametrize("change", [
    lambda step: step.source.write_text("another text"),
    lambda step: step.target.write_text("changed by hand"),
    lambda step: step.target.unlink(),
    lambda step: (step.folder / "steps.json").unlink(),
    lambda step: (step.folder / "steps.json").write_text('{"copy": {"su'),
])
def test_a_change_repeats_the_step(step, change):
    step.run(a=1)
    change(step)
    assert step.run(a=1) == ({"length": len(step.source.read_text())}, True)
    assert step.target.read_text() == step.source.read_text()


def test_another_option_repeats_the_step(step):
    step.run(a=1)
    assert step.run(a=2)[1]


def test_a_step_that_fails_is_not_recorded(step):
    step.run(a=1)
    step.source.unlink()
    with pytest.raises(FileNotFoundError):
        step.run(a=1)
    step.source.write_text("text")
    assert step.run(a=1)[1]


def test_writing_replaces_the_whole_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("a longer text than the next one")
    write_whole(path, json.dumps(1))
    assert path.read_text() == "1"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("record", ["[]", "null", "\xff", "[" * 100_000, '{"name": 3}', '{"name": {"key": "a"}}',
                                    '{"name": {"key": "a", "outputs": [], "summary": {}}}'])
def test_a_record_of_another_kind_is_none(tmp_path, record):
    (tmp_path / "steps.json").write_bytes(record.encode("latin-1"))
    assert StepRecord(tmp_path / "steps.json").run("name", {}, [], lambda: ([], {"kept": 3})) == ({"kept": 3}, True)
    assert StepRecord(tmp_path / "steps.json").run("name", {}, [], lambda: ([], {"kept": 4})) == ({"kept": 3}, False)


@pytest.mark.parametrize("name", ["a" * 300, "a\0b", "file/b"])
def test_names_that_no_file_can_have_are_files_that_are_not_there(tmp_path, name):
    (tmp_path / "file").touch()
    step = StepRecord(tmp_path / "steps.json")
    assert step.run("name", {}, [tmp_path / name], lambda: ([], {}))[1]
