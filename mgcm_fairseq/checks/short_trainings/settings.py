"""Which trainings: together they run every engine, kind of rule, segmentation variant, layout and number type."""

import json

UPDATES = 8
LONG = 150  # updates of the training whose network translates: enough to write words
FOR_ALL = """
    --user-dir mgcm_fairseq --task simul_st --criterion multitask_cross_entropy --max-tokens 64000 --num-workers 0
    --cpu --optimizer adam --lr 2e-3 --clip-norm 5 --no-epoch-checkpoints --log-format json --log-interval 1
    --valid-subset dev --seed 1"""
DEMO = "--arch simul_st_demo --ctc-weight 1"
SEGMENTS = ("--front-end-block 320 --segment-from 2 --noise-from 4 --segment-number-from 2 --multipath-from 4 "
            "--contrastive-from 6")
_NETWORK = json.dumps({
    "conv_feature_layers": "[(16,10,5)] + [(16,3,2)] * 4 + [(16,2,2)] * 2", "encoder_layers": 1,
    "encoder_embed_dim": 32, "encoder_ffn_embed_dim": 64, "encoder_attention_heads": 4, "conv_pos": 16,
    "conv_pos_groups": 4}, separators=(",", ":"))
PAPERS = (f"--arch simul_st --w2v-config '{_NETWORK}' --model-dim 32 --ffn-dim 64 --attention-heads 4 "
          "--encoder-layers 2 --decoder-layers 2 --lr-scheduler inverse_sqrt --warmup-updates 4")

TRAININGS = {
    "one task": f"{DEMO} --tasks st",
    "three tasks": f"{DEMO} --length-grid always",
    "mgcm, streamed": f"{DEMO} --conflict-rule mgcm",
    "pcgrad, stash, model": f"{DEMO} --conflict-rule pcgrad --conflict-engine stash --conflict-granularity model",
    "gradvac, layer, update-freq 2": f"{DEMO} --conflict-rule gradvac --conflict-granularity layer --update-freq 2",
    "mgcm above the front end, bf16": f"{DEMO} --conflict-rule mgcm --conflict-scope above-front-end --bf16",
    "mgcm, paper's layout, recomputed": f"{PAPERS} --conflict-rule mgcm --checkpoint-activations --dropout 0.1",
    "diseg, published": f"{PAPERS} {SEGMENTS} --segmentation-variant published --conflict-rule mgcm",
    "diseg, differentiable waiting": f"{DEMO} {SEGMENTS} --segmentation-variant repaired --differentiable-waiting "
                                     "--augment-speed 0.9,1,1.1 --augment-gain=-6,6 --augment-noise 10,30",
    "diseg, repaired": f"{DEMO} --front-end-block 320 --segment-from 30 --noise-from 60 --segment-number-from 30 "
                       "--multipath-from 60 --contrastive-from 90 --segmentation-variant repaired --conflict-rule mgcm",
}
"""Name -> options. The last trains for LONG updates, the others for UPDATES."""
TRANSLATES = "diseg, repaired"
POLICIES = ("wait-segment:2", "wait-k:2", "alignatt:2", "edatt:0.3", "local-agreement:320", "offline:1", "offline:3")
