"""A training on the screen: a short line an interval, and one an epoch. Log files get every field of every line."""

import logging
import math
from collections.abc import Mapping
from typing import Any

from fairseq.logging import progress_bar

WIDTH = 120
"""Characters of a line at most."""

_TAGS = ("train_inner", "train")  # of fairseq's lines: every --log-interval updates, and at an epoch's end
_TASKS = ("st", "asr", "mt")


def short_line(stats: Mapping[str, Any], epoch: int | None = None) -> str:
    """Update, speed, losses, accuracies, conflicts and task weights; with `epoch` for the end of that epoch.

    Conflicts are those of the last record; at an epoch's end, of the passes since then.

    Losses are in bits a token (CTC's in nats), accuracies, conflicts and segments (of the words) in percent.
    Task weights are in the order ST, ASR, MT. Fields that do not fit into WIDTH are left out, from the end of the line
    on.
    """
    found = {name: float(value) for name, value in stats.items() if _is_number(value)}
    fields = [f"{'' if epoch is None else f'epoch {epoch} ends, '}update {found.get('num_updates', 0):.0f}"]
    fields += [f"{found[name]:.2f}/s" for name in ("ups",) if name in found]
    fields += [f"loss {found[name]:.3f}" for name in ("loss",) if name in found]
    fields += [f"{task} {_figure(found[f'{task}_nll'])} {found.get(f'{task}_acc', 0):.0f}%"
               for task in _TASKS if f"{task}_nll" in found]
    rates = {task: found.get(f"{task}_newest_conflict", found.get(f"{task}_conflict", math.nan)) for task in _TASKS}
    conflicts = [f"{task} {rate:.0f}%" for task, rate in rates.items() if not math.isnan(rate)]
    fields += [" ".join(["conflict", *conflicts])] if conflicts else []
    weights = [f"{found[f'{task}_weight']:.2g}" for task in _TASKS if f"{task}_weight" in found]
    fields += [" ".join(["weight", *weights])] if weights else []
    fields += [f"free {found[name]:.1f} GiB" for name in ("gb_free",) if name in found]
    fields += [f"ctc {_figure(found[name])}" for name in ("ctc_pieces",) if name in found]
    fields += [f"segments {found[name]:.0f}%" for name in ("segments",) if name in found]
    while len("  ".join(fields)) > WIDTH:
        fields.pop()
    return "  ".join(fields)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _figure(value: float) -> str:
    """Three digits, so that a column stays where it is."""
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}"


class _Short(logging.Formatter):
    """Another formatter's lines, but a training's own are short and stand alone."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self.inner = inner

    def format(self, record: logging.LogRecord) -> str:
        return getattr(record, "short", None) or self.inner.format(record)


def shorten_training_lines() -> None:
    """Has fairseq's simple and tqdm formats show short lines; JSON, TensorBoard and the like keep all."""
    for bar in (progress_bar.SimpleProgressBar, progress_bar.TqdmProgressBar):
        if not hasattr(bar.log, "shortened"):
            bar.log, bar.print = _shortened(bar.log, at_end=False), _shortened(bar.print, at_end=True)


def _shortened(stock: Any, at_end: bool) -> Any:
    def say(self: Any, stats: dict[str, Any], tag: str | None = None, step: int | None = None) -> None:
        if tag not in _TAGS:
            stock(self, stats, tag, step)
            return
        short = short_line(self._format_stats(stats), self.epoch if at_end else None)
        if not at_end and isinstance(self, progress_bar.TqdmProgressBar):
            self.tqdm.set_postfix_str(short, refresh=False)
            return

        def note(record: logging.LogRecord) -> bool:
            record.short = short
            return True

        _prepare_handlers()
        progress_bar.logger.addFilter(note)
        try:
            stock(self, stats, tag, step)
        finally:
            progress_bar.logger.removeFilter(note)

    say.shortened = True  # type: ignore[attr-defined]  # a mark, by which a second call sees that it is done
    return say


def _prepare_handlers() -> None:
    """Gives the screen short lines, and log files each line once: fairseq opens --log-file anew in every epoch."""
    known: set[str] = set()
    for logger in (progress_bar.logger, logging.getLogger()):
        for handler in list(logger.handlers):
            if isinstance(handler, logging.FileHandler):
                if handler.baseFilename in known:
                    logger.removeHandler(handler)
                    handler.close()
                known.add(handler.baseFilename)
            elif type(handler) is logging.StreamHandler and not isinstance(handler.formatter, _Short):
                handler.setFormatter(_Short(handler.formatter or logging.Formatter()))
