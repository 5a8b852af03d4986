"""config.yaml, SentencePiece model and dictionary of a prepared corpus, as training and the agents load them."""

from pathlib import Path
from random import Random

import yaml
from fairseq.data import Dictionary

from mgcm_fairseq.checks.fuzzing.spoiling import few, spoil_bytes, spoil_cells, spoil_lines
from mgcm_fairseq.checks.fuzzing.spoiling_json import written
from mgcm_fairseq.checks.fuzzing.target import Files, LossError, same
from mgcm_fairseq.checks.fuzzing.targets.vocabularies import CONFIG, SENTENCES, files
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.vocabulary import SPECIALS, Vocabulary


class VocabularyFiles:
    """Ids mean the same pieces in the model, in the dictionary, and in fairseq."""

    def __init__(self, shared: Path) -> None:
        self._files = files()

    def draw(self, random: Random) -> Files:
        made = {"config.yaml": yaml.safe_dump(CONFIG).encode(), **self._files}
        name = random.choice(list(made))
        if name == "config.yaml":
            made[name] = (written(random, dict(CONFIG), yaml.safe_dump) if random.randrange(2) else
                          few(random, made[name], (spoil_cells(b": "), spoil_lines, spoil_bytes)))
        elif name == "spm.txt":
            made[name] = few(random, made[name], (spoil_cells(b" "), spoil_cells(b" "), spoil_lines, spoil_bytes))
        else:
            made[name] = few(random, made[name], (spoil_bytes,))
        return made

    def read(self, folder: Path) -> None:
        config = CorpusConfig.read(folder)
        vocabulary = Vocabulary.load(folder, config)
        dictionary = Dictionary.load(str(folder / config.vocab_filename))
        same("pieces in fairseq", dictionary.symbols, vocabulary.pieces)
        lines = (folder / config.vocab_filename).read_text("utf-8").removesuffix("\n").split("\n")
        same("pieces", vocabulary.pieces, [*SPECIALS, *(line.rpartition(" ")[0] for line in lines)])
        for language in config.languages:
            vocabulary.tag(language)
        vocabulary.piece_kinds(config)
        for sentence in (*SENTENCES, "Something else: 中文!", ""):
            ids = vocabulary.encode(sentence)
            vocabulary.spell(sentence)
            if (folder / "spm.model").read_bytes() == self._files["spm.model"] and vocabulary.unk not in ids:
                same("text of a sentence's pieces", vocabulary.decode(ids), sentence)
            if not all(0 <= piece < len(vocabulary) for piece in ids):
                raise LossError(f"pieces: {ids}, where there are {len(vocabulary)}")
