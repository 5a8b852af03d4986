"""All runs re-segmented by several processes: what one makes of each, with their progress; and one that is killed."""

from dataclasses import replace

import pytest

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.evaluation.long_form.resegmentation import resegment, resegment_all
from tests.deadly import Deadly
from tests.evaluation.long_form.made_talks import SENTENCES, on_time, talk, written

TALKS = [talk("one"), talk("two")]
RUNS = {"early": [on_time(), on_time(2000.0)],
        "noisy": [written("", []), written(f"So {' '.join(SENTENCES)} ist es", [100.0 * one for one in range(15)])]}


@pytest.mark.parametrize("processes", [1, 2])
def test_each_run_is_that_of_one_alone(processes, capfd):
    found = resegment_all(TALKS, RUNS, "word", processes)
    assert found == {name: resegment(TALKS, translations, "word") for name, translations in RUNS.items()}
    assert [one.index for one in found["noisy"]] == list(range(6))
    assert "re-segmenting: 100%" in (said := capfd.readouterr().err)
    assert "4/4" in said


def test_a_killed_process_is_an_error_and_no_wait_for_ever():
    deadly = replace(on_time(), delays=[Deadly()] * 12)
    with pytest.raises(InputError, match="--processes: expected processes that live"):
        resegment_all(TALKS, {"run": [on_time(), deadly]}, "word", 2)
