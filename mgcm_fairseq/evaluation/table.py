"""results.json as Markdown tables that also read well in a terminal."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

from mgcm_fairseq.data.languages import UNITS

Columns = dict[str, tuple[str, str]]  # header: (key, format of the number)

PLAIN: Columns = {
    "BLEU": ("BLEU", "{:.1f}"), "chrF": ("chrF", "{:.1f}"),
    "length": ("length_ratio", "{:.2f}"), "AL (ms)": ("AL", "{:.0f}"),
    "LAAL": ("LAAL", "{:.0f}"), "AP": ("AP", "{:.2f}"), "DAL": ("DAL", "{:.0f}"), "ATD": ("ATD", "{:.0f}"),
    "YAAL": ("YAAL", "{:.0f}"), "before end": ("before_end", "{:.1%}"), "RTF": ("RTF", "{:.3f}"),
}
AWARE: Columns = {
    "AL (ms)": ("AL_CA", "{:.0f}"), "LAAL": ("LAAL_CA", "{:.0f}"), "AP": ("AP_CA", "{:.2f}"),
    "DAL": ("DAL_CA", "{:.0f}"), "ATD": ("ATD_CA", "{:.0f}"), "YAAL": ("YAAL_CA", "{:.0f}"),
    "before end": ("before_end_CA", "{:.1%}"),
}
MODEL = "_model"  # ends the keys that name the models of COMET
ABSENT = "–"
WIDTH = 120  # characters of a line of the notes, which a terminal shows too
TOO_LONG = 1.2  # hypotheses by references


def table(results: Mapping[str, Any]) -> str:
    """A row for each offline decoding and simultaneous run; latency with computing time; what the figures depend on."""
    runs, offline = results["simul"], results["offline"]
    plain = with_comets(PLAIN, [*runs, *offline.values()])
    rows = [["system", "point", *plain]]
    rows += [[f"offline {name}", ABSENT, *_numbers(run, plain)] for name, run in offline.items()]
    rows += [[run["policy"], f"{run['point']}", *_numbers(run, plain)] for run in runs]
    lines = markdown(rows)
    if runs:
        aware = [["computing time counted", "point", *AWARE]]
        aware += [[run["policy"], f"{run['point']}", *_numbers(run, AWARE)] for run in runs]
        lines += ["", *markdown(aware)]
    return "\n".join([*lines, "", *_notes(results)]) + "\n"


def markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table with the first row as its head: names to the left in the first column, numbers to the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    line = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return ["| " + " | ".join(_pad(row, widths)) + " |" for row in [rows[0], line, *rows[1:]]]


def with_comets(columns: Columns, runs: Sequence[Mapping[str, Any]]) -> Columns:
    """The columns with one for each model of COMET that a run was scored by, behind chrF."""
    names = dict.fromkeys(key.removesuffix(MODEL) for run in runs for key in run if key.endswith(MODEL))
    found: Columns = {}
    for header, column in columns.items():
        found[header] = column
        if header == "chrF":
            found |= {name: (name, "{:.3f}") for name in names}
    return found


def setting_note(setting: Mapping[str, Any]) -> str:
    """With what, on what and by which version an evaluation was made."""
    return (f"in reads of {setting['source_segment_size_ms']} ms, {setting['dtype']} on {setting['device']} "
            f"({setting['cpu']}, GPU: {setting['gpu']}), torch {setting['torch']}, commit {setting['commit']}.")


def signatures(runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """What the quality of any of the runs depends on."""
    return sorted({run[key] for run in runs for key in run
                   if key.endswith(("signature", MODEL))})


def _numbers(run: Mapping[str, Any], columns: Columns) -> list[str]:
    values = [(run.get(key), form) for key, form in columns.values()]
    return [ABSENT if value is None else form.format(value) for value, form in values]


def _pad(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]


def _notes(results: Mapping[str, Any]) -> list[str]:
    setting, runs = results["environment"], [*results["offline"].values(), *results["simul"]]
    units = UNITS[setting["latency_unit"]]
    empty = [f"{name} ({count})" for name, count in setting["empty_hypotheses"].items() if count]
    degenerate = [f"{run['policy']} {run['point']} ({run['before_end']:.0%} of {units} before the end, where "
                  f"{run['expected_before_end']:.0%} were to be expected)"
                  for run in results["simul"] if run["degenerate"]]
    long = [f"{run['policy']} {run['point']} ({run['length_ratio']:.2f})" for run in results["simul"]
            if (run["length_ratio"] or 0) > TOO_LONG]
    notes = [
        f"{setting['utterances']} utterances; SimulEval {setting['simuleval']} {setting_note(setting)}",
        f"Quality by sacreBLEU, `{'`, `'.join(signatures(runs))}`. YAAL by OmniSTEval {setting['omnisteval']}.",
        "Length: tokens of hypotheses by tokens of references. AP is a ratio, latency else in ms, that of "
        f"{units}. Before end: {units} written before the source had been read to its end. "
        f"YAAL leaves out the other {units}, and sentences without any {units} before their end. "
        f"RTF: computing time by length of audio, one thread a sentence, {setting['processes']} at a time.",
    ]
    if long:
        notes.append("WARNING: hypotheses much longer than the references, as of a model that runs on: "
                     f"{', '.join(long)}.")
    if degenerate:
        notes.append("WARNING: likely degenerate policies, whose latency does not tell when the text came: "
                     f"{'; '.join(degenerate)}.")
    if empty:
        notes.append(f"Empty hypotheses, which have no latency and are left out of its means: {', '.join(empty)}.")
    for name, values in setting.get("differing", {}).items():
        notes.append(f"WARNING: the runs were translated with different {name}: {', '.join(values)}.")
    return [fill(note, WIDTH, break_long_words=False, break_on_hyphens=False) for note in notes]
