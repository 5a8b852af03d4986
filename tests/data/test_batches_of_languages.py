"""Batches of several source languages: each row with the tag and the rank of its own, whatever stands beside it."""

from itertools import permutations

import pytest
import torch

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.core.conflict import PLAIN
from mgcm_fairseq.data.columns import Columns
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.languages import source_languages
from mgcm_fairseq.data.manifest import COLUMNS
from mgcm_fairseq.data.windows import talks
from mgcm_fairseq.models.simul_st import build_network
from mgcm_fairseq.modules.schedule import OFFLINE
from mgcm_fairseq.modules.simul_st import TASKS, TaskInputs
from mgcm_fairseq.tasks.config import SimulSTConfig
from mgcm_fairseq.tasks.simul_st import SimulSTTask
from tests.modules.networks import config
from tests.several_languages import LANGUAGES, SPLITS


def load(corpus, split="train", **options):
    task = SimulSTTask.setup_task(SimulSTConfig(data=str(corpus), seed=1, cpu=True, length_grid="never", **options))
    task.load_dataset(split)
    return task


def inputs(batch):
    """As the criterion has them, in double precision."""
    return TaskInputs(
        batch["net_input"]["src_tokens"].double(), batch["net_input"]["src_lengths"], batch["transcript"],
        batch["transcript_lengths"], batch["transcript_prefix"], batch["target_prefix"], language=batch["language"])


def test_each_row_has_the_tag_and_the_rank_of_its_language(two_languages):
    task = load(two_languages)
    dataset, vocabulary = task.dataset("train"), task.vocabulary
    for chosen in ((0, 5), (5, 0), (1, 6, 3, 8, 9), (4,), (~0, ~7)):
        batch = dataset.collater([dataset[index] for index in chosen])
        spoken = [dataset.utterances[index].src_lang for index in batch["id"].tolist()]
        assert batch["language"].tolist() == [LANGUAGES.index(code) for code in spoken]
        assert batch["transcript_prefix"][:, 0].tolist() == [vocabulary.tag(code) for code in spoken]
        assert set(batch["target_prefix"][:, 0].tolist()) == {vocabulary.tag("de")}
    assert len({vocabulary.tag(code) for code in (*LANGUAGES, "de")}) == 3


def test_batches_of_one_language_say_nothing_of_it(tiny_corpus):
    dataset = load(tiny_corpus, "dev").dataset("dev")
    assert dataset.collater([dataset[0], dataset[1]])["language"] is None


def test_other_rows_beside_a_row_change_none_of_its_outputs(two_languages):
    """In any order: the two of a talk and of the other language are as long as each other, so that no sorting hides it.
    """
    task = load(two_languages)
    dataset = task.dataset("train")
    torch.manual_seed(0)
    shape = config(model_dim=16, ffn_dim=24, attention_heads=2, encoder_layers=1, decoder_layers=1, dropout=0.0)
    network = build_network(shape, task.vocabulary.piece_kinds(task.corpus), task.vocabulary.pad).double().eval()

    def outputs(chosen):
        batch = dataset.collater([dataset[index] for index in chosen])
        logits = network(inputs(batch), TASKS, False, OFFLINE, PLAIN).logits
        lengths = {"st": batch["target"], "asr": batch["transcript"], "mt": batch["target"]}
        return {(index, name): logits[name][row, :int(lengths[name][row].ne(task.vocabulary.pad).sum())]
                for row, index in enumerate(batch["id"].tolist()) for name in TASKS}

    expected = {key: value for index in (1, 6, 2) for key, value in outputs([index]).items()}
    for chosen in permutations((1, 6, 2)):
        for key, value in outputs(chosen).items():
            torch.testing.assert_close(value, expected[key], atol=1e-10, rtol=0)


def test_an_epoch_mixes_languages_and_is_the_same_for_any_workers(two_languages):
    def epoch(count):
        shards = [load(two_languages).get_batch_iterator(
            dataset=load(two_languages).dataset("train"), max_tokens=64_000, max_sentences=4, num_shards=count,
            shard_id=shard).next_epoch_itr() for shard in range(count)]
        return [[(batch["id"].tolist(), batch["language"].tolist(), batch["transcript_prefix"][:, 0].tolist())
                 for batch in together if not batch["filler"]] for together in zip(*shards, strict=True)]

    alone = [batch for together in epoch(1) for batch in together]
    assert sorted(index for ids, _, _ in alone for index in ids) == list(range(2 * SPLITS["train"]))
    assert any(len(set(ranks)) == 2 for _, ranks, _ in alone)
    for count in (2, 3):
        assert [batch for together in epoch(count) for batch in together] == alone


def manifest(folder, rows):
    """A manifest of seconds one behind the other in one wav and, by their ids, in one talk."""
    lines = [COLUMNS, *((f"talk_{index}", f"one.wav:{16_000 * index}:16000", "16000", "a", "b", "s", *languages)
                        for index, languages in enumerate(rows))]
    (folder / "train.tsv").write_text("".join("\t".join(line) + "\n" for line in lines))
    return Columns(folder / "train.tsv")


def test_no_window_holds_two_languages(tmp_path):
    rows = [("qaa", "de")] * 2 + [("qab", "de")] * 3 + [("qaa", "de")]
    assert talks(manifest(tmp_path, rows)) == [(0, 2), (2, 5), (5, 6)]


def test_an_utterance_in_an_unknown_language_is_refused_with_its_line(tmp_path, two_languages):
    found = manifest(tmp_path, [("qab", "de"), ("qac", "de"), ("qab", "de")])
    assert found.source_ranks(("qac", "qab")).tolist() == [1, 0, 1]
    with pytest.raises(InputError, match=r"train\.tsv:3: expected speech in qab or qaa, found 'qac'"):
        found.source_ranks(LANGUAGES)
    for name in ("config.yaml", "spm_unigram60.model", "spm_unigram60.txt"):
        (tmp_path / name).write_bytes((two_languages / name).read_bytes())
    with pytest.raises(InputError, match=r"train\.tsv:3: .* found 'qac'"):
        load(tmp_path)


@pytest.mark.parametrize(("text", "message"), [
    ("qaa,", "each once"), ("qaa,qaa", "each once"), ("qaa,../x", "each once"), ("qaa,q b", "each once"),
    ("en,zh", "en with spaces, zh without"), ("ja,qaa,zh", "qaa with spaces, ja, zh without"), ("en,th", "th")])
def test_source_languages_that_do_not_go_together(text, message, tmp_path):
    with pytest.raises(InputError, match=message):
        source_languages(text)
    (tmp_path / "config.yaml").write_text(CorpusConfig(text, "de", 16_000, "a", "b").text())
    with pytest.raises(InputError, match=message):
        CorpusConfig.read(tmp_path)


def test_one_language_is_known_by_itself_and_several_must_be_named():
    one, two = (CorpusConfig(text, "de", 16_000, "a", "b") for text in ("en", "zh,ja"))
    assert (one.source(None), one.source("en"), one.languages) == ("en", "en", ("en", "de"))
    assert (two.source("ja"), two.languages) == ("ja", ("zh", "ja", "de"))
    assert CorpusConfig("de,nl", "de", 16_000, "a", "b").languages == ("de", "nl")
    for corpus, given in ((two, None), (two, "en"), (one, "de"), (one, "")):
        with pytest.raises(InputError, match=f"one of {', '.join(corpus.src_langs)}, found"):
            corpus.source(given)
