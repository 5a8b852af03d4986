"""results.json of whole talks as Markdown tables that also read well in a terminal."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

from mgcm_fairseq.common.environment import ABSENT as NOT_INSTALLED
from mgcm_fairseq.common.installation import install
from mgcm_fairseq.data.languages import UNITS
from mgcm_fairseq.evaluation.logs import run_name
from mgcm_fairseq.evaluation.long_form.latency import METRICS
from mgcm_fairseq.evaluation.long_form.stream_laal import NAME as STREAM_LAAL
from mgcm_fairseq.evaluation.table import (
    ABSENT,
    TOO_LONG,
    WIDTH,
    Columns,
    markdown,
    setting_note,
    signatures,
    with_comets,
)

QUALITY: Columns = {
    "BLEU": ("BLEU", "{:.1f}"), "chrF": ("chrF", "{:.1f}"),
    "length": ("length_ratio", "{:.2f}"), "empty": ("empty", "{:.1%}"), "negative": ("negative_delays", "{:.1%}"),
}
LATENCIES = {"LongYAAL (ms)": "LongYAAL", "LongAL": "LongAL", "LongLAAL": "LongLAAL", "LongAP": "LongAP",
             "LongDAL": "LongDAL", STREAM_LAAL: STREAM_LAAL}
REFUSED = "refused"
TOO_SHORT = 1 / TOO_LONG
MANY = 0.2  # of the sentences


def table(results: Mapping[str, Any]) -> str:
    """A row for each run; latency with computing time; what the figures depend on, and what speaks against them."""
    runs, refused = results["simul"], results["environment"]["refused"]
    known = {key for run in runs for key in run}
    qualities = with_comets(QUALITY, runs)
    rows = [["system", "point", *qualities, *_latencies(known), "band", "RTF"]]
    aware = [["computing time counted", "point", *_latencies(known)]]
    for run in runs:
        name = [run["policy"], f"{run['point']}"]
        is_refused = run_name(run["policy"], run["point"]) in refused
        cells = [_cell(run[key], form) for key, form in qualities.values()]
        rows.append([*name, *cells, *_delays(run, known, "", is_refused), run["band"], _cell(run["RTF"], "{:.3f}")])
        aware.append([*name, *_delays(run, known, "_CA", is_refused)])
    return "\n".join([*markdown(rows), "", *markdown(aware), "", *_notes(results, known)]) + "\n"


def _latencies(known: set[str]) -> list[str]:
    return [header for header, name in LATENCIES.items() if name in known]


def _delays(run: Mapping[str, Any], known: set[str], suffix: str, refused: bool) -> list[str]:
    names = [LATENCIES[header] for header in _latencies(known)]
    return [REFUSED if refused else _cell(run[name + suffix], "{:.0f}" if METRICS.get(name, "ms") else "{:.2f}")
            for name in names]


def _cell(value: float | None, form: str) -> str:
    return ABSENT if value is None else form.format(value)


def _notes(results: Mapping[str, Any], known: set[str]) -> list[str]:
    setting, runs = results["environment"], results["simul"]
    units = UNITS[setting["latency_unit"]]
    notes = [
        f"{setting['talks']} talk{'s' * (setting['talks'] > 1)} of {setting['utterances']} sentences "
        f"{setting_note(setting)}",
        f"Talks are cut into the references' sentences by OmniSTEval {setting['omnisteval']}, which gives the Long "
        f"latencies too; quality by sacreBLEU, `{'`, `'.join(signatures(runs))}`.",
        "Length: tokens of hypotheses by tokens of references. Empty: sentences without a word. Negative: "
        f"{units} written before the sentence began that they match. LongAP is a ratio, latency else in ms, that of "
        f"{units}. Band: by LongYAAL on these talks, with the limits that IWSLT 2026 applies to its "
        "development set: low 0 to 2 s, high 2 to 4 s. "
        "Computing time counts as a listener waits for it: a read waits for the one before it. "
        f"RTF: computing time by length of audio, one thread a talk, {setting['processes']} at a time.",
    ]
    if setting["silero_vad"] != NOT_INSTALLED:
        notes.append("Where a model was trained on single sentences, or --sentences pauses says so, a talk is cut at "
                     f"the pauses that silero-vad {setting['silero_vad']} hears.")
    if STREAM_LAAL not in known:
        notes.append(f"StreamLAAL is not there, since mweralign is not installed: {install('simulstream')}.")
    notes += [f"Latency of {name} is refused: {reason}." for name, reason in setting["refused"].items()]
    notes += [f"{STREAM_LAAL} of {name} is not there: {reason}." for name, reason in setting["uncounted"].items()]
    notes += _warnings(runs, setting)
    return [fill(note, WIDTH, break_long_words=False, break_on_hyphens=False) for note in notes]


def _warnings(runs: Sequence[Mapping[str, Any]], setting: Mapping[str, Any]) -> list[str]:
    found, units = [], UNITS[setting["latency_unit"]]
    silent = [_named(run) for run in runs if run["LongYAAL"] is None and _named(run) not in setting["refused"]]
    if silent:
        found.append("No LongYAAL, since no word was written before the last sentence of its talk ended: "
                     f"{', '.join(silent)}.")
    for metric, came, suffix in (("LongYAAL", "written", ""), ("With computing time LongYAAL", "ready", "_CA")):
        if late := _late(runs, suffix):
            found.append(f"{metric} leaves out {units} that were {came} at or after the end of their talk's last "
                         f"sentence: {', '.join(late)}.")
    unlike = [f"{_named(run)} ({run['length_ratio']:.2f})" for run in runs
              if not TOO_SHORT <= (run["length_ratio"] or 0) <= TOO_LONG]
    if unlike:
        found.append("WARNING: hypotheses much shorter or longer than the references, which makes latencies "
                     f"incomparable: {', '.join(unlike)}.")
    empty = [f"{_named(run)} ({run['empty']:.1%})" for run in runs if run["empty"] > MANY]
    if empty:
        found.append(f"WARNING: sentences without a word, which latencies leave out: {', '.join(empty)}.")
    return found + [f"WARNING: the runs were translated with different {name}: {', '.join(values)}."
                    for name, values in setting.get("differing", {}).items()]


def _late(runs: Sequence[Mapping[str, Any]], suffix: str) -> list[str]:
    """The runs with words that LongYAAL leaves out, with their share."""
    return [f"{_named(run)} ({run['after_end' + suffix]:.1%})" for run in runs
            if run["after_end" + suffix] and run["LongYAAL"] is not None]


def _named(run: Mapping[str, Any]) -> str:
    return run_name(run["policy"], run["point"])
