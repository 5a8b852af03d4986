#!/usr/bin/env bash
# Kills, stops and starves the programs of this package at random moments and looks whether all is whole after the same
# command again: scripts/checks/faults.sh --out DIR [--kills 100] [--seed 1] [--parts NAME,...] [--quick]
# DIR/results.jsonl grows by a line a fault, DIR/table.md sums it up; status 1 if anything was lost.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../python.sh"
exec "$PYTHON" -W ignore -m mgcm_fairseq.checks.faults.check "$@"
