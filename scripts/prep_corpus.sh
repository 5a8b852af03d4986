#!/usr/bin/env bash
# Prepares a corpus for training: scripts/prep_corpus.sh --corpus mustc|europarl-st|covost2|acl-6060|mcif|manifest
#     --root DIR --lang de [--src-lang en,...] [--out DIR] [--vocab-size 10000] [--splits train dev test] [--skip-bad]
#     [--pack] [--processes N]
# or speech of your own: scripts/prep_corpus.sh --manifest train=FILE dev=FILE test=FILE --out DIR --lang de
# Layouts and outputs: docs/corpora.md. A run that was killed goes on where it stopped.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/python.sh"
exec "$PYTHON" -m mgcm_fairseq.commands.prepare "$@"
