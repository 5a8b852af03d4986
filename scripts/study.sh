#!/usr/bin/env bash
# Trains and compares the systems of a study: scripts/study.sh imtl --corpus runs/short/en-de --out runs/imtl
# Writes study.json and study.md. Trials that are done are skipped; an interrupted study goes on. --help lists everything.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/python.sh"
exec "$PYTHON" -W ignore -m mgcm_fairseq.commands.study "$@"
