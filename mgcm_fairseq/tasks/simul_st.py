"""The simul_st task: prepared corpus in, batches, training steps and hypotheses out."""

import io
import logging
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from fairseq.data import Dictionary
from fairseq.logging import metrics
from fairseq.models import ARCH_MODEL_REGISTRY, MODEL_REGISTRY
from fairseq.tasks import FairseqTask, register_task
from omegaconf import OmegaConf
from torch import Tensor

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.audio import SAMPLE_RATE
from mgcm_fairseq.data.batch import Batch, NetInput
from mgcm_fairseq.data.batches import training_batches
from mgcm_fairseq.data.columns import Columns
from mgcm_fairseq.data.corpus_record import KEY, CorpusRecord, fingerprint
from mgcm_fairseq.models.config import DEFAULTS, check_front_end
from mgcm_fairseq.models.sharing import take_plan
from mgcm_fairseq.models.simul_st import SimulSTModel
from mgcm_fairseq.modules.wav2vec2_checkpoint import load_weights
from mgcm_fairseq.modules.wav2vec2_options import start_from_wav2vec2
from mgcm_fairseq.tasks.config import SimulSTConfig
from mgcm_fairseq.tasks.generation import (
    as_weights,
    check_options,
    refuse_language_model,
    refuse_reading,
    refuse_typing,
)
from mgcm_fairseq.tasks.longest_speech import longest_speech
from mgcm_fairseq.tasks.piece_decoder import PieceDecoder
from mgcm_fairseq.tasks.split import check_item_lengths, dataset_of
from mgcm_fairseq.tasks.unread import check_unread
from mgcm_fairseq.tasks.validation_bleu import bleu_of_sums, counts_of_batch, parts_of
from mgcm_fairseq.training.at_least_zero import check_at_least_zero
from mgcm_fairseq.training.goal import check_goal
from mgcm_fairseq.training.needed_losses import check_losses
from mgcm_fairseq.training.non_finite import explanation, search
from mgcm_fairseq.training.preconditions import unused_parts_named, unwrap
from mgcm_fairseq.training.private_rate import private_rate
from mgcm_fairseq.training.resume import Taken, take_over
from mgcm_fairseq.training.screen import shorten_training_lines
from mgcm_fairseq.training.step import ConflictStep
from mgcm_fairseq.training.task_weights import TaskWeights
from mgcm_fairseq.training.untouched import Reached
from mgcm_fairseq.training.weighted_step import WeightedStep

logger = logging.getLogger(__name__)

