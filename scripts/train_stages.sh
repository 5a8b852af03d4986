#!/usr/bin/env bash
# Trains the paper's model on a prepared MuST-C, stage by stage: text (optional), offline, segmentation.
# Usage: scripts/train_stages.sh --data DIR --w2v wav2vec_small.pt --out DIR [--stages mt,offline,segmentation] [--best 5]
#            [KEY=VALUE ...]
# Each stage starts from the mean of the best checkpoints of the one before it, OUT/STAGE.pt; a stage that is done is
# skipped, and one that was interrupted goes on. KEY=VALUE overrides the YAMLs in configs/, as
# optimization.update_freq=[8] on one GPU.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/python.sh"

data="" w2v="" out="" stages=offline,segmentation best=5 overrides=()
while [ $# -gt 0 ]; do
    case "$1" in
        --data | --w2v | --out | --stages | --best)
            [ $# -gt 1 ] || { echo "train_stages.sh: $1 needs a value." >&2; exit 2; }
            printf -v "${1#--}" %s "$2"; shift 2 ;;
        *=*) overrides+=("$1"); shift ;;
        *) echo "train_stages.sh: unknown option $1. See the first lines of this file." >&2; exit 2 ;;
    esac
done
for name in data w2v out; do
    [ -n "${!name}" ] || { echo "train_stages.sh: --$name is missing. See the first lines of this file." >&2; exit 2; }
done
for stage in ${stages//,/ }; do
    [ -f "$REPO/configs/paper_$stage.yaml" ] \
        || { echo "train_stages.sh: expected stages of mt, offline, segmentation, found $stage." >&2; exit 2; }
done
[ -f "$w2v" ] || { echo "train_stages.sh: expected a wav2vec 2.0 checkpoint as --w2v, found no file $w2v." >&2; exit 2; }

absolute() { (cd "$1" && pwd); }
mkdir -p "$out"
data="$(absolute "$data")" out="$(absolute "$out")" w2v="$(absolute "$(dirname "$w2v")")/$(basename "$w2v")"
cd "$REPO"
before=()
for stage in ${stages//,/ }; do
    if [ -f "$out/$stage.pt" ]; then
        echo "$out/$stage.pt is there: nothing to do."
    else
        echo "== $stage"
        "$(dirname "$PYTHON")/fairseq-hydra-train" --config-dir configs --config-name "paper_$stage" \
            task.data="$data" model.w2v_path="$w2v" checkpoint.save_dir="$out/$stage" hydra.run.dir="$out/$stage" \
            "${before[@]}" "${overrides[@]}" 2>&1 | tee -a "$out/$stage.log"
        "$PYTHON" scripts/average_checkpoints.py "$out/$stage" --best "$best" --output "$out/$stage.pt"
    fi
    before=("checkpoint.finetune_from_model=$out/$stage.pt")
done
