#!/usr/bin/env bash
# Shows a recording's translation word by word, with the seconds heard so far: scripts/translate.sh some.wav [--lag 3]
# --run "alignatt:4 --beam 5" takes any policy, written as for evaluate.sh.
# A recording may have any length; - takes 16-bit samples from a pipe: arecord -q -t raw -f S16_LE -c 1 -r 16000 |
# scripts/translate.sh -. With --subtitles out.srt it writes subtitles, too.
# Uses the demo's model unless --checkpoint names another, which needs no corpus; any sample rate and number of channels.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/python.sh"
case " $* " in
    *" --checkpoint "* | *" --checkpoint="* | *" -h "* | *" --help "*) defaults=() ;;
    *) defaults=(--checkpoint "$REPO/runs/demo/model.pt") ;;
esac
exec "$PYTHON" -W ignore -m mgcm_fairseq.commands.translate "${defaults[@]}" "$@"
