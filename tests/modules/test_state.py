"""What a checkpoint holds: parameters and whether it segments; no tables that are made anew."""

from mgcm_fairseq.models.simul_st import SimulSTModel
from tests.modules.networks import network


def test_the_state_is_the_parameters_and_whether_attention_is_segmented():
    model = SimulSTModel(network(segmentation_variant="repaired"))
    beside = model.state_dict().keys() - {name for name, _ in model.named_parameters(remove_duplicate=False)}
    assert beside == {"network.encoder.segmenter._extra_state"}
