#!/usr/bin/env bash
# Measures this package on a machine with a GPU, in under eight minutes and without network: scripts/checks/gpu.sh --out DIR
# DIR/results.json and DIR/table.md grow while it runs; status 1 if a part failed. --help lists everything.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../python.sh"
exec "$PYTHON" -W ignore -m mgcm_fairseq.checks.gpu.check "$@"
