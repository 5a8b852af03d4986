"""Segments against words as one dictionary, segments.json, and as a table."""

from collections.abc import Mapping, Sequence
from typing import Any

from mgcm_fairseq.analysis.segment_counts import SegmentCount, short_and_long
from mgcm_fairseq.common.environment import environment
from mgcm_fairseq.evaluation.table import ABSENT, markdown

GROUPS = ("short", "long")
COLUMNS = {  # header: (key, format of the number)
    "utterances": ("utterances", "{}"), "segments": ("segments", "{}"), "words": ("words", "{}"),
    "segments / words": ("ratio", "{:.2f}"), "mean difference": ("mean_absolute_difference", "{:.2f}"),
    "segment (ms)": ("mean_segment_ms", "{:.0f}"),
}


def assemble(counts: Sequence[SegmentCount], published: Sequence[SegmentCount] | None, median: int,
             setting: Mapping[str, str | int]) -> dict[str, Any]:
    """The whole of segments.json.

    Args:
        counts: of the model that the report is about.
        published: of one trained with --segmentation-variant published, on the same utterances.
        median: the most words of a short utterance.
        setting: what was asked for, which the environment will state: split, source_segment_size_ms, dtype, variant and
            unit, words or characters.
    """
    unit = setting["unit"]
    return {
        "groups": {"median_words": median, "short": f"up to {median} {unit}", "long": f"more than {median} {unit}"},
        **short_and_long(counts, median),
        "published": None if published is None else short_and_long(published, median),
        "environment": {**environment(), "utterances": len(counts), **setting},
    }


def table(report: Mapping[str, Any]) -> str:
    """A row for each group of each model, then what the columns mean."""
    setting, groups = report["environment"], report["groups"]
    models = [(setting["variant"], report)]
    if report["published"] is not None:
        models.append(("published", report["published"]))
    rows = [["model", *(name.replace("words", setting["unit"]) for name in COLUMNS)]]
    rows += [[f"{name}, {group}", *_numbers(of_model[group])] for name, of_model in models for group in GROUPS]
    notes = (f"{setting['split']}, streamed in reads of {setting['source_segment_size_ms']} ms, {setting['dtype']}.\n"
             f"Short: {groups['short']}, the median; long: {groups['long']}.\n"
             "Mean difference: segments too many or too few in an utterance.\n")
    return "\n".join([*markdown(rows), "", notes])


def _numbers(group: Mapping[str, Any]) -> list[str]:
    values = [(group[key], form) for key, form in COLUMNS.values()]
    return [ABSENT if value is None else form.format(value) for value, form in values]
