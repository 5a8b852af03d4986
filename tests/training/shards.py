"""One of R gloo workers on its shards of some batches; writes the gradients that the optimizer would see, case by case.

python -m tests.training.shards RANK WORLD MEETING_FILE CASES_JSON OUT
"""

import contextlib
import json
import sys
from argparse import Namespace
from types import SimpleNamespace

import torch
import torch.distributed as dist
from fairseq.models import DistributedFairseqModel
from fairseq.optim.fairseq_optimizer import FairseqOptimizer

from mgcm_fairseq import compat
from mgcm_fairseq.models.simul_st import SimulSTModel
from mgcm_fairseq.training.config import ConflictConfig
from mgcm_fairseq.training.noise_floor import rows
from mgcm_fairseq.training.step import ConflictStep
from tests.modules.grouped import grouped_ffn, plan_text
from tests.modules.networks import config, network
from tests.training.batches import criterion, training_batch

PLAN = plan_text(grouped_ffn(0, tuple(range(0, 200, 2))), grouped_ffn(1, (3, 4)))
LANGUAGE = [0, 0, 1, 1]  # of the utterances, in two groups: each of two workers hears one
SMALL = {**json.loads(config().w2v_config), "encoder_layers": 3}
UTTERANCES = 4  # in a micro-batch of all workers together


def wrap(model, backend):
    options = Namespace(tpu=False, ddp_backend=backend, device_id=0, broadcast_buffers=False, bucket_cap_mb=1,
                        find_unused_parameters=True, gradient_as_bucket_view=False, heartbeat_timeout=-1,
                        ddp_comm_hook="none")
    return DistributedFairseqModel(options, model, dist.group.WORLD, torch.device("cpu"))


def run(rank, world, backend, reduce, engine, rule, micro_batches, layer_drop, grouped=False):
    torch.manual_seed(5)
    model = SimulSTModel(network(dropout=0.0, w2v_config=json.dumps({**SMALL, "encoder_layerdrop": layer_drop}),
                                 sharing_plan=PLAN if grouped else ""))
    torch.manual_seed(7)
    wrapped = wrap(model, backend) if world > 1 else model
    step = ConflictStep(ConflictConfig(conflict_rule=rule, conflict_engine=engine, conflict_reduce=reduce), seed=1)
    optimizer = SimpleNamespace(backward=lambda loss: loss.backward())
    share = UTTERANCES // world
    for index in range(micro_batches):
        last = index == micro_batches - 1
        with contextlib.nullcontext() if last or world == 1 else wrapped.no_sync():
            batch = {**training_batch(UTTERANCES, seed=index), "language": torch.tensor(LANGUAGE)}
            shard = {**rows(batch, slice(rank * share, (rank + 1) * share), UTTERANCES), "nsentences": share}
            step.run(shard, wrapped, criterion("st,asr,mt"), optimizer, 1, ignore_grad=False)
    if world > 1:
        FairseqOptimizer.all_reduce_grads(optimizer, wrapped)
    gradients = {name: parameter.grad * world for name, parameter in model.network.named_parameters()
                 if parameter.grad is not None}
    return {"gradients": gradients, "conflicts": int(step.engine.report.conflict().sum()),
            "state": step.rule.state_dict(step.tasks)}


def main(rank, world, meeting, cases, out):
    rank, world = int(rank), int(world)
    if world > 1:
        dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=world)
    torch.save([run(rank, world, *case) for case in json.loads(cases)], out)
    if world > 1:
        dist.destroy_process_group()


if __name__ == "__main__":
    compat.install()
    torch.set_num_threads(1)
    main(*sys.argv[1:])
