"""Latency of re-segmented talks by OmniSTEval, the guards of its figures, and IWSLT's bands."""

from collections.abc import Iterable, Sequence

from omnisteval import Instance as Sentence
from omnisteval.scoring import ALScorer, APScorer, DALScorer, LAALScorer, YAALScorer

METRICS = {"LongYAAL": "ms", "LongAL": "ms", "LongLAAL": "ms", "LongAP": "", "LongDAL": "ms"}  # name: unit
BANDS = {"low": (0, 2_000), "high": (2_000, 4_000)}  # ms of LongYAAL (IWSLT 2026, simultaneous track)
NO_BAND = "none"
MOST_NEGATIVE = 0.05  # of all words: above it an early stop, or a translation that matches nothing, lowers the figures


def long_latency(sentences: Sequence[Sentence], computation_aware: bool = False) -> dict[str, float | None]:
    """The mean of each metric over the sentences that count; None where none does.

    A sentence without a word counts in none of them, one whose words all came at or after its talk's end (that of its
    last sentence) not in LongYAAL. Times are from the sentence's start.
    """
    scorers = {"LongYAAL": YAALScorer(computation_aware, is_longform=True), "LongAL": ALScorer(computation_aware),
               "LongLAAL": LAALScorer(computation_aware), "LongAP": APScorer(computation_aware),
               "LongDAL": DALScorer(computation_aware)}
    values = {name: float(scorer(sentences)) for name, scorer in scorers.items()}
    return {name: None if value != value else value for name, value in values.items()}


def guards(sentences: Sequence[Sentence]) -> dict[str, float | None]:
    """Shares, in [0, 1], without which a latency cannot be judged.

    empty: of sentences that were given no word. negative_delays: of words that were written before the sentence began
    that they were given to. after_end: of words that LongYAAL leaves out, since they came at or after their talk's end;
    after_end_CA: of those that LongYAAL_CA leaves out, which were ready then. All but `empty` are None without a word.
    """
    empty = sum(not one.emission_cu for one in sentences) / len(sentences)
    delays = [delay for one in sentences for delay in one.emission_cu or []]
    if not delays:
        return {"empty": empty, "negative_delays": None, "after_end": None, "after_end_CA": None}
    return {"empty": empty, "negative_delays": sum(delay < 0 for delay in delays) / len(delays),
            "after_end": _after_end((one.emission_cu, one.time_to_recording_end) for one in sentences),
            "after_end_CA": _after_end((one.emission_ca, one.time_to_recording_end) for one in sentences)}


def _after_end(sentences: Iterable[tuple[list[float] | None, float | None]]) -> float:
    """The share of words that came at or after their talk's end, of the words' times and that end by sentence."""
    late = [end is not None and delay >= end for delays, end in sentences for delay in delays or []]
    return sum(late) / len(late)


def refusal(negative_delays: float | None) -> str | None:
    """Why the latencies of a run are not to be published; None if they are."""
    if negative_delays is None or negative_delays <= MOST_NEGATIVE:
        return None
    return (f"{negative_delays:.1%} of its delays are negative, more than {MOST_NEGATIVE:.0%}. Text that stops "
            "early, or that the references do not match, would look quick")


def band(long_yaal: float | None) -> str:
    """The band of a LongYAAL in ms, without computing time; `none` beyond all, below 0 and without a figure."""
    return next((name for name, (low, high) in BANDS.items() if long_yaal is not None and low <= long_yaal <= high),
                NO_BAND)
