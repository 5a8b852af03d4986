#!/usr/bin/env bash
# Makes .venv with everything that the project needs: scripts/setup.sh [--dev] [--versions lowest|latest]
#   --dev         also what scripts/test.sh needs
#   --versions    not those of constraints.txt, which were tested together, but the lowest or the latest that setup.py
#                 allows, in .venv-lowest or .venv-latest (of today: tomorrow it is made anew)
#   PYTHON_BASE   the Python to use, 3.11 or 3.12 (default: python3.11, else python3.12, else python3)
#   TORCH_SPEC    the torch to install, such as torch==2.13.0+cpu (default: that of constraints.txt or setup.py)
#   PIP_*         pip's own variables, such as PIP_EXTRA_INDEX_URL for an index with CPU builds of torch
# A second run returns at once. One that was killed is started again; pip's cache keeps what it fetched and compiled.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

say() { printf '[%3d s] %s\n' "$SECONDS" "$*"; }
fail() { printf 'scripts/setup.sh: error: %s\n' "$*" >&2; exit 2; }

MODE=base VERSIONS=tested
while [ $# -gt 0 ]; do
    case "$1 ${2:-}" in
        "--dev "*) MODE=dev; shift ;;
        "--versions lowest" | "--versions latest") VERSIONS="$2"; shift 2 ;;
        "--help "* | "-h "*) sed -n '2,/^set/ s/^# \{0,1\}//p' scripts/setup.sh; exit 0 ;;
        *) fail "expected --dev, --versions lowest, --versions latest or --help, found $*" ;;
    esac
done

VENV="$PWD/.venv"
[ "$VERSIONS" = tested ] || VENV="$VENV-$VERSIONS"
STAMP="$VENV/setup-done"  # key of the files below | base or dev | Python and torch that were asked for
UNFINISHED="$VENV/setup-unfinished"
LOG="$VENV/setup.log"
BOUNDS="$VENV/bounds.txt"  # the versions to install, in pip's form of constraints
source scripts/surroundings.sh

version() { "$1" --version 2> /dev/null || echo "none"; }
is_supported() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' 2> /dev/null; }

[ -z "${PYTHON311:-}" ] || fail "PYTHON311 is now called PYTHON_BASE: expected that, found PYTHON311=$PYTHON311."

find_python() {
    local candidates=(python3.11 python3.12 python3)
    [ -z "${PYTHON_BASE:-}" ] || candidates=("$PYTHON_BASE")
    for PYTHON in "${candidates[@]}"; do
        ! is_supported "$PYTHON" || return 0
    done
    fail "expected Python 3.11 or 3.12 as ${PYTHON_BASE:-python3.11, python3.12 or python3}, found $(version "$PYTHON").
Install it (Debian: python3.11 python3.11-venv python3.11-dev; Fedora: python3.11-devel; macOS: brew install python@3.11),
or name it: PYTHON_BASE=/path/to/python3.11"
}

check_tools() {
    local named
    named="python$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
    "$PYTHON" -c 'import ensurepip, venv' 2> /dev/null \
        || fail "$PYTHON lacks venv or ensurepip. Install them (Debian: $named-venv)."
    "$PYTHON" -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(sysconfig.get_path("include") + "/Python.h"))' \
        || fail "$PYTHON lacks Python.h, which compiling fairseq needs. Install it (Debian: $named-dev;
Fedora: $named-devel)."
    echo 'int main() {}' | "${CXX:-c++}" -x c++ -fsyntax-only - 2> /dev/null \
        || fail "${CXX:-c++} is no C++ compiler that works, which compiling fairseq needs.
Install one (Debian: g++; Fedora: gcc-c++; macOS: xcode-select --install), or name it: CXX=/path/to/g++"
}

