#!/usr/bin/env bash
# From nothing to a quality-latency table: set-up, spoken corpus, preparation, training, SimulEval, scores.
# Every step that is done already is skipped, so an interrupted demo goes on where it stopped: scripts/demo.sh [OPTIONS]
#   --out DIR         where to write (default: runs/demo in the clone)
#   --train N         sentences to train on (default: 14000)
#   --test N          sentences to translate (default: 200)
#   --updates N       of the training (default: 2800)
#   --seed N          of the corpus and the training (default: 1)
#   --training NAME   mgcm: all three tasks with MGCM; multi: all three on the plain sum; single: ST alone, with ASR's CTC
#                     (default: mgcm)
#   --variant NAME    of the segmentation: repaired or published (default: repaired)
set -euo pipefail
here="$PWD"
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

out='' train=14000 test=200 updates=2800 seed=1 training=mgcm variant=repaired
while [ $# -gt 0 ]; do
    case "$1" in
        --out | --train | --test | --updates | --seed | --training | --variant)
            [ $# -gt 1 ] || { echo "scripts/demo.sh: error: $1 needs a value." >&2; exit 2; }
            printf -v "${1#--}" %s "$2"; shift 2 ;;
        -h | --help) sed -n '2,/^set/ s/^# \{0,1\}//p' scripts/demo.sh; exit 0 ;;
        *) echo "scripts/demo.sh: error: unknown option $1. See --help." >&2; exit 2 ;;
    esac
done

