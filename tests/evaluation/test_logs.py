"""The log of a run: taken up after a kill at any moment, refused where it would mix what does not belong together."""

import pytest

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.evaluation.logs import RunLog, environments, finished, point_text, run_name

SETTINGS = {"dtype": "fp32"}
ENVIRONMENT = {"commit": "a", "torch": "2", "simuleval": "1.1.4", "silero_vad": "6", "cpu": "c", "gpu": "none"}


def log(folder, environment=ENVIRONMENT, settings=SETTINGS, count=3):
    return RunLog(folder, count, settings, environment)


def record(index):
    return {"index": index, "prediction": "a\u2028b"}


def test_sentences_in_any_order_make_a_log_in_order(tmp_path):
    run = log(tmp_path)
    for index in (2, 0, 1):
        run.add(record(index))
    assert [line[:11] for line in (tmp_path / "instances.log").read_text().splitlines()] == [
        '{"index": 0', '{"index": 1', '{"index": 2']
    assert log(tmp_path).missing == []
    assert not (tmp_path / "instances.part").exists()


@pytest.mark.parametrize("cut", ["", '{"index": 1, "pre'])
def test_what_is_missing_after_a_kill(tmp_path, cut):
    log(tmp_path).add(record(2))
    with (tmp_path / "instances.part").open("a") as part:
        part.write(cut)
    again = log(tmp_path)
    assert again.missing == [0, 1]
    for index in again.missing:
        again.add(record(index))
    assert (tmp_path / "instances.log").exists()


def test_a_kill_behind_the_last_sentence_leaves_a_log_to_finish(tmp_path):
    run = log(tmp_path)
    for index in range(3):
        run.add(record(index))
    (tmp_path / "instances.log").rename(tmp_path / "instances.part")
    assert log(tmp_path).missing == []
    assert (tmp_path / "instances.log").exists()


def test_half_a_run_of_another_commit_is_not_taken_up(tmp_path):
    log(tmp_path).add(record(0))
    with pytest.raises(InputError, match="expected the rest of a run of commit a, found b"):
        log(tmp_path, {**ENVIRONMENT, "commit": "b"})


def test_a_run_of_which_nothing_is_there_begins_where_it_is_taken_up(tmp_path):
    log(tmp_path)
    later = {**ENVIRONMENT, "commit": "b"}
    log(tmp_path, later).add(record(0))
    assert environments([tmp_path]) == [later]
    assert log(tmp_path, later).missing == [1, 2]
    with pytest.raises(InputError, match="expected the rest of a run of commit b, found a"):
        log(tmp_path)


def test_a_whole_run_of_another_commit_stands(tmp_path):
    run = log(tmp_path)
    for index in range(3):
        run.add(record(index))
    assert log(tmp_path, {**ENVIRONMENT, "commit": "b"}).missing == []


def test_other_settings_and_a_damaged_line_are_refused(tmp_path):
    log(tmp_path).add(record(0))
    with pytest.raises(InputError, match="expected dtype fp16, found fp32"):
        log(tmp_path, settings={"dtype": "fp16"})
    with (tmp_path / "instances.part").open("a") as part:
        part.write("nonsense\n")
    with pytest.raises(InputError, match=r"instances\.part:2: expected the log of a sentence"):
        log(tmp_path)



@pytest.mark.parametrize(("point", "text"), [(3, "3"), (3.0, "3"), (0.2, "0.2"), (1e6, "1000000"),
                                             (0.1234567, "0.1234567")])
def test_points_as_text(point, text):
    assert point_text(point) == text
    assert run_name("edatt", point) == f"edatt-{text}"


@pytest.mark.parametrize("count", [1, 3])
def test_a_log_whose_settings_are_gone_is_not_taken_for_one_of_here(tmp_path, count):
    run = log(tmp_path)
    for index in range(count):
        run.add(record(index))
    (tmp_path / "settings.json").unlink()
    with pytest.raises(InputError, match=r"settings\.json: expected settings and environment of a run, found"):
        log(tmp_path)


@pytest.mark.parametrize("line", [b"[]", b"null", b'{"index": 3}', b'{"index": 0}',
                                  b'{"index": "0"}', b'{"prediction": "a"}',
                                  b"[" * 100_000, b'{"index": 0, "prediction": "\xff"}'])
def test_a_line_that_is_no_sentence_of_this_run_is_refused(tmp_path, line):
    log(tmp_path).add(record(0))
    with (tmp_path / "instances.part").open("ab") as part:
        part.write(line + b"\n")
    with pytest.raises(InputError, match=r"instances\.part:2: expected .* Delete"):
        log(tmp_path)


@pytest.mark.parametrize("settings", [b"", b"[]", b"\xff", b"{}", b'{"settings": 3, "environment": {}}', b"[" * 99_999,
                                      b'{"settings": {"lag": 3}, "environment": {}}'])  # as versions before 0.1.0
def test_settings_that_are_none_are_refused(tmp_path, settings):
    folder = tmp_path / "run"
    run = log(folder)
    for index in range(3):
        run.add(record(index))
    (folder / "settings.json").write_bytes(settings)
    for read in (lambda: log(folder), lambda: finished(tmp_path, {}), lambda: environments([folder])):
        with pytest.raises(InputError, match=r"settings\.json: expected settings and environment of a run, found"):
            read()
