"""What other libraries log and warn of, and text in any language on the screen."""

import io
import logging
import os
import sys
import warnings


def keep_logging_quiet() -> None:
    """Keeps other libraries from telling each of their steps.

    Importing fairseq's models sets the level of everything to DEBUG, unless logging was set up before, as fairseq's own
    programs do.
    """
    logging.basicConfig(level=logging.WARNING)


OTHERS_WARNINGS: dict[type[Warning], tuple[str, ...]] = {
    UserWarning: (
        # hydra, whose old interface fairseq reads its own options through
        "hydra.experimental", r"\s*The version_base parameter", r"\s*'config' is validated", r"\s*The strict flag",
        "In 'config': Usage of deprecated keyword",
        "'pin_memory' argument is set as true",  # fairseq asks its loaders for it on a CPU too
    ),
    FutureWarning: (
        "`torch.nn.utils.weight_norm` is deprecated",  # fairseq's wav2vec2
        r"`torch.cuda.amp.autocast\(args...\)` is deprecated",  # fairseq's train_step
        "`torch.jit.script` is deprecated",  # decorators that run when fairseq is imported; shown by torch 2.15
    ),
    DeprecationWarning: (
        r"datetime.datetime.utcfromtimestamp\(\) is deprecated",  # tqdm, as simuleval pins it, under Python 3.12
        "'audioop' is deprecated",  # pydub, which simuleval imports
        "`torch.jit.script` is deprecated",  # as above, by torch 2.13
    ),
    RuntimeWarning: ("Couldn't find ffmpeg or avconv",),  # the same; it reads mp3, which we do not
}


def silence_what_only_others_can_mend() -> None:
    """Silences exactly those warnings of other libraries that every run brings and that no user can act on."""
    for category, beginnings in OTHERS_WARNINGS.items():
        for beginning in beginnings:
            warnings.filterwarnings("ignore", beginning, category)


def let_any_text_be_printed() -> None:
    """Has stdout and stderr take the text of any language: as UTF-8, like all files here, whatever the locale says.

    Python encodes by the locale, and fairseq prints hypotheses: in a locale of latin-1 the first Chinese one, in one of
    ASCII the first umlaut ended fairseq-generate. An encoding that PYTHONIOENCODING asks for stays; what it lacks comes
    out as \\u escapes.
    """
    asked = os.environ.get("PYTHONIOENCODING", "")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower().replace("-", "") != "utf8":
            if not asked.partition(":")[0]:
                stream.reconfigure(encoding="utf-8")
            elif stream.errors == "strict":
                stream.reconfigure(errors="backslashreplace")
