#!/usr/bin/env bash
# Shows a recording's translation word by word, with the seconds heard so far: scripts/translate.sh some.wav [--lag 3]
# --run "alignatt:4 --beam 5" takes any policy, written as for evaluate.sh.
# Uses the demo's model unless --checkpoint names another, which needs no corpus; any sample rate, mono or stereo.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/python.sh"
case " $* " in
    *" --checkpoint "* | *" --checkpoint="* | *" -h "* | *" --help "*) defaults=() ;;
    *) defaults=(--checkpoint "$REPO/runs/demo/model.pt" --corpus "$REPO/runs/demo/corpus/en-de") ;;
esac
exec "$PYTHON" -W ignore -m mgcm_fairseq.commands.translate "${defaults[@]}" "$@"
