#!/usr/bin/env bash
# Translates what is said into a microphone, or a recording, in a page of the browser: scripts/serve.sh --checkpoint model.pt
#   [--run "alignatt:4 --beam 5" ...]
# Uses the demo's model unless --checkpoint names another. The page is for this machine alone: http://127.0.0.1:8765/
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/python.sh"
case " $* " in
    *" --checkpoint "* | *" --checkpoint="* | *" -h "* | *" --help "*) defaults=() ;;
    *) defaults=(--checkpoint "$REPO/runs/demo/model.pt") ;;
esac
exec "$PYTHON" -W ignore -m mgcm_fairseq.commands.serve "${defaults[@]}" "$@"
