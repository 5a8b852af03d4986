"""The steps of a preparation: each is skipped while the files that it wrote are up to date."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgcm_fairseq.common.steps import StepRecord, Summary
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.data.manifest import read_manifest, read_utterances, write_manifest
from mgcm_fairseq.data.simuleval_lists import write_lists
from mgcm_fairseq.data.vocabulary import Vocabulary, dictionary_lines, train
from mgcm_fairseq.preparation.corpora.entries import CorpusReader
from mgcm_fairseq.preparation.parallel import ProcessPool
from mgcm_fairseq.preparation.splits import SplitWriter
from mgcm_fairseq.preparation.texts import Sentences, unknown_characters

FORMAT = 4  # raise it when the files written here change, so that corpora are prepared again


@dataclass(frozen=True)
class Steps:
    """Of one folder."""

    folder: Path
    record: StepRecord
    name: str = ""  # in what is printed, where there are several folders

    @classmethod
    def of(cls, folder: Path, name: str = "") -> "Steps":
        return cls(folder, StepRecord(folder / ".prep_steps.json"), name)

    def split(self, corpus: CorpusReader, name: str, skip_bad: bool, pack: bool, processes: ProcessPool) -> Summary:
        """Writes NAME.tsv, and audio/NAME where the corpus's audio has to be converted."""
        options = {"format": FORMAT, "src": corpus.src_lang, "tgt": corpus.tgt_lang, "skip_bad": skip_bad, "pack": pack}
        writer = SplitWriter(corpus, name, corpus.src_lang, corpus.tgt_lang, skip_bad, pack, processes)
        return self._run(name, options, corpus.inputs(name), lambda: writer.write(self.folder))

    def joined(self, name: str, folders: Sequence[Path]) -> Summary:
        """Writes NAME.tsv, the manifests of this name in the folders below, the one behind the other."""
        manifests = [folder / f"{name}.tsv" for folder in folders]
        return self._run(name, {"format": FORMAT, "joined": len(manifests)}, manifests,
                         lambda: self._join(name, manifests))

    def vocabulary(self, src_langs: Sequence[str], tgt_lang: str, size: int) -> Summary:
        """Writes spm_unigramN.model, spm_unigramN.txt and config.yaml from train.tsv."""
        manifest = self.folder / "train.tsv"
        name = f"spm_unigram{size}"
        config = CorpusConfig(",".join(src_langs), tgt_lang, SAMPLE_RATE, f"{name}.txt", f"{name}.model")
        several = {"languages": config.languages} if len(src_langs) > 1 else {}
        return self._run("vocabulary", {"format": FORMAT, "size": size, **several}, [manifest],
                         lambda: self._write_vocabulary(config, size, Sentences(manifest)))

    def simuleval(self, name: str, threads: int) -> Summary:
        """Writes simuleval/NAME.source, .target and the wavs they list."""
        manifest = self.folder / f"{name}.tsv"
        return self._run(f"simuleval {name}", {"format": FORMAT}, [manifest],
                         lambda: self._write_simuleval(name, threads))

    def _run(self, step: str, options: dict[str, Any], inputs: Iterable[Path],
             work: Callable[[], tuple[list[Path], Summary]]) -> Summary:
        summary, ran = self.record.run(step, options, inputs, work)
        print(f"{self.name} {step}: {'done' if ran else 'up to date'}".lstrip(), flush=True)
        return summary

    def _join(self, name: str, manifests: Sequence[Path]) -> tuple[list[Path], Summary]:
        path = self.folder / f"{name}.tsv"
        write_manifest(path, (row for manifest in manifests for row in read_utterances(manifest)))
        return [path], {"manifests": len(manifests)}

    def _write_vocabulary(self, config: CorpusConfig, size: int, sentences: Sentences) -> tuple[list[Path], Summary]:
        print("vocabulary: training SentencePiece", flush=True)
        model = train(sentences, size, config.languages)
        paths = [self.folder / config.spm_filename, self.folder / config.vocab_filename, self.folder / "config.yaml"]
        write_whole(paths[0], model)
        write_whole(paths[1], "".join(line + "\n" for line in dictionary_lines(model)))
        config.write(self.folder)
        unknown, occurrences = unknown_characters(iter(sentences), model)
        return paths, {"asked": size, "size": len(Vocabulary.load(self.folder, config)),
                       "unknown_characters": unknown, "unknown_occurrences": occurrences}

    def _write_simuleval(self, name: str, threads: int) -> tuple[list[Path], Summary]:
        utterances = read_manifest(self.folder / f"{name}.tsv")
        return write_lists(self.folder / "simuleval", name, utterances, threads), {"wavs": len(utterances)}