# pip says that packages do not fit together where the index lacks a version
name_missing_versions() {
    local version
    for version in $(sed -n 's/.* requested (constraint) //p' "$LOG" | sort -u); do
        "${PIP[@]}" install --quiet --dry-run --no-deps --ignore-installed "$version" > "$VENV/index.log" 2>&1 \
            || ! grep -q 'No matching distribution' "$VENV/index.log" \
            || say "the package index has no $version: raise the bound in setup.py to one that it has"
    done
}

give_up() {  # what failed; the reason comes last
    local reason
    tail -n 30 "$LOG" >&2
    reason="$(explain_log)"
    [ -n "$reason" ] || name_missing_versions >&2
    fail "$1. ${reason:+$reason }The whole log is $LOG."
}

# run NAME COMMAND...: its output goes to the log; a sign of life every 20 s
run() {
    local name="$1" ticks=0 child
    shift
    say "$name"
    "$@" >> "$LOG" 2>&1 &
    child=$!
    trap 'kill "$child" 2> /dev/null || true' EXIT
    while kill -0 "$child" 2> /dev/null; do
        sleep 0.5
        ticks=$((ticks + 1))
        [ $((ticks % 40)) -ne 0 ] || say "  ... $(grep '[^ ]' "$LOG" | tail -n 1 | cut -c 1-100)"
    done
    wait "$child" || give_up "$name failed"
    trap - EXIT
}

PIP=("$VENV/bin/python" -m pip)
INSTALL=("${PIP[@]}" install --no-build-isolation)
# Bytecode comes with the first import, which saves 20 s here, unless Python is told to write none: then each start of it
# would compile everything anew, 5 s.
[ -n "${PYTHONDONTWRITEBYTECODE:-}" ] || INSTALL+=(--no-compile)

# the version of a CUDA torch in the user's own Python, if it has one that .venv can see and use
users_torch() {
    "$PYTHON" -c '
import sys, torch
major, minor = torch.__version__.split(".")[:2]
if torch.version.cuda and (int(major), int(minor)) >= (2, 6) and sys.prefix == sys.base_prefix:
    print(torch.__version__)' 2> /dev/null || true
}

# what pip would install for $1: version, and whether that build brings the CUDA libraries
describe_torch() {
    "${PIP[@]}" install --dry-run --no-deps --ignore-installed --report "$VENV/torch.json" "$1" >> "$LOG" 2>&1 \
        || give_up "pip finds no $1 for $PYTHON"
    "$PYTHON" -c '
import json, sys
torch = json.load(open(sys.argv[1]))["install"][0]["metadata"]
cuda = any(name.startswith(("nvidia", "cuda")) for name in torch.get("requires_dist", []))
print(torch["version"], "with CUDA, several GB" if cuda else "for the CPU")' "$VENV/torch.json"
}

find_bounds() {
    [ "$VERSIONS" != tested ] || { cp constraints.txt "$BOUNDS"; return; }
    run "tools to read setup.py with" "${INSTALL[@]}" setuptools wheel packaging
    "$VENV/bin/python" scripts/checks/bounds.py "$VERSIONS" > "$BOUNDS" 2>> "$LOG" || { tail -n 5 "$LOG" >&2; exit 2; }
}

install_torch() {
    local spec="${TORCH_SPEC:-$(grep '^torch[=<>]' "$BOUNDS")}" build
    if [ -n "$USERS_TORCH" ]; then
        say "torch $USERS_TORCH with CUDA is in $PYTHON already and will be used"
        return
    fi
    build="$(describe_torch "$spec")"
    case "$build" in *CUDA*)
        say "this torch brings CUDA. Without a GPU stop here, and run again with PIP_EXTRA_INDEX_URL set to PyTorch's"
        say "index of CPU builds (named at pytorch.org, Get Started): a tenth of the size" ;;
    esac
    run "torch $build" "${INSTALL[@]}" "$spec"
}

