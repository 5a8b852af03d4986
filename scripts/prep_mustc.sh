#!/usr/bin/env bash
# Prepares MuST-C, or a corpus in its layout: scripts/prep_mustc.sh --root DIR --lang de [--vocab-size 10000] [--skip-bad]
# The same as prep_corpus.sh --corpus mustc.
set -euo pipefail
exec bash "$(dirname "${BASH_SOURCE[0]}")/prep_corpus.sh" --corpus mustc "$@"
