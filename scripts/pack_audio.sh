#!/usr/bin/env bash
# Copies a prepared corpus with its audio in few long wavs: scripts/pack_audio.sh --corpus DIR --out DIR [--hours 1]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/python.sh"
exec "$PYTHON" -m mgcm_fairseq.data.packing "$@"
