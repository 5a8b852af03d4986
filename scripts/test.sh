#!/usr/bin/env bash
# Checks style, types, layers, the site and behaviour: scripts/test.sh [--versions lowest|latest] [arguments of pytest]
# Sets up .venv first where that is needed; PYTHON=/path/to/python takes another environment as it is. With --versions the
# checks run on the lowest or the latest versions that setup.py allows, in .venv-lowest or .venv-latest. With --cov, which is
# slow, pytest lists the lines that no test runs.
set -euo pipefail
HERE="$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)"
case "${1:-}" in -h | --help) sed -n '2,/^set/ s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;; esac
VERSIONS=tested
if [ "${1:-}" = --versions ]; then
    [ -z "${PYTHON:-}" ] || { echo "scripts/test.sh: error: --versions makes an environment of its own: unset PYTHON." >&2; exit 2; }
    bash "$HERE/setup.sh" --dev --versions "${2:-}"
    VERSIONS="$2" PYTHON="$HERE/../.venv-$2/bin/python"
    shift 2
fi
[ -n "${PYTHON:-}" ] || bash "$HERE/setup.sh" --dev
source "$HERE/python.sh"
cd "$REPO"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"  # the tensors of tests are small: threads cost more than they bring

FAILED=()
check() {  # NAME COMMAND...: goes on after a failure, so that one run shows all
    printf '\n== %s\n' "$1"
    "${@:2}" || FAILED+=("$1")
}

SAID="$(mktemp)"  # by sphinx, which takes one core as mypy does: they run side by side
"$PYTHON" -m sphinx -q -W --keep-going docs build/docs > "$SAID" 2>&1 &
SPHINX=$!
trap 'kill "$SPHINX" 2> /dev/null || true; rm -f "$SAID"' EXIT
site() {
    local status=0
    wait "$SPHINX" || status=$?
    cat "$SAID"
    return "$status"
}

check style "$PYTHON" -m ruff check
# torch annotates more of itself in each version, and with that changes what mypy asks of the calls to it
[ "$VERSIONS" != tested ] || check types "$PYTHON" -m mypy
check layers "$PYTHON" -c \
    'import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True, no_logo=True))'
check docs site
# two processes, a file of tests in one of them: nearly half the time on two cores. Files come in the order of their
# names: xdist would put those of many tests first and leave the longest tests, whole trainings, to the end.
check tests "$PYTHON" -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder \
    --durations=20 "$@"

[ ${#FAILED[@]} -eq 0 ] || { printf '\nfailed: %s\n' "${FAILED[*]}" >&2; exit 1; }
