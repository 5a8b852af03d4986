# Finds the Python of this repository; to be sourced: exports REPO, PYTHON, PYTHONPATH and how text is encoded.
REPO="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
PYTHON="${PYTHON:-$REPO/.venv/bin/python}"
if [ "$PYTHON" = "$REPO/.venv/bin/python" ] && [ -e "$REPO/.venv/setup-unfinished" ]; then
    echo "error: expected a finished set-up in $REPO/.venv, found one that is at work or was killed. Run scripts/setup.sh." >&2
    exit 2
fi
if ! command -v "$PYTHON" > /dev/null; then
    echo "error: expected a Python at $PYTHON, found none. Run scripts/setup.sh first, or set PYTHON." >&2
    exit 2
fi
PYTHON="$(command -v "$PYTHON")"
# Whatever the locale: text in UTF-8, or where PYTHONIOENCODING asks for another encoding, \u escapes for what that lacks.
export PYTHONUTF8=1 PYTHONIOENCODING="${PYTHONIOENCODING:-utf-8}"
case "$PYTHONIOENCODING" in *:*) ;; *) PYTHONIOENCODING+=":backslashreplace" ;; esac
export REPO PYTHON PYTHONPATH="$REPO${PYTHONPATH:+:$PYTHONPATH}"