@register_task("simul_st", dataclass=SimulSTConfig)
class SimulSTTask(FairseqTask):
    """Speech to text in another language, with its transcript for the auxiliary tasks."""

    cfg: SimulSTConfig

    def __init__(self, cfg: SimulSTConfig, record: CorpusRecord) -> None:
        super().__init__(cfg)
        self.record = record
        self.corpus = record.config
        self.vocabulary = record.vocabulary()
        self.dictionary = Dictionary.load(io.TextIOWrapper(io.BytesIO(record.dictionary), encoding="utf-8"))
        self.trained_on = ""  # fingerprint of the preparation that the checkpoint, which was loaded, was trained on
        self.train_subset = "train"  # the split that is trained on; check_training brings another
        self.warned = False
        self.validation_generator: Any = None
        self.weights: TaskWeights | None = None  # of a training
        self.conflict: ConflictStep | None = None
        self.weighted: WeightedStep | None = None
        self.reached = Reached()

    @classmethod
    def setup_task(cls, cfg: SimulSTConfig, record: CorpusRecord | None = None, **kwargs: Any) -> "SimulSTTask":
        """Reads config.yaml and the vocabulary of the corpus, unless a `record` of them is given."""
        shorten_training_lines()
        return cls(cfg, record or CorpusRecord.read(Path(cfg.data)))

    @property
    def source_dictionary(self) -> None:
        """The source is audio."""

    @property
    def target_dictionary(self) -> Dictionary:
        return self.dictionary

    def load_dataset(self, split: str, combine: bool = False, **kwargs: Any) -> None:
        """Reads SPLIT.tsv of the corpus folder."""
        manifest = Path(self.cfg.data) / f"{split}.tsv"
        utterances = Columns(manifest)
        train = split == self.train_subset
        if train:
            self._record_training(manifest, utterances)
        self.datasets[split] = dataset_of(self.cfg, utterances, self.vocabulary, self.corpus, train)
        logger.info("%s: %d utterances, %.2f h", split, len(utterances),
                    utterances.audio_lengths.sum() / SAMPLE_RATE / 3600)

    def _record_training(self, manifest: Path, utterances: Columns) -> None:
        self.record = replace(self.record, preparation=fingerprint(manifest.read_bytes()))
        if self.trained_on not in ("", self.record.preparation):
            logger.info("%s: preparation %s; the checkpoint that was loaded was trained on %s", manifest,
                        self.record.preparation, self.trained_on)

    def max_positions(self) -> tuple[int, int]:
        """Audio samples and target tokens."""
        return self.cfg.max_source_samples, self.cfg.max_target_tokens

    def get_batch_iterator(self, dataset: Any, **options: Any) -> Any:
        """Our own for training; fairseq's for what is to be scored, with four of its traps shut.

        The limits on length are for training: an utterance to be scored is scored, however long. One of more samples
        than --max-tokens, which fairseq has no batch for, raises that for its split. A required batch
        multiple drops the remainder of the last batch. A reused loader keeps its processes while the model trains.
        """
        if dataset.shuffle_seed is not None:
            limit, epoch = (options.get("max_positions") or self.max_positions())[0], options.get("epoch", 1)
            on_windows = dataset.windows is not None and dataset.windows.hold_several(epoch)
            self.record = replace(self.record, longest=longest_speech(dataset, limit, epoch), on_windows=on_windows)
            return training_batches(dataset, self.filter_indices_by_size, **options)
        options |= {"max_positions": None, "required_batch_size_multiple": 1}
        if options.get("max_tokens"):
            options["max_tokens"] = max(options["max_tokens"], int(dataset.audio_lengths.max()))
        dataset.cap_grid(options.get("max_tokens"))
        iterator = super().get_batch_iterator(dataset, **options)
        iterator.reuse_dataloader = False
        return iterator

    def build_model(self, cfg: Any, from_checkpoint: bool = False) -> Any:
        """A new model starts from --w2v-path; one from a checkpoint has its weights there.

        A model of fairseq's own is refused, for some run texts of a checkpoint's configuration as code.
        """
        name = getattr(cfg, "_name", None)
        if (ARCH_MODEL_REGISTRY.get(name) or MODEL_REGISTRY.get(name)) is not SimulSTModel:
            raise InputError("--arch, or the checkpoint's", "a simul_st model", str(name),
                             "Train it with --arch simul_st_*.")
        weights = None
        if from_checkpoint:
            self.train_subset = ""  # nothing is trained: every split is to be scored, as it was recorded
            cfg = OmegaConf.merge(DEFAULTS, cfg)  # fairseq leaves out options that are newer than the checkpoint
        else:
            check_front_end(cfg)
            take_plan(cfg, self.corpus)
            weights = start_from_wav2vec2(cfg)
            self.weights = TaskWeights(self.cfg, self.cfg.seed)
            if self.cfg.conflict_rule != "none":
                self.conflict = ConflictStep(self.cfg, self.cfg.seed, self.weights)
            elif self.cfg.conflict_log:
                raise InputError("--conflict-log", "a --conflict-rule whose conflicts it can hold", "none",
                                 "Add --conflict-rule mgcm, or sum to change no gradient.")
            elif not self.weights.plain:
                self.weighted = WeightedStep(self.weights)
        model = super().build_model(cfg, from_checkpoint)
        if self.cfg.eval_lag and model.network.encoder.segmenter is None:
            raise InputError("--eval-lag", "a model with --segmentation-variant, whose segments it counts",
                             f"{self.cfg.eval_lag} for one without", "Leave it out.")
        if weights is not None:
            load_weights(model.network.encoder.front_end.wav2vec2, weights, Path(cfg.w2v_path))
        return model

    def check_training(self, cfg: Any) -> None:
        """InputError for options that do not go together; for the repair in compat."""
        check_goal(cfg)
        check_at_least_zero(cfg)
        check_losses(cfg)
        check_unread(cfg)
        check_item_lengths(cfg)
        self.train_subset = cfg.dataset.train_subset

    def train_step(self, sample: Batch, model: Any, criterion: Any, optimizer: Any, update_num: int,
                   ignore_grad: bool = False) -> tuple[Tensor, int, dict[str, Any]]:
        """fairseq's, or one whose losses are weighted or whose gradients are merged by task; a filler adds nothing."""
        own = self.conflict or self.weighted
        step = super().train_step if own is None else own.run
        if self.reached.begin(model) and self.weights is not None:
            self.weights.begin()
        ignore_grad = ignore_grad or sample["filler"]
        with unused_parts_named():
            loss, sample_size, log = step(sample, model, criterion, optimizer, update_num, ignore_grad)
        if not ignore_grad:
            self.reached.note(model)
        if sample["filler"]:
            return loss * 0, 0, {name: value * 0 for name, value in log.items()}
        return loss, sample_size, log

    def optimizer_step(self, optimizer: Any, model: Any, update_num: int) -> None:
        """The optimizer's, of what a gradient has reached."""
        private = unwrap(model).private_parameters() if self.cfg.private_lr_factor != 1 else []
        with self.reached.alone(optimizer, model), private_rate(optimizer, private, self.cfg.private_lr_factor):
            optimizer.step()
        if self.weights is not None:
            self.weights.settle(update_num + 1, optimizer.get_lr())

    def explain_not_finite(self, batches: list[Batch], model: Any, criterion: Any, updates: int, amp: bool,
                           cause: str) -> InputError:
        """Where gradients of the next update stop being finite, for the repair in compat; `cause` is fairseq's."""
        names = self.datasets[self.train_subset].utterances.ids
        return explanation(search(model, criterion, batches, amp), updates + 1, cause, names)

    def state_dict(self) -> dict[str, Any]:
        """The corpus's record, and what conflict rule and task weights need to go on, in every checkpoint."""
        conflict = {} if self.conflict is None else {"conflict": self.conflict.state_dict()}
        weights = {} if self.weights is None else self.weights.state_dict()
        return {KEY: self.record.state(), **conflict, **({"task_weights": weights} if weights else {})}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """InputError if this generation would have another vocabulary. A training gets its state by `resume`."""
        self.check_checkpoint(state_dict, Path("the checkpoint"))

    def resume(self, contents: dict[str, Any], cfg: Any, model: Any, criterion: Any, reset_optimizer: bool,
               reset_lr_scheduler: bool) -> Taken:
        """What a training takes over from a checkpoint, for the repair in compat; InputError for one that does not fit.
        """
        self.check_checkpoint(contents["task_state"], Path(contents["path"]))
        taken = take_over(contents, cfg, model, criterion, reset_optimizer, reset_lr_scheduler)
        if self.conflict is not None and not reset_optimizer:
            self.conflict.resume(contents, criterion.tasks)
        if self.weights is not None and not reset_optimizer:
            self.weights.load_state_dict(contents["task_state"].get("task_weights", {}), criterion.tasks,
                                         contents["path"])
        return taken

    def check_checkpoint(self, task_state: Mapping[str, Any], checkpoint: Path) -> None:
        """InputError if this checkpoint has another vocabulary; a warning, once, if it does not say."""
        trained_on = CorpusRecord.of_state(task_state, checkpoint)
        if trained_on is not None:
            trained_on.check_same(self.record)
            self.trained_on = trained_on.preparation
        elif not self.warned:
            self.warned = True
            logger.warning("%s does not say with which vocabulary and languages it was trained, nor on which "
                           "preparation: those of %s are taken, right or wrong", checkpoint, self.record.origin)

    def valid_step(self, sample: Batch, model: Any, criterion: Any) -> tuple[Tensor, int, dict[str, Any]]:
        """Losses, the number of utterances, and with --eval-bleu the counts that corpus BLEU is made of."""
        sample = as_weights(sample, model)
        loss, sample_size, log = super().valid_step(sample, model, criterion)
        log["scored"] = sample["nsentences"]
        if self.cfg.eval_bleu:
            log |= self._bleu_counts(sample, model)
        return loss, sample_size, log

    def _bleu_counts(self, batch: Batch, model: Any) -> dict[str, Any]:
        if self.validation_generator is None:
            self.validation_generator = self.build_generator([model], Namespace(beam=1))
        best = self.inference_step(self.validation_generator, [model], batch)
        texts = [self.vocabulary.decode(hypotheses[0]["tokens"].tolist()) for hypotheses in best]
        return counts_of_batch(texts, batch, self.corpus)

    def build_generator(self, models: Any, args: Any, seq_gen_cls: Any = None, extra_gen_cls_kwargs: Any = None,
                        **more: Any) -> Any:
        """fairseq's, of what this model can be asked for."""
        check_options(args)
        if (extra_gen_cls_kwargs or {}).get("lm_model") is not None:
            raise refuse_language_model()
        return super().build_generator(models, args, seq_gen_cls, extra_gen_cls_kwargs, **more)

    def get_interactive_tokens_and_lengths(self, lines: Any, encode_fn: Any) -> Any:
        """What fairseq-interactive asks for."""
        raise refuse_typing()

    def eval_lm_dataloader(self, *args: Any, **options: Any) -> Any:
        """What fairseq-eval-lm asks for."""
        raise refuse_reading()

    def inference_step(self, generator: Any, models: list[Any], sample: Batch,
                       prefix_tokens: Tensor | None = None, constraints: Tensor | None = None) -> Any:
        """Hypotheses that start, unseen, from the target language's tag."""
        if self.cfg.eval_source == "text":
            text: NetInput = {"src_tokens": sample["transcript"], "src_lengths": sample["transcript_lengths"]}
            sample = {**sample, "net_input": text}
        sample = as_weights(sample, models[0])
        if sample["language"] is not None:
            routed: NetInput = {**sample["net_input"], "language": sample["language"]}
            sample = {**sample, "net_input": routed}
        with torch.no_grad():
            return generator.generate(models, sample, prefix_tokens=prefix_tokens, constraints=constraints,
                                      bos_token=self.vocabulary.tag(self.corpus.tgt_lang))

    def build_bpe(self, args: Any) -> Any:
        """What fairseq-generate turns pieces into text with: this corpus's vocabulary, whatever --bpe says."""
        return PieceDecoder(self.vocabulary, self.dictionary)

    def reduce_metrics(self, logging_outputs: list[dict[str, Any]], criterion: Any) -> None:
        """Losses; in validation also sums over all batches of all workers: utterances, and what makes corpus BLEU."""
        super().reduce_metrics(logging_outputs, criterion)
        sums = [name for name in logging_outputs[0] if name == "scored" or name.startswith("_bleu")]
        for name in sums:
            metrics.log_scalar_sum(name, sum(log[name] for log in logging_outputs), round=0)
        for part in parts_of(self.corpus):
            if f"_bleu{part}_hyp" in sums:
                metrics.log_derived(f"bleu{part}", partial(bleu_of_sums, part=part))
