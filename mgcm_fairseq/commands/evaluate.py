"""Translates a test set, or its whole talks, under several policies and scores it; goes on where it was interrupted."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from mgcm_fairseq.agents.choice import HELP
from mgcm_fairseq.common.arguments import Parser, device
from mgcm_fairseq.common.device import check_device
from mgcm_fairseq.common.environment import ABSENT, environment
from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.common.installation import SCRIPTS
from mgcm_fairseq.common.lock import locked
from mgcm_fairseq.common.program import program
from mgcm_fairseq.common.whole import write_whole
from mgcm_fairseq.data.corpus_record import CorpusRecord
from mgcm_fairseq.data.languages import language
from mgcm_fairseq.decoding.agent_options import SOURCE_LANG
from mgcm_fairseq.decoding.system import is_open, load_system, record_of, trained_on
from mgcm_fairseq.evaluation.instances import read_instances
from mgcm_fairseq.evaluation.logs import DECISIVE, RunLog, environments, finished
from mgcm_fairseq.evaluation.long_form.resegmentation import resegment_all
from mgcm_fairseq.evaluation.long_form.results import assemble as assemble_talks
from mgcm_fairseq.evaluation.long_form.results import score
from mgcm_fairseq.evaluation.long_form.sentences import write_sentences
from mgcm_fairseq.evaluation.long_form.table import table as long_form_table
from mgcm_fairseq.evaluation.long_form.talks import source_texts, talk_set, write_for_omnisteval
from mgcm_fairseq.evaluation.plot import plot
from mgcm_fairseq.evaluation.processes import DTYPES, EvaluationSetting, free_cores, translate
from mgcm_fairseq.evaluation.quality import COMET_MODEL, comet_models
from mgcm_fairseq.evaluation.results import assemble, write_results
from mgcm_fairseq.evaluation.runs import Run, for_talks, parse_runs
from mgcm_fairseq.evaluation.table import table
from mgcm_fairseq.evaluation.test_sets import digest, identity, own_folder, test_set, with_vocabulary

SCRIPT = SCRIPTS["evaluate"]
DEFAULT_TALK_RUNS = ["wait-segment:1,3,5,7,9,11,13,15"]
DEFAULT_RUNS = [*DEFAULT_TALK_RUNS, "offline:1,5"]


@program(SCRIPT)
def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the tables, and writes them and the curves."""
    options = _parser().parse_args(arguments)
    with locked(options.out, "evaluation"):
        results = evaluate(options)
    text = long_form_table(results) if options.long_form else table(results)
    write_results(options.out / "results.json", results)
    write_whole(options.out / "table.md", text)
    plot(results, options.out)
    print(text, end="")


def evaluate(options: argparse.Namespace) -> dict[str, Any]:
    """results.json of all runs in a folder; goes on where an earlier evaluation in it stopped."""
    for option, value in (("--source-segment-size", options.source_segment_size), ("--processes", options.processes)):
        if value is not None and value < 1:
            raise InputError(option, "a whole number from 1 on", str(value), "Correct the option.")
    check_device(options.device)
    runs = parse_runs(options.run or (DEFAULT_TALK_RUNS if options.long_form else DEFAULT_RUNS))
    comets = comet_models(options.comet)
    record = _record(options)
    target = language(record.config.tgt_lang)
    folder = own_folder(options, record.config)
    several = {"source_language": options.source_lang} if len(record.config.src_langs) > 1 else {}
    if options.long_form:
        runs = [for_talks(run) for run in runs]
        talks, setting = talk_set(options, folder, target.unit)
    else:
        sources, setting = test_set(options, folder)
    shared = {"model": digest([options.checkpoint]),
              "test_set": identity(options.corpus, folder / f"{options.split}.tsv", setting.wavs, record),
              "split": options.split, "source_segment_size_ms": options.source_segment_size, "dtype": options.dtype,
              "device": options.device, **several, **({"long_form": True} if options.long_form else {})}
    processes = options.processes or free_cores(options.device)
    folders = {run: options.out / "runs" / run.name for run in runs}
    _check([run for run, folder in folders.items() if not (folder / "instances.log").exists()], setting)
    logs = {run: RunLog(folder, len(setting.wavs), {**shared, **run.settings},
                        {**environment(), "threads": 1, "processes": processes}) for run, folder in folders.items()}
    _translate_missing(logs, setting, processes)
    earlier = {Run.of_settings(settings): folder
               for folder, settings in finished(options.out / "runs", shared).items()}
    folders |= earlier
    instances = {run: read_instances(folder, setting.references, target.unit) for run, folder in folders.items()}
    found = environments([*folders.values()])
    differing = {name: sorted({str(one.get(name, ABSENT)) for one in found}) for name in (*DECISIVE, "processes")}
    stated = {
        **{name: found[0].get(name, ABSENT) for name in (*DECISIVE, "threads", "processes")}, **shared,
        "target_language": record.config.tgt_lang, "vocabulary": record.fingerprint, "preparation": record.preparation,
        "differing": {name: values for name, values in differing.items() if len(values) > 1}}
    if not options.long_form:
        return assemble(instances, sources, stated, comets)
    sentences = resegment_all(talks, instances, target.unit, options.processes or free_cores("cpu"))
    scored = {run: score(run, talks, translations, sentences[run], target, comets)
              for run, translations in instances.items()}
    for run, one in scored.items():
        write_sentences(folders[run], one.sentences, source_texts(talks))
    write_for_omnisteval(options.out, talks)
    return assemble_talks(scored, talks, stated)


