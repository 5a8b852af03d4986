"""What a preparation prints at its end."""

from pathlib import Path

from mgcm_fairseq.common.steps import Summary

SHOWN = 3  # faults of each kind that are printed; prep_report.json has all


def print_summary(splits: dict[str, Summary], vocabulary: Summary | None, report: Path) -> None:
    """The table, every number of utterances that are not in it and why, and the size of the vocabulary.

    `vocabulary`: None for test sets alone, which take a checkpoint's.
    """
    columns = ("utterances", "kept", "hours", "talks", "speakers")
    print("\n" + f"{'split':<12}" + "".join(f"{name:>10}" for name in columns))
    for split, summary in splits.items():
        cells = (f"{summary[name]:.2f}" if name == "hours" else str(summary[name]) for name in columns)
        print(f"{split:<12}" + "".join(f"{cell:>10}" for cell in cells))
    for split, summary in splits.items():
        if summary["converted"]:
            print(f"{split}: {summary['converted']} files converted to 16 kHz mono wav in {_audio(split)}")
        for reason, count in summary["filtered"].items():
            print(f"{split}: the train filter of DiSeg removed {count}: {reason}")
        if summary["shortened"]:
            print(f"{split}: {summary['shortened']} utterances shortened by at most 10 ms to the end of their audio")
        for reason, count in summary["left_out"].items():
            print(f"{split}: --skip-bad left out {count}: {reason}")
            faults = [fault["message"] for fault in summary["faults"] if fault["reason"] == reason]
            print("".join(f"    {message}\n" for message in faults[:SHOWN]), end="")
            if len(faults) > SHOWN:
                print(f"    ... and {len(faults) - SHOWN} more in {report}")
    if vocabulary is None:
        print("no vocabulary: test sets alone are translated with a checkpoint's")
        return
    asked, size = vocabulary["asked"], vocabulary["size"]
    print(f"vocabulary: {size} pieces" if size == asked else
          f"vocabulary: {size} pieces, all that this text allows, not the {asked} of --vocab-size. --vocab-size {size} "
          "asks for as many.")
    if vocabulary["unknown_characters"]:
        print(f"vocabulary: {vocabulary['unknown_characters']} rare characters, {vocabulary['unknown_occurrences']} "
              "times in train, are unknown to it")


def _audio(split: str) -> str:
    """Where a split's converted audio lies: of several languages `en-de train` in the folder of its direction."""
    pair, _, name = split.rpartition(" ")
    return str(Path(pair, "audio", name))