install_rest() {
    local constraints="$VENV/constraints.txt" installed cache compiled=()
    installed="$("$VENV/bin/python" -c 'import importlib.metadata as m; print(m.version("torch"))')"
    { grep -v '^torch[=<>]' "$BOUNDS"; echo "torch==$installed"; } > "$constraints"
    run "tools to compile with" "${INSTALL[@]}" -c "$constraints" setuptools wheel cython numpy
    # CUDA_HOME: fairseq-fixed would look for CUDA sources that it does not ship. -g0: without debug symbols a third faster
    export CFLAGS="-g0 ${CFLAGS:-}"
    unset CUDA_HOME
    # a cache for each torch: pip keeps what it compiled by the name of fairseq alone, and would give it to another torch
    ! cache="$("${PIP[@]}" cache dir 2>> "$LOG")" || compiled=(--cache-dir "$cache/for-torch-$installed")
    run "fairseq, compiled here (minutes)" "${INSTALL[@]}" "${compiled[@]}" --no-deps -c "$constraints" fairseq-fixed
    run "the other packages" "${INSTALL[@]}" -c "$constraints" -e ".[live,spoken,tensorboard]"
}

install_dev() { run "tools to test with" "${INSTALL[@]}" -c "$VENV/constraints.txt" -e ".[dev]"; }

TODAY=""
[ "$VERSIONS" != latest ] || TODAY="$(date +%F)"
KEY="$( { cat setup.py constraints.txt scripts/setup.sh scripts/checks/bounds.py; pwd; echo "$TODAY"; } | cksum | tr ' ' -)"
CHOICE="${PYTHON_BASE:-} ${TORCH_SPEC:-}"

is_done() {  # in mode $1, with the user's choice if there is one
    [ -x "$VENV/bin/python" ] && [ ! -e "$UNFINISHED" ] && [ -e "$STAMP" ] || return 1
    local key mode choice
    IFS='|' read -r key mode choice < "$STAMP"
    [ "$key" = "$KEY" ] || return 1
    [ "$mode" = "$1" ] || [ "$mode" = dev ] || return 1
    [ "$CHOICE" = " " ] || [ "$CHOICE" = "$choice" ]
}

! is_done "$MODE" || exit 0
leave_out_settings_for_others
check_folder "$VENV"
if command -v flock > /dev/null; then  # two at once, or pip still running for a script that was killed
    exec 9< scripts/setup.sh
    flock --nonblock 9 || { say "waiting for another set-up to end"; flock 9; }
    ! is_done "$MODE" || exit 0
fi
find_python
check_tools
[ ${#NOT_USED[@]} -eq 0 ] || say "not used here: ${NOT_USED[*]}"
if is_done base; then
    IFS='|' read -r _ _ CHOICE < "$STAMP"
    touch "$UNFINISHED"
else
    [ ! -e "$UNFINISHED" ] || say "the last set-up was killed: starting again"
    USERS_TORCH=""
    [ -n "${TORCH_SPEC:-}" ] || [ "$VERSIONS" != tested ] || USERS_TORCH="$(users_torch)"
    mkdir -p "$VENV"
    touch "$UNFINISHED"
    find "$VENV/" -mindepth 1 ! -path "$VENV/$(basename "$UNFINISHED")" -delete
    check_room "$VENV"
    run "a fresh $VENV from $("$PYTHON" --version) ($(command -v "$PYTHON"))" \
        "$PYTHON" -m venv ${USERS_TORCH:+--system-site-packages} "$VENV"
    check_pip_conf
    do_without_cache_where_none_can_be
    find_bounds
    install_torch
    install_rest
fi
[ "$MODE" = base ] || install_dev
grep -q 'include-system-site-packages = true' "$VENV/pyvenv.cfg" || run "check that all fit together" "${PIP[@]}" check
echo "$KEY|$MODE|$CHOICE" > "$STAMP.new"
mv "$STAMP.new" "$STAMP"
rm "$UNFINISHED"
say "done: $VENV"
