"""Three wavs of one's own, the tables that name them, and their preparation."""

from mgcm_fairseq.commands.prepare import main
from tests.data.sounds import noise

ROWS = (("wavs/a.wav", "The first of all.", "Der allererste."), ("wavs/b.wav", "And another one.", "Und noch einer."),
        ("more/a.wav", "Of the same name.", "Vom selben Namen."))


def sound(path):
    return noise(1.0, sum(map(ord, path)), 16_000)


def write_table(path, columns, rows):
    path.write_text("".join("\t".join(map(str, row)) + "\n" for row in (columns, *rows)), encoding="utf-8")


def prepare(folder, *more):
    return main(["--lang", "de", "--vocab-size", "40", "--processes", "1", "--out", str(folder / "out"), *more])
