"""Chinese in training: BLEU of validation and of fairseq-generate by character, and lags that count units."""

import re

import pytest
import sacrebleu
import torch
from fairseq import checkpoint_utils

import mgcm_fairseq.tasks  # noqa: F401 - registers the task that the checkpoint names
from mgcm_fairseq.evaluation.quality import bleu
from tests.fixtures import BIN, run

GENERATED = "generate-tst-COMMON.txt"


@pytest.fixture(scope="module")
def loaded(tiny_chinese_corpus, tiny_chinese_checkpoint):
    """Model, task, and the whole test set as a batch."""
    models, _, task = checkpoint_utils.load_model_ensemble_and_task(
        [str(tiny_chinese_checkpoint)], arg_overrides={"data": str(tiny_chinese_corpus), "eval_bleu": True})
    task.load_dataset("tst-COMMON")
    dataset = task.datasets["tst-COMMON"]
    return models[0].eval(), task, dataset.collater([dataset[index] for index in range(len(dataset))])


@pytest.fixture(scope="module")
def generated(tiny_chinese_corpus, tiny_chinese_checkpoint, tmp_path_factory):
    """What fairseq-generate writes with the language's tokenizer."""
    folder = tmp_path_factory.mktemp("generated")
    run(BIN / "fairseq-generate", tiny_chinese_corpus, "--user-dir", "mgcm_fairseq", "--task", "simul_st", "--path",
        tiny_chinese_checkpoint, "--gen-subset", "tst-COMMON", "--beam", "1", "--max-tokens", "160000", "--cpu",
        "--scoring", "sacrebleu", "--sacrebleu-tokenizer", "zh", "--results-path", folder)
    return (folder / GENERATED).read_text(encoding="utf-8")


def texts(generated, kind):
    """Of lines such as `D-3 score text`, in order."""
    found = re.findall(rf"^{kind}-(\d+)\t(?:\S+\t)?(.*)$", generated, re.MULTILINE)
    return [text for _, text in sorted(found, key=lambda line: int(line[0]))]


def test_validation_scores_characters(loaded, generated):
    model, task, batch = loaded
    counts = task._bleu_counts(batch, model)
    correct, total = ([counts[f"_bleu_{what}_{n}"] for n in range(4)] for what in ("count", "total"))
    found = sacrebleu.BLEU.compute_bleu(correct, total, counts["_bleu_hyp"], counts["_bleu_ref"],
                                        smooth_method="exp").score
    hypotheses = texts(generated, "D")
    references = [task.datasets["tst-COMMON"].utterances[index].tgt_text for index in range(len(hypotheses))]
    assert found == pytest.approx(bleu(hypotheses, references, "zh").value)
    assert found != pytest.approx(bleu(hypotheses, references).value), "or this showed nothing"


def test_fairseq_generate_scores_characters(generated):
    [printed] = re.findall(r"BLEU = ([\d.]+)", generated)
    assert float(printed) == pytest.approx(bleu(texts(generated, "D"), texts(generated, "T"), "zh").value, abs=0.006)


def test_a_lag_counts_words_of_the_source_and_units_of_the_target(loaded):
    model, task, batch = loaded
    network, vocabulary, utterances = model.network, task.vocabulary, task.datasets["tst-COMMON"].utterances
    for row, index in enumerate(batch["id"].tolist()):
        utterance = utterances[index]
        source = network.units_written(batch["transcript_prefix"][row:row + 1], "asr")
        assert int(source.max()) == len(utterance.src_text.split())
        assert int(network.encoder.word_starts(batch["transcript"][row:row + 1]).sum()) == source.max()
        units = re.findall(r"[\u4e00-\u9fff]|[A-Za-z0-9]+(?:[.,°][0-9C]+)*", utterance.tgt_text)
        pieces = vocabulary.encode(utterance.tgt_text)
        joined = sum(len(vocabulary.pieces[piece].lstrip("▁")) - 1 for piece in pieces
                     if re.fullmatch(r"▁?[\u4e00-\u9fff]{2,}", vocabulary.pieces[piece]))
        prefix = torch.tensor([[vocabulary.tag("zh"), *pieces]])
        written = network.units_written(prefix)[0].tolist()
        assert written[0] == 0
        assert written == sorted(written)
        assert written[-1] == len(units) - joined, "a piece of several characters is one unit"
