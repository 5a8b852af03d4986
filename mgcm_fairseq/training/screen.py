"""What of a training's lines the screen shows: losses, pace and conflicts in a few numbers; log files get all."""

import copy
import logging
import re
from typing import Any

from fairseq.logging import progress_bar

_TAGS = ("train_inner", "train")  # of fairseq's lines: every --log-interval updates, and at an epoch's end
_SHOWN = re.compile(r"loss|loss_scale|ppl|bleu|\w+_nll|nll_loss|ctc_\w+(?<!_infeasible)|segment\w*|contrastive|wps|ups|"
                    r"num_updates|lr|gnorm|gb_free|(st|asr|mt)_conflict")


class _Whole(logging.Formatter):
    """Another formatter's lines, with all fields where the screen has few."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self.inner = inner

    def format(self, record: logging.LogRecord) -> str:
        if hasattr(record, "whole"):
            record = copy.copy(record)
            record.msg, record.args = record.whole, ()
        return self.inner.format(record)


def shorten_training_lines() -> None:
    """Has fairseq's simple and tqdm formats show what matters; JSON, TensorBoard and the like keep all."""
    for bar in (progress_bar.SimpleProgressBar, progress_bar.TqdmProgressBar):
        if not hasattr(bar.log, "shortened"):
            bar.log, bar.print = _shortened(bar.log, bar._str_commas), _shortened(bar.print, bar._str_pipes)


def _shortened(stock: Any, join: Any) -> Any:
    def say(self: Any, stats: dict[str, Any], tag: str | None = None, step: int | None = None) -> None:
        if tag not in _TAGS:
            stock(self, stats, tag, step)
            return
        shown = {name: value for name, value in stats.items() if _SHOWN.fullmatch(name)}
        few, every = (join(self, self._format_stats(fields)) for fields in (shown, stats))

        def note(record: logging.LogRecord) -> bool:
            record.whole = record.getMessage().removesuffix(few) + every
            return True

        _fill_files()
        progress_bar.logger.addFilter(note)
        try:
            stock(self, shown, tag, step)
        finally:
            progress_bar.logger.removeFilter(note)

    say.shortened = True  # type: ignore[attr-defined]  # a mark, by which a second call sees that it is done
    return say


def _fill_files() -> None:
    """Gives log files whole lines, and each line once: fairseq opens --log-file anew in every epoch."""
    known: set[str] = set()
    for logger in (progress_bar.logger, logging.getLogger()):
        for handler in list(logger.handlers):
            if not isinstance(handler, logging.FileHandler):
                continue
            if handler.baseFilename in known:
                logger.removeHandler(handler)
                handler.close()
            elif not isinstance(handler.formatter, _Whole):
                handler.setFormatter(_Whole(handler.formatter or logging.Formatter()))
            known.add(handler.baseFilename)
