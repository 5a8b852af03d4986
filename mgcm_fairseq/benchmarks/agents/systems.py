"""Systems of the presets' shapes with random weights."""

import random
from collections.abc import Mapping
from pathlib import Path

import torch

from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.corpus_record import CorpusRecord
from mgcm_fairseq.data.vocabulary import dictionary_lines, train
from mgcm_fairseq.decoding.system import System
from mgcm_fairseq.models.config import PRESETS, SimulSTModelConfig
from mgcm_fairseq.models.simul_st import build_network
from mgcm_fairseq.modules.schedule import Phase

SIZES = {"demo": 800, "paper": 10_000}
"""Preset -> pieces of its vocabulary, or some fewer."""


BOUNDS = {"front_end_history": 5_000, "encoder_history": 40_000, "longest_segment": 4_800, "rotary": True}
"""Options of a model for talks, as docs/long_form.md has them; ms."""


def random_system(size: str, block_ms: int, options: Mapping[str, int] | None = None) -> System:
    """A preset's network that segments and hears in blocks of `block_ms` (0: hears everything).

    `options`: more of the model's, such as BOUNDS.
    """
    corpus = CorpusConfig("en", "de", SAMPLE_RATE, "vocabulary.txt", "vocabulary.model")
    record = made_up_corpus(corpus, SIZES[size])
    vocabulary = record.vocabulary()
    config = SimulSTModelConfig()
    streaming = {"segmentation_variant": "repaired", "front_end_block": block_ms}
    for name, value in {**PRESETS[size], "ctc": False, **streaming, **(options or {})}.items():
        setattr(config, name, value)
    torch.manual_seed(0)
    network = build_network(config, vocabulary.piece_kinds(corpus), vocabulary.pad).eval()
    return System(network, Phase(segmented=True), vocabulary, record, record.longest)


def made_up_corpus(corpus: CorpusConfig, size: int) -> CorpusRecord:
    """Its words are drawn at random from made-up ones, which allow about as many pieces as are asked for."""
    chosen = random.Random(0)
    syllables = [consonant + vowel for consonant in "bdfghklmnprstvwz" for vowel in "aeiou"]
    words = ["".join(chosen.choices(syllables, k=chosen.randint(1, 4))) for _ in range(2 * size)]
    sentences = [" ".join(chosen.choices(words, k=15)) for _ in range(size)]
    model = train(sentences, size, (corpus.src_lang, corpus.tgt_lang))
    dictionary = "".join(f"{line}\n" for line in dictionary_lines(model))
    return CorpusRecord(Path("made-up"), corpus, model, dictionary.encode())
