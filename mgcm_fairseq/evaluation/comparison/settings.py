"""In which settings the compared evaluations differ: their figures may then differ for that reason alone."""

from typing import Any

from mgcm_fairseq.evaluation.comparison.systems import Evaluated, Systems

FIELDS = ("source_language", "source_segment_size_ms", "dtype", "device", "processes", "commit", "torch", "simuleval",
          "sacrebleu", "omnisteval", "mweralign", "cpu", "gpu")  # of the environment
OF_TALKS = ("silero_vad",)  # which hears their pauses
ABSENT = "not stated"
NONE, OPTIONS = "none", "options"


def differing(systems: Systems) -> dict[str, dict[str, list[str]]]:
    """{setting: {value: NAMEs that have it}} for each setting of more than one value.

    BLEU's signature is one too, and so are the options of a policy and operating point, such as --pause-ms.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for name, seeds in systems.items():
        for evaluated in seeds:
            for setting, value in _settings(evaluated):
                names = found.setdefault(setting, {}).setdefault(value, [])
                if name not in names:
                    names.append(name)
    return {setting: values for setting, values in found.items() if len(values) > 1}


def _settings(evaluated: Evaluated) -> list[tuple[str, str]]:
    environment: dict[str, Any] = evaluated.results["environment"]
    scored = [*evaluated.results["offline"].values(), *evaluated.results["simul"]]
    return [*((field, str(environment.get(field, ABSENT)))
              for field in (*FIELDS, *(OF_TALKS if evaluated.of_talks else ()))),
            *(("signature", str(one.get("signature", ABSENT))) for one in scored),
            *((f"{OPTIONS} of {policy} {point:g}", str(run.get("options", ABSENT)) or NONE)
              for (policy, point), run in evaluated.runs.items())]
