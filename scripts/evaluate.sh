#!/usr/bin/env bash
# Quality and latency of a checkpoint under several policies, as tables, JSON and a plot:
#   scripts/evaluate.sh --checkpoint model.pt --corpus DIR --run wait-segment:1,3,5 --run alignatt:2,4,8 --out FOLDER
# --long-form translates and scores whole talks. Goes on where it was interrupted; --help lists everything.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/python.sh"
exec "$PYTHON" -W ignore -m mgcm_fairseq.commands.evaluate "$@"
