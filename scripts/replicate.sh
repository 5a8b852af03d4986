#!/usr/bin/env bash
# Does MGCM help? From nothing to the tables and figures of docs/replication.md: spoken corpus, preparation, trainings,
# costs, report. Every step that is done already is skipped, so that an interrupted replication goes on where it
# stopped: scripts/replicate.sh [OPTIONS]
#   --size NAME       small: some 90 minutes on two cores; full: the demo's network and more systems, 40 hours of one
#                     core and more (default: small)
#   --out DIR         where to write (default: runs/replication in the clone)
#   --captions DIR    with --size full: speak the captions of DIR/train.en.gz and DIR/train.de.gz, as Multi30k has them,
#                     in place of the grammar's sentences
#   --jobs N          trainings at a time, each a process of one thread (default: one for each core)
#   --device NAME     cpu, or cuda, which spreads trainings over all GPUs (default: cpu)
set -euo pipefail
here="$PWD"
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

size=small out='' captions='' jobs="$(nproc)" device=cpu
fail() { echo "scripts/replicate.sh: error: $1" >&2; exit 2; }
while [ $# -gt 0 ]; do
    case "$1" in
        --size | --out | --captions | --jobs | --device)
            [ $# -gt 1 ] || fail "$1 needs a value."
            printf -v "${1#--}" %s "$2"; shift 2 ;;
        -h | --help) sed -n '2,/^set/ s/^# \{0,1\}//p' scripts/replicate.sh; exit 0 ;;
        *) fail "unknown option $1. See --help." ;;
    esac
done
for name in out captions; do
    case "${!name}" in '' | /*) ;; *) [ "$here" = "$PWD" ] || printf -v "$name" %s "$here/${!name}" ;; esac
done
out="${out:-runs/replication}"
case "$size" in
    small) text=(--train 8000 --dev 100 --test 200 --longest 6 --words 200) vocabulary=400 ;;  # learnt in minutes
    full) text=(--train 14000 --dev 100 --test 200) vocabulary=800 ;;  # the demo's
    *) fail "expected --size of small or full, found $size." ;;
esac
if [ -n "$captions" ]; then
    [ "$size" = full ] || fail "expected --size full with --captions, for small learns no captions, found $size."
    for side in en de; do
        [ -f "$captions/train.$side.gz" ] || fail "expected captions in $captions/train.$side.gz, found no such file."
    done
    text=(--train 28000 --dev 200 --test 500 --source "$captions/train.en.gz" --target "$captions/train.de.gz" --skip-bad)
    vocabulary=2000
fi

step() { printf '\n== %s (%d:%02d since the start)\n' "$1" $((SECONDS / 60)) $((SECONDS % 60)); }

[ -n "${PYTHON:-}" ] || { step "Set-up"; bash scripts/setup.sh; }
source scripts/python.sh
corpus="$out/corpus-$size${captions:+-captions}" runs="$out/runs${captions:+-captions}"

step "Spoken corpus"
"$PYTHON" scripts/make_spoken_corpus.py --out "$corpus" "${text[@]}"
step "Preparation"
bash scripts/prep_mustc.sh --root "$corpus" --lang de --vocab-size "$vocabulary"

study() { bash scripts/study.sh replication --size "$size" --corpus "$corpus/en-de" --out "$runs" --jobs "$jobs" \
    --device "$device" "$@"; }
report() { "$PYTHON" scripts/replication.py "$@"; }
step "Trainings of the first seed: all systems"
study --seeds 1 > /dev/null
step "Trainings of the other seeds: of the constant weights those that were better on dev"
systems="$(report --study "$runs/$size" --systems)"
study --systems "$systems" > /dev/null

step "What conflict handling costs"
cost() { [ -f "$out/$1" ] || env OMP_NUM_THREADS=1 "$PYTHON" scripts/benchmarks/conflict.py \
    --methods published,pcgrad,stash,streamed,streamed_above --out "$out/$1" "${@:2}"; }
cost cost_small.json --sizes 0.003 --clock cpu  # time and memory of a network as large as the study's
cost cost_paper.json --sizes 0.2 --fake  # memory of the paper's network, without its arithmetic

step "Tables and figures"
report --study "$runs/$size" --cost "$out/cost_small.json" "$out/cost_paper.json" --out "$out/report-$size${captions:+-captions}"
step "Done: tables.md, replication.json and figures in $out/report-$size${captions:+-captions}"