def _record(options: argparse.Namespace) -> CorpusRecord:
    """The checkpoint's vocabulary and languages. Sets --corpus, where it is not given, to the corpus trained on."""
    if options.corpus is None:
        options.corpus = trained_on(options.checkpoint)
        if not is_open(options.corpus):
            raise InputError("--corpus", "the prepared corpus of the test set",
                             f"nothing, and {options.corpus}, which the checkpoint was trained on, is not there or "
                             "closed to you", "Pass it.")
    return record_of(options.checkpoint, with_vocabulary(options.corpus))


def _check(runs: Sequence[Run], setting: EvaluationSetting) -> None:
    """InputError for a checkpoint or an option that does not fit, once, and before anything is written."""
    if runs:
        system = load_system(setting.checkpoint, setting.corpus).hearing(setting.source_lang)
        system.on(setting.device, DTYPES[setting.dtype])
        for run in runs:
            run.agent(setting.checkpoint, system)
        del system
        if setting.device.startswith("cuda"):
            torch.cuda.empty_cache()  # the processes that translate need the room


def _translate_missing(logs: Mapping[Run, RunLog], setting: EvaluationSetting, processes: int) -> None:
    jobs = [(run, index) for run, log in logs.items() for index in log.missing]
    if not jobs:
        return
    with tqdm(total=len(jobs), desc="translating", unit=" talks" if setting.talks else " sentences") as progress:
        for run, record in translate(setting, jobs, processes):
            logs[run].add(record)
            progress.set_postfix_str(run.name, refresh=False)
            progress.update()


def _parser() -> Parser:
    parser = Parser(SCRIPT, description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="trained simul_st checkpoint")
    parser.add_argument("--corpus", type=Path, metavar="DIR",
                        help="prepared corpus of the test set (default: the one that the checkpoint was trained on)")
    parser.add_argument(SOURCE_LANG, metavar="LANG",
                        help="language of the test set, for a model that knows several, each of which gets a folder "
                        "--out of its own (default: the only one)")
    parser.add_argument("--split", default="tst-COMMON", help="test set")
    parser.add_argument("--run", action="append", metavar="POLICY:POINT,POINT,... [OPTIONS]",
                        help=f"may be repeated; {HELP}; NAME= in front names the curve "
                        f"(default: {' and '.join(DEFAULT_RUNS)}; with --long-form "
                        f"{' and '.join(DEFAULT_TALK_RUNS)} alone)")
    parser.add_argument("--long-form", action="store_true",
                        help="translate whole talks, with agents that get --long-form, and score them as IWSLT does: "
                        "docs/long_form.md")
    parser.add_argument("--source-segment-size", type=int, default=320, metavar="MS",
                        help="audio that an agent reads at a time, in ms")
    parser.add_argument("--comet", action="append", metavar="MODEL",
                        help="a model of COMET's, such as Unbabel/XCOMET-XL; may be repeated, needs unbabel-comet "
                        f"(default: {COMET_MODEL} where that is installed)")
    parser.add_argument("--dtype", choices=DTYPES, default="fp32", help="precision")
    parser.add_argument("--device", type=device, default="cpu", help="cpu, cuda, cuda:1, ...")
    parser.add_argument("--processes", type=int, metavar="N",
                        help="sentences or talks translated at a time, with a thread each; the text is the same for "
                        "any, computing times are right while each has a core (default: one for each core, on a GPU "
                        "one)")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where to write")
    return parser


if __name__ == "__main__":
    sys.exit(main())
