#!/usr/bin/env bash
# Compares evaluations of scripts/evaluate.sh: scripts/compare.sh --out runs/comparison ours=runs/a,runs/b base=runs/c
# Writes curves.png, curves.svg, compare.json and compare.md; folders behind one name are seeds of one system.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/python.sh"
exec "$PYTHON" -W ignore -m mgcm_fairseq.commands.compare "$@"
