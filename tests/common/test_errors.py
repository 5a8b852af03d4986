"""The error of every reader of user files."""

import pickle
import re

import pytest

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.audio import parse_span
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.manifest import read_manifest
from tests.fixtures import REPOSITORY


def test_message_says_where_what_was_expected_what_was_found_and_what_to_do():
    error = InputError(("a.tsv", 3), "two fields", "one", "Add one.")
    assert str(error) == "a.tsv:3: expected two fields, found one. Add one."


def test_it_comes_back_from_another_process():
    error = InputError("a.tsv", "two fields", "one", "Add one.")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize("read", [lambda folder: parse_span("a.wav", (folder / "train.tsv", 2)), CorpusConfig.read,
                                  lambda folder: read_manifest(folder / "train.tsv")])
def test_who_lacks_a_prepared_corpus_is_sent_to_the_script_for_any(tmp_path, read):
    with pytest.raises(InputError, match=r"scripts/prep_corpus\.sh"):
        read(tmp_path)


def test_scripts_that_the_package_names_exist_and_fit_any_corpus():
    texts = [path.read_text(encoding="utf-8") for path in (REPOSITORY / "mgcm_fairseq").rglob("*.py")]
    named = {name for text in texts for name in re.findall(r"scripts/\w+\.(?:sh|py)", text)}
    assert "scripts/prep_corpus.sh" in named
    assert [name for name in named if not (REPOSITORY / name).is_file() or name == "scripts/prep_mustc.sh"] == []
