"""segments.json and its table."""

from mgcm_fairseq.analysis.segment_counts import SegmentCount, short_and_long
from mgcm_fairseq.analysis.segment_report import assemble, table

COUNTS = [SegmentCount(3, 2, 900.0), SegmentCount(5, 4, 1000.0)]
PUBLISHED = [SegmentCount(9, 2, 900.0), SegmentCount(0, 4, 10.0)]
SETTING = {"split": "dev", "source_segment_size_ms": 320, "dtype": "fp32", "variant": "repaired", "unit": "words"}


def cells(report):
    lines = table(report).splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def test_the_report_holds_both_models_and_what_they_depend_on():
    report = assemble(COUNTS, PUBLISHED, 2, SETTING)
    assert list(report) == ["groups", "short", "long", "published", "environment"]
    assert report["groups"] == {"median_words": 2, "short": "up to 2 words", "long": "more than 2 words"}
    assert {name: report[name] for name in ("short", "long")} == short_and_long(COUNTS, 2)
    assert report["published"] == short_and_long(PUBLISHED, 2)
    assert report["environment"].items() >= {"utterances": 2, **SETTING}.items()
    assert report["environment"]["torch"]


def test_the_table_has_a_row_for_each_group_of_each_model():
    head, _, *rows = cells(assemble(COUNTS, PUBLISHED, 2, SETTING))
    assert head == ["model", "utterances", "segments", "words", "segments / words", "mean difference", "segment (ms)"]
    assert rows == [
        ["repaired, short", "1", "3", "2", "1.50", "1.00", "300"],
        ["repaired, long", "1", "5", "4", "1.25", "1.00", "200"],
        ["published, short", "1", "9", "2", "4.50", "7.00", "100"],
        ["published, long", "1", "0", "4", "0.00", "4.00", "–"],
    ]


def test_characters_are_called_so():
    report = assemble(COUNTS, None, 2, {**SETTING, "unit": "characters"})
    assert report["groups"]["long"] == "more than 2 characters"
    assert cells(report)[0] == ["model", "utterances", "segments", "characters", "segments / characters",
                                "mean difference", "segment (ms)"]


def test_without_a_second_model_its_place_is_empty():
    report = assemble(COUNTS, None, 2, SETTING)
    assert report["published"] is None
    assert [row[0] for row in cells(report)[2:]] == ["repaired, short", "repaired, long"]
    assert "Short: up to 2 words, the median; long: more than 2 words." in table(report)
