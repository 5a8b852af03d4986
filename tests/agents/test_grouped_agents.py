"""Agents over a grouped model pass the parts of the language that they are told is spoken, and of no other."""

import pytest
import torch

from mgcm_fairseq.agents.choice import read_options
from mgcm_fairseq.analysis.segment_counts import streamed_segments
from mgcm_fairseq.data.corpus_record import CorpusRecord
from mgcm_fairseq.decoding.system import System
from mgcm_fairseq.models.simul_st import build_network
from mgcm_fairseq.modules.grouped import PrivateParts
from mgcm_fairseq.modules.schedule import Phase
from tests.agents.feeding import feed
from tests.agents.policies import SOON
from tests.modules.grouped import grouped_ffn, plan_text
from tests.modules.networks import config, speech
from tests.several_languages import LANGUAGES

NAMES = {"wait-segment": "wait-segment", "wait-k": "wait-k", "local agreement": "local-agreement",
         "AlignAtt": "alignatt", "offline": "offline"}
PLAN = plan_text(grouped_ffn(0, (1, 5), {"g0": ("qaa",), "g1": ("qab",)}))


@pytest.fixture(scope="module", params=[0, 320])
def system(request, two_languages):
    record = CorpusRecord.read(two_languages)
    vocabulary = record.vocabulary()
    torch.manual_seed(0)
    network = build_network(config(model_dim=16, ffn_dim=24, attention_heads=2, encoder_layers=1, decoder_layers=1,
                                   segmentation_variant="repaired", front_end_block=request.param, sharing_plan=PLAN),
                            vocabulary.piece_kinds(record.config), vocabulary.pad, record.config.src_langs).eval()
    torch.nn.init.normal_(network.encoder.segmenter.output.weight)
    return System(network, Phase(segmented=True), vocabulary, record, 480_000)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("policy", NAMES)
def test_every_policy_passes_the_parts_of_its_language(system, policy, language):
    kind, options = SOON[policy]
    args = read_options(NAMES[policy], ["--checkpoint", "none.pt", "--source-lang", language, *options.split()])
    passed = []
    [parts] = [module for module in system.network.modules() if isinstance(module, PrivateParts)]
    handle = parts.register_forward_pre_hook(lambda _, inputs: passed.append(inputs[1].tolist()))
    feed(kind(args, system), speech([12_000])[0][0].tolist(), 320)
    handle.remove()
    assert passed
    assert set(map(tuple, passed)) == {(LANGUAGES.index(language),)}


def test_segments_are_counted_in_each_utterances_language(system):
    samples = speech([12_000])[0][0]
    assert streamed_segments(system.network.encoder, samples, 5_120, torch.tensor([1])) > 0
    with pytest.raises(ValueError, match="expected the languages of 1 rows, found none"):
        streamed_segments(system.network.encoder, samples, 5_120)