case "$out" in
    '') out=runs/demo ;;
    /*) ;;
    *) [ "$here" = "$PWD" ] || out="$here/$out" ;;
esac
for name in train test updates seed; do
    case "${!name}" in '' | *[!0-9]* | 0*)
        echo "scripts/demo.sh: error: expected a whole number from 1 on as --$name, found '${!name}'." >&2
        exit 2 ;;
    esac
done
case "$training" in
    mgcm) objective=() ;;  # as in configs/demo.yaml
    multi) objective=(task.conflict_rule=none) ;;
    single) objective=(task.conflict_rule=none criterion.tasks=st) ;;
    *) echo "scripts/demo.sh: error: expected --training of mgcm, multi or single, found $training." >&2; exit 2 ;;
esac
case "$variant" in
    repaired) waiting=() ;;  # as in configs/demo.yaml
    published) waiting=(model.differentiable_waiting=false) ;;  # see docs/segmentation.md
    *) echo "scripts/demo.sh: error: expected --variant repaired or published, found $variant." >&2; exit 2 ;;
esac
if [ "$updates" -lt 10 ]; then
    echo "scripts/demo.sh: error: expected --updates of at least 10, so that there are checkpoints to average, found $updates." >&2
    exit 2
fi

step() { printf '\n== %s (%d:%02d since the start)\n' "$1" $((SECONDS / 60)) $((SECONDS % 60)); }

# A text as Hydra reads it in KEY=VALUE, whatever characters it has.
quoted() { printf "'%s'" "$(printf %s "$1" | sed -E "s/(\\\\+)('|$)/\\1\\1\\2/g; s/'/\\\\'/g")"; }

# The lines of a training that show how far it is and how well it does, each of at most 120 characters; train.fields.log
# has every field of them.
show_training() {
    { grep --line-buffered -E '^update |^epoch .* ends|valid on' || true; } \
        | sed -u -E "/valid on/ { s/^.*INFO \| dev \| //; s/ \| (valid on|loss|st_acc|segments|bleu|num_updates) / # \1 /g; \
                     s/ \| [a-z_]+ [^ ]+//g; s/ # / | /g }"
}

[ -n "${PYTHON:-}" ] || { step "Set-up"; bash scripts/setup.sh; }
source scripts/python.sh
export PYTHONUTF8=1
# Keeping freed memory in the process makes convolutions on a CPU up to twice as fast.
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=268435456
mkdir -p "$out" 2> /dev/null && [ -w "$out" ] || {
    echo "scripts/demo.sh: error: expected a folder to write to as --out, found $out, in which $(id -un 2> /dev/null || true) may not." >&2
    exit 2
}
options="train $train, test $test, updates $updates, seed $seed, $training, $variant"
if [ -s "$out/options" ] && [ "$(cat "$out/options")" != "$options" ]; then
    echo "scripts/demo.sh: error: $out holds a demo with $(cat "$out/options"), not $options. Choose another --out." >&2
    exit 2
fi
if command -v flock > /dev/null; then  # a killed demo's trainers, while they live on, hold this too
    exec 8> "$out/lock"
    flock --wait 10 8 || { echo "scripts/demo.sh: error: another demo is at work in $out. Wait for it, or kill it." >&2; exit 2; }
fi
corpus="$out/corpus" data="$out/corpus/en-de" model="$out/model.pt" step_ms=320

step "Spoken corpus: $train training sentences"
"$PYTHON" scripts/make_spoken_corpus.py --out "$corpus" --train "$train" --dev $(((test + 1) / 2)) --test "$test" --seed "$seed"

echo "$options" > "$out/options.new"
mv "$out/options.new" "$out/options"

step "Preparation"
bash scripts/prep_mustc.sh --root "$corpus" --lang de --vocab-size 800

step "Training: $updates updates from raw audio, in two processes of one thread each"
# train RANK [KEY=VALUE...]: two processes of one thread get through a third more audio than one process of two threads. The options
# are those of configs/demo.yaml, but for these, of which the schedule is scaled to the number of updates. The first
# epoch goes from short sentences to long ones (curriculum), since attention forms sooner on short ones. Attention is
# segmented once the tasks have given the speech a meaning; lags are drawn once there are segments to count.
train() {
    exec env OMP_NUM_THREADS=1 PYTHONWARNINGS=ignore "$PYTHON" -m fairseq_cli.hydra_train \
        --config-dir configs --config-name demo hydra.output_subdir=null hydra/job_logging=stdout \
        common.user_dir=mgcm_fairseq "common.seed=$seed" \
        "task.data=$(quoted "$data")" "checkpoint.save_dir=$(quoted "$out/checkpoints")" \
        "${objective[@]}" "model.segmentation_variant=$variant" "${waiting[@]}" \
        model.segment_from=$((updates / 5)) criterion.segment_number_from=$((updates / 5)) \
        model.noise_from=$((updates * 2 / 5)) model.multipath_from=$((updates / 2)) \
        criterion.contrastive_from=$((updates * 2 / 3)) optimization.max_update="$updates" \
        lr_scheduler.total_num_update="$updates" lr_scheduler.warmup_updates=$((updates / 15)) \
        checkpoint.save_interval_updates=$(((updates + 19) / 20)) \
        dataset.validate_after_updates=$((updates * 4 / 5)) dataset.validate_interval="$updates" \
        distributed_training.distributed_world_size=2 "distributed_training.distributed_rank=$1" \
        "distributed_training.distributed_init_method=$(quoted "file://$meeting")" \
        distributed_training.distributed_no_spawn=true "${@:2}"
}
if [ ! -f "$model" ] && ! ls "$out"/checkpoints/checkpoint_*_"$updates".pt > /dev/null 2>&1; then
    meeting="$(CDPATH='' cd -- "$out" && pwd)/meeting-point"  # where the two processes find each other
    rm -f "$meeting"
    train 1 > "$out/train.worker1.log" 2>&1 &
    worker=$!
    trap 'kill $worker 2> /dev/null || true' EXIT
    (train 0 "common.log_file=$(quoted "$out/train.fields.log")") 2>&1 | tee -a "$out/train.log" | show_training || { tail -n 20 "$out"/train*.log >&2; exit 1; }
    wait $worker
    trap - EXIT
else
    echo "$out is trained: nothing to do."
fi
[ -f "$model" ] || "$PYTHON" scripts/average_checkpoints.py "$out/checkpoints" --last 3 --out "$model"

step "Translation of the test set, and scores"
runs=(--run wait-segment:1,3,5,7,9,11,13,15 --run "wait-k:1,3,5 --step-ms $step_ms"
      --run "alignatt:2,4,8 --step-ms $step_ms" --run offline:1,5)
bash scripts/evaluate.sh --checkpoint "$model" --corpus "$data" "${runs[@]}" --source-segment-size "$step_ms" --out "$out"
step "Whole talks: their translation, and scores"
pauses="--pause-ms 200"  # of the spoken corpus, the shortest between two sentences
bash scripts/evaluate.sh --long-form --checkpoint "$model" --corpus "$data" --run "wait-segment:3,5 $pauses" \
    --run "wait-k:5 --step-ms $step_ms $pauses" --run "alignatt:4,8 --step-ms $step_ms $pauses" \
    --source-segment-size "$step_ms" --out "$out/talks"
step "Segments against words"
"$PYTHON" scripts/segmentation_report.py --checkpoint "$model" --corpus "$data" --out "$out/segments.json"
step "Done: $out/results.json, $out/table.md, $out/bleu_al.png, $out/segments.json"
wav="$(head -n 1 "$data/simuleval/tst-COMMON.source")"
echo "Now hear it work: bash scripts/translate.sh --checkpoint $(printf %q "$model") $(printf %q "$wav")"
echo "Or speak to it, in a page of your browser: bash scripts/serve.sh --checkpoint $(printf %q "$model")"
