#!/usr/bin/env bash
# Makes one folder that simuleval --system-dir runs on any machine with this package: scripts/export_system.sh
#   --checkpoint model.pt --policy wait-segment --out FOLDER -- --lag 3
# Behind the -- stand the options of the policy's agent.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/python.sh"
exec "$PYTHON" -W ignore -m mgcm_fairseq.commands.export "$@"
