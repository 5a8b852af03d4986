"""No checkpoint runs code, on any way in, and not when the environment asks torch to trust them all."""

import ast
import io
import json
import os
import pickle

import pytest
import torch

from mgcm_fairseq.common.errors import InputError
from mgcm_fairseq.data.config import CorpusConfig
from mgcm_fairseq.decoding.system import load_system
from mgcm_fairseq.models.averaging import average
from mgcm_fairseq.recipes.plan import updates_of
from tests.fixtures import REPOSITORY
from tests.models.test_simul_st import save
from tests.tasks.checkpoints import changed
from tests.tasks.ways_in import (
    WAYS_IN,
    arguments,
    train_here,
    use_in_agent,
    use_in_generate,
    use_in_restore,
    use_in_resume,
)


class Payload:
    """Makes a folder when it is unpickled."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


@pytest.fixture(autouse=True)
def _trusting_environment(monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")


@pytest.fixture
def trace(tmp_path):
    """What the code in the files of these tests would make."""
    return tmp_path / "ran"


@pytest.fixture
def malicious(tiny_segmenting_checkpoint, tmp_path, trace):
    """A good checkpoint with a payload."""
    return changed(tiny_segmenting_checkpoint, tmp_path / "malicious.pt",
                   lambda state: state["extra_state"].update(more=Payload(trace)))


def use_in_average(checkpoint, corpus, folder):
    average([checkpoint], folder / "out.pt")


def use_in_looking_how_far_it_is(checkpoint, corpus, folder):
    updates_of(checkpoint)


def use_as_wav2vec(checkpoint, corpus, folder):
    train_here(corpus, folder / "out", 1, "--w2v-path", checkpoint, "--w2v-config", "{}")


def use_in_fairseqs_loading_of_averages(checkpoint, corpus, folder):
    from fairseq.checkpoint_utils import load_ema_from_checkpoint

    load_ema_from_checkpoint(checkpoint)


def use_in_fairseqs_loading_of_parts(checkpoint, corpus, folder):
    from fairseq.checkpoint_utils import load_pretrained_component_from_model
    from fairseq.models import FairseqEncoder

    load_pretrained_component_from_model(FairseqEncoder(None), str(checkpoint))


def use_in_fairseq_validate(checkpoint, corpus, folder):
    from fairseq_cli.validate import cli_main

    with arguments("fairseq-validate", corpus, "--task", "simul_st", "--path", checkpoint, "--valid-subset", "dev",
                   "--max-tokens", "64000", "--cpu"):
        cli_main()


def use_between_workers(checkpoint, corpus, folder):
    from fairseq.distributed import utils

    utils.torch.load(io.BytesIO(checkpoint.read_bytes()), map_location="cpu")  # as _broadcast_object_slow calls it


EVERY_WAY = [*WAYS_IN, use_in_average, use_in_looking_how_far_it_is,
             use_in_fairseqs_loading_of_averages, use_in_fairseqs_loading_of_parts, use_in_fairseq_validate,
             use_between_workers]


def test_a_payload_in_a_wav2vec_file_is_refused(trace, tiny_corpus, tmp_path):
    path = changed(save(tmp_path / "w2v.pt", "args"), tmp_path / "malicious.pt",
                   lambda state: state.update(more=Payload(trace)))
    with pytest.raises(InputError, match=r"the Python object \w+.mkdir, which may run code"):
        use_as_wav2vec(path, tiny_corpus, tmp_path)
    assert not trace.exists()


@pytest.mark.parametrize("use", EVERY_WAY)
def test_a_payload_is_refused(malicious, trace, tiny_corpus, tmp_path, capsys, use):
    said = ""
    try:
        use(malicious, tiny_corpus, tmp_path)
    except InputError as error:
        said = str(error)
    printed = capsys.readouterr()
    said += printed.err + printed.out
    name = "posix.mkdir" if os.name == "posix" else "nt.mkdir"
    assert f"found the Python object {name}, which may run code when it is loaded." in said
    assert "Traceback" not in said
    assert not trace.exists()
    assert not (tmp_path / "out.pt").exists()


def test_the_payload_would_run(malicious, trace):
    torch.load(malicious, weights_only=False)
    assert trace.exists()


@pytest.mark.parametrize("write", [
    lambda content, path: torch.save(content, path, _use_new_zipfile_serialization=False),
    lambda content, path: path.write_bytes(pickle.dumps(content)),
    lambda content, path: path.write_bytes(pickle.dumps(content, protocol=0))])
@pytest.mark.parametrize("use", [use_in_agent, use_in_resume, use_in_restore, updates_of])
def test_so_it_is_in_other_kinds_of_files(write, trace, tiny_corpus, tmp_path, use):
    path = tmp_path / "model.pt"
    write({"model": Payload(trace)}, path)
    with pytest.raises(InputError, match=r"expected a (checkpoint of weights|complete PyTorch checkpoint)") as raised:
        use(*([path] if use is updates_of else [path, tiny_corpus, tmp_path]))
    assert "will likely succeed" not in str(raised.value)  # which torch says of loading it all the same
    assert not trace.exists()


def test_a_script_of_torchs_is_refused(tiny_corpus, tmp_path):
    torch.jit.script(torch.nn.Linear(1, 1)).save(tmp_path / "model.pt")
    with pytest.raises(InputError, match=r"model.pt: expected a complete PyTorch checkpoint"):
        load_system(tmp_path / "model.pt", tiny_corpus)


# texts in a checkpoint's configuration that fairseq would evaluate

def front_end(trace, **more):
    return {"conv_feature_layers": f"[(8, 10, 5)] + [__import__('os').mkdir({str(trace)!r})]", **more}


MODELS = [
    (lambda cfg, trace: cfg["model"].update(w2v_config=json.dumps(front_end(trace))), "fairseq would run it as code"),
    (lambda cfg, trace: cfg.update(model=front_end(trace, _name="wav2vec2")), "a simul_st model, found wav2vec2"),
    (lambda cfg, trace: cfg.update(model={"wav2vec2": front_end(trace)}), "a simul_st model, found None"),
    (lambda cfg, trace: cfg["model"].update(w2v_config='{"conv_feature_layers": "[(8, 10, 5)] * 9 ** 9 ** 9"}'),
     "fairseq would run it as code")]
TASKS = [
    (lambda cfg, trace: cfg["task"].update(_name="audio_pretraining"), "found the task audio_pretraining"),
    (lambda cfg, trace: cfg.update(task={}), "found the task None"),
    (lambda cfg, trace: cfg.update(task=None), "expected a checkpoint of fairseq-train")]


@pytest.mark.parametrize(("change", "message"), [*MODELS, *TASKS])
def test_no_text_of_its_configuration_is_run(tiny_segmenting_checkpoint, trace, tmp_path, change, message):
    path = changed(tiny_segmenting_checkpoint, tmp_path / "model.pt", lambda state: change(state["cfg"], trace))
    with pytest.raises(InputError, match=message):
        load_system(path, None)
    assert not trace.exists()


@pytest.mark.parametrize(("change", "message"), MODELS)
def test_nor_by_fairseq_generate(tiny_segmenting_checkpoint, tiny_corpus, trace, tmp_path, change, message):
    path = changed(tiny_segmenting_checkpoint, tmp_path / "model.pt", lambda state: change(state["cfg"], trace))
    with pytest.raises(InputError, match=message):
        use_in_generate(path, tiny_corpus, tmp_path)
    assert not trace.exists()


def test_no_text_of_a_wav2vec_file_is_run(tiny_corpus, trace, tmp_path):
    path = changed(save(tmp_path / "w2v.pt", "cfg"), tmp_path / "changed.pt",
                   lambda state: state["cfg"]["model"].update(front_end(trace)))
    with pytest.raises(InputError, match="fairseq would run it as code"):
        use_as_wav2vec(path, tiny_corpus, tmp_path)
    assert not trace.exists()


# other files

def test_no_yaml_runs_code(trace, tmp_path):
    (tmp_path / "config.yaml").write_text(f"!!python/object/apply:os.mkdir [{trace}]")
    with pytest.raises(InputError, match=r"config.yaml: expected YAML, .*python/object/apply:os.mkdir"):
        CorpusConfig.read(tmp_path)
    assert not trace.exists()


CODE = {"eval", "exec", "torch.load", "pickle.load", "pickle.loads", "pickle.Unpickler", "numpy.load", "np.load",
        "yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load", "torch.jit.load", "torch.hub.load",
        "joblib.load", "shelve.open", "marshal.loads", "OmegaConf.register_new_resolver"}


HARMLESS = {"weights_only=True", "Loader=yaml.BaseLoader"}


def calls(path):
    """The names that a Python file calls, without what says itself that it runs no code."""
    return {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and not HARMLESS & {ast.unparse(option) for option in node.keywords}}


def test_nothing_else_here_reads_what_could_be_code():
    files = [*(REPOSITORY / "mgcm_fairseq").rglob("*.py"), *(REPOSITORY / "scripts").rglob("*.py")]
    found = {(path.name, name) for path in files for name in calls(path) & CODE}
    assert found == {("loading.py", "torch.load"), ("voice_activity.py", "torch.jit.load")}, "silero-vad's own file"
