# Finds the Python of this repository; to be sourced: exports REPO, PYTHON, PYTHONPATH and how text is encoded.
REPO="$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)"
PYTHON="${PYTHON:-$REPO/.venv/bin/python}"
OURS="$REPO/.venv"
refuse() { echo "$0: error: expected $1, found $2" >&2; exit 2; }
if [ "$PYTHON" = "$OURS/bin/python" ]; then
    [ ! -d "$OURS" ] || [ -x "$OURS" ] || refuse "that $(id -un 2> /dev/null || true) may read $OURS" "that only \
$(stat -c %U "$OURS" 2> /dev/null || echo its owner) may. Have its owner run: chmod -R go+rX '$OURS'"
    [ ! -e "$OURS/setup-unfinished" ] || refuse "a finished set-up in $OURS" \
        "one that is at work or was killed. Run scripts/setup.sh."
    # its packages fit together: nothing that is meant for another Python may come before them
    [ -z "${PYTHONPATH:-}${PYTHONHOME:-}" ] || [ "${PYTHONPATH:-}" = "$REPO" ] \
        || echo "PYTHONPATH and PYTHONHOME are not used with $OURS. Set PYTHON to use another Python." >&2
    unset PYTHONPATH PYTHONHOME
fi
if ! command -v "$PYTHON" > /dev/null; then
    [ ! -L "$PYTHON" ] || refuse "a Python at $PYTHON" "a link to one that \
$(id -un 2> /dev/null || true) cannot run. Set up with a Python that all may run: PYTHON_BASE=/usr/bin/python3.11"
    refuse "a Python at $PYTHON" "none. Run scripts/setup.sh first, or set PYTHON."
fi
PYTHON="$(command -v "$PYTHON")"
# Whatever the locale: text in UTF-8, or where PYTHONIOENCODING asks for another encoding, \u escapes for what that lacks.
export PYTHONUTF8=1 PYTHONIOENCODING="${PYTHONIOENCODING:-utf-8}"
case "$PYTHONIOENCODING" in *:*) ;; *) PYTHONIOENCODING+=":backslashreplace" ;; esac
export REPO PYTHON PYTHONPATH="$REPO${PYTHONPATH:+:$PYTHONPATH}"
