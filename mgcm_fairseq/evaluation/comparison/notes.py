"""What a reader must know of a comparison's tables: how settings differ, what was tested and how."""

from collections.abc import Mapping, Sequence
from typing import Any

from mgcm_fairseq.data.languages import UNITS


def warning(differing: Mapping[str, Mapping[str, Sequence[str]]]) -> list[str]:
    """The lines of a warning that lists the differing settings; none if they are the same."""
    if not differing:
        return []
    settings = [f"- {setting}: " + "; ".join(f"{value} ({', '.join(names)})" for value, names in values.items())
                for setting, values in differing.items()]
    return ["**Not comparable without care**: the systems were evaluated in different settings.", "", *settings, ""]


def notes(comparison: Mapping[str, Any]) -> list[str]:
    """A sentence or two on each table."""
    latency, bootstrap = comparison["latency"], comparison["bootstrap"]
    tested, units = bootstrap["latency"], UNITS[comparison["latency_unit"]]
    found = [
        "Figures: mean ± standard deviation over seeds (n − 1), the latter where there are several. Names that end in "
        f"_CA count computing time as well. Latency is that of {units}. AP and before_end are ratios, before_end the "
        f"share of {units} written before the source ended.",
        f"BLEU at equal {latency}: on straight lines between the means of a curve, and nowhere outside of its range.",
        f"Paired tests: bootstrap with {bootstrap['resamples']} resamples of the {bootstrap['sentences']} sentences, "
        f"seed {bootstrap['seed']}, the same resamples for all. Differences are second minus first; p is two-sided "
        "and, like the intervals, not corrected for the number of tests.",
        "Sentences left out of a test of latency: where either hypothesis has none, being empty or, for YAAL and "
        f"LongYAAL, without any {units} before the end.",
        f"Nearest {latency}: each run of the first curve with the run of the second that is nearest; the gap is "
        "between the two runs' figures. A difference in quality can be due to the gap.",
    ]
    found += [f"{one['name']}, {one['policy']} {one['point']:g} is on no curve: {latency} is known of "
              f"{one[latency]['n']} of its {one['BLEU']['n']} seeds, so that its mean is not of those of BLEU."
              for one in comparison["points"] if 0 < one.get(latency, {"n": 0})["n"] < one["BLEU"]["n"]]
    found += [f"{one['name']}, {one['policy']} {one['point']:g} is of {one['BLEU']['n']} of the {seeds} seeds."
              for one in comparison["points"]
              if one["BLEU"]["n"] < (seeds := len(comparison["systems"][one["name"]]))]
    if comparison["talks"]:
        found.append(
            "The sentences are the references', into which OmniSTEval cut the talks. They are resampled one by one: a "
            "test set has too few talks to resample these. Sentences of a talk are not independent of each other, so "
            "intervals are rather too narrow. A run whose latency is refused has none.")
    several = [name for name, seeds in comparison["systems"].items() if len(seeds) > 1]
    if several:
        found.append(f"Tests use the first seed alone of {', '.join(several)}: they say nothing of chance in training.")
    if tested != latency:
        found.append(f"{tested} is tested because {latency} is not known for single sentences.")
    return found
