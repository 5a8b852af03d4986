#!/usr/bin/env bash
# From nothing to a quality-latency table: set-up, spoken corpus, preparation, training, SimulEval, scores.
# Usage: scripts/demo.sh [--out runs/demo] [--train 14000] [--test 200] [--updates 2800] [--seed 1]
#                        [--training mgcm|multi|single] [--variant repaired|published]
# Training of all three tasks with MGCM, of all three on the plain sum, or of ST alone (with ASR's CTC).
# Every step that is done already is skipped, so an interrupted demo goes on where it stopped.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

out=runs/demo train=14000 test=200 updates=2800 seed=1 training=mgcm variant=repaired
while [ $# -gt 0 ]; do
    case "$1" in
        --out | --train | --test | --updates | --seed | --training | --variant)
            [ $# -gt 1 ] || { echo "demo.sh: $1 needs a value." >&2; exit 2; }
            printf -v "${1#--}" %s "$2"; shift 2 ;;
        -h | --help) sed -n '2,6s/^# //p' scripts/demo.sh; exit 0 ;;
        *) echo "demo.sh: unknown option $1. See the first lines of this file." >&2; exit 2 ;;
    esac
done

for name in train test updates seed; do
    case "${!name}" in '' | *[!0-9]* | 0*)
        echo "demo.sh: expected a whole number from 1 on as --$name, found '${!name}'." >&2
        exit 2 ;;
    esac
done
case "$training" in
    mgcm)  # local, for two processes on one machine lose a sixth of the time by waiting for each other at every layer
        objective=(--tasks st,asr,mt --conflict-rule mgcm --conflict-scope above-front-end --conflict-reduce local) ;;
    multi) objective=(--tasks st,asr,mt) ;;
    single) objective=(--tasks st) ;;
    *) echo "demo.sh: expected --training of mgcm, multi or single, found $training." >&2; exit 2 ;;
esac
case "$variant" in
    repaired) waiting=(--differentiable-waiting) ;;  # see docs/segmentation.md
    published) waiting=() ;;
    *) echo "demo.sh: expected --variant repaired or published, found $variant." >&2; exit 2 ;;
esac
if [ "$updates" -lt 10 ]; then
    echo "demo.sh: expected --updates of at least 10, so that there are checkpoints to average, found $updates." >&2
    exit 2
fi

step() { printf '\n== %s (%d:%02d since the start)\n' "$1" $((SECONDS / 60)) $((SECONDS % 60)); }

# The lines of a training that show how far it is and how well it does; train.fields.log has every field of them.
show_training() {
    { grep --line-buffered -E '^update |valid on' || true; } \
        | sed -u -E "s/^.*INFO \| dev \| //; s/ \| (wps|ups|wpb|bsz|gnorm|clip|train_wall|ctc_infeasible) [^|]*//g"
}

[ -n "${PYTHON:-}" ] || { step "Set-up"; bash scripts/setup.sh; }
source scripts/python.sh
bin="$(dirname "$PYTHON")"
export PYTHONUTF8=1
# Keeping freed memory in the process makes convolutions on a CPU up to twice as fast.
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=268435456
mkdir -p "$out" 2> /dev/null && [ -w "$out" ] || {
    echo "demo.sh: expected a folder to write to as --out, found $out, in which $(id -un 2> /dev/null || true) may not." >&2
    exit 2
}
options="train $train, test $test, updates $updates, seed $seed, $training, $variant"
if [ "$(cat "$out/options" 2> /dev/null || echo "$options")" != "$options" ]; then
    echo "demo.sh: $out holds a demo with $(cat "$out/options"), not $options. Choose another --out." >&2
    exit 2
fi
if command -v flock > /dev/null; then  # a killed demo's trainers, while they live on, hold this too
    exec 8> "$out/lock"
    flock --wait 10 8 || { echo "demo.sh: another demo is at work in $out. Wait for it, or kill it." >&2; exit 2; }
fi
corpus="$out/corpus" data="$out/corpus/en-de" model="$out/model.pt" step_ms=320 block_ms=640

step "Spoken corpus: $train training sentences"
"$PYTHON" scripts/make_spoken_corpus.py --out "$corpus" --train "$train" --dev $(((test + 1) / 2)) --test "$test" --seed "$seed"

echo "$options" > "$out/options"

step "Preparation"
bash scripts/prep_mustc.sh --root "$corpus" --lang de --vocab-size 800

step "Training: $updates updates from raw audio, in two processes of one thread each"
# train RANK [OPTIONS]: two processes of one thread get through a third more audio than one process of two threads. The first
# epoch goes from short sentences to long ones (--curriculum 1), since attention forms sooner on short ones. Attention is
# segmented once the tasks have given the speech a meaning; lags are drawn once there are segments to count.
train() {
    exec env OMP_NUM_THREADS=1 "$bin/fairseq-train" "$data" --user-dir mgcm_fairseq --task simul_st --arch simul_st_demo \
        --criterion multitask_cross_entropy "${objective[@]}" --ctc-weight 1 --eval-bleu --valid-subset dev \
        --front-end-block "$block_ms" --segmentation-variant "$variant" --segment-from $((updates / 5)) \
        --segment-number-from $((updates / 5)) --noise-from $((updates * 2 / 5)) --multipath-from $((updates / 2)) \
        --lags 1,15 "${waiting[@]}" --contrastive-from $((updates * 2 / 3)) \
        --max-tokens 256000 --num-workers 0 --curriculum 1 --seed "$seed" --max-update "$updates" \
        --optimizer adam --adam-betas '(0.9,0.98)' --clip-norm 5 --lr 2e-3 \
        --lr-scheduler polynomial_decay --warmup-updates $((updates / 15)) --total-num-update "$updates" \
        --save-dir "$out/checkpoints" --save-interval-updates $(((updates + 19) / 20)) --keep-interval-updates 3 \
        --validate-after-updates $((updates * 4 / 5)) --validate-interval "$updates" \
        --no-epoch-checkpoints --best-checkpoint-metric bleu --maximize-best-checkpoint-metric \
        --cpu --distributed-backend gloo --ddp-backend legacy_ddp --distributed-world-size 2 --distributed-rank "$1" \
        --distributed-init-method "file://$meeting" --distributed-no-spawn --log-format simple --log-interval 25 "${@:2}"
}
if [ ! -f "$model" ] && ! ls "$out"/checkpoints/checkpoint_*_"$updates".pt > /dev/null 2>&1; then
    meeting="$(CDPATH='' cd -- "$out" && pwd)/meeting-point"  # where the two processes find each other
    rm -f "$meeting"
    train 1 > "$out/train.worker1.log" 2>&1 &
    worker=$!
    trap 'kill $worker 2> /dev/null || true' EXIT
    (train 0 --log-file "$out/train.fields.log") 2>&1 | tee -a "$out/train.log" | show_training || { tail -n 20 "$out"/train*.log >&2; exit 1; }
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
step "Segments against words"
"$PYTHON" scripts/segmentation_report.py --checkpoint "$model" --corpus "$data" --out "$out/segments.json"
step "Done: $out/results.json, $out/table.md, $out/bleu_al.png, $out/segments.json"
echo "Now hear it work: bash scripts/translate.sh $(head -n 1 "$data/simuleval/tst-COMMON.source")"
