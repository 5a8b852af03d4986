# What setup.sh asks of the shell, the folder and the disk that it finds; to be sourced by it: uses its fail, say and LOG.

NEEDED_MB=2000  # 1,250 MB by du with a CPU torch, 1,800 with what --dev adds and bytecode

# What is set for another Python, or has pip install elsewhere, would be taken for a part of .venv, or keep things out of it.
NOT_USED=()
leave_out_settings_for_others() {
    local name
    for name in CDPATH PYTHONHOME PYTHONPATH PYTHONINSPECT PYTHONOPTIMIZE PYTHONWARNINGS PIP_TARGET PIP_PREFIX PIP_ROOT \
            PIP_USER PIP_PYTHON PIP_DRY_RUN PIP_NO_DEPS PIP_REQUIREMENT PIP_EDITABLE PIP_REPORT PIP_PLATFORM \
            PIP_PYTHON_VERSION PIP_IMPLEMENTATION PIP_ABI; do
        [ -z "${!name:-}" ] || NOT_USED+=("$name")
        unset "$name"
    done
    export PIP_USER=0  # a pip.conf may ask for it too
}

check_folder() {  # $1: .venv
    case "$PWD" in *:*)
        fail "expected a folder without a colon, which separates folders in PATH, found $PWD. Rename it." ;;
    esac
    local folder="$1"
    [ ! -L "$folder" ] || fail "expected a folder that this clone has to itself, found $folder, a link to $(readlink "$folder"), which \
set-up would empty. Remove the link."
    [ -e "$folder" ] || folder="$PWD"
    [ -w "$folder" ] && [ -x "$folder" ] || fail "expected a folder in which $(id -un 2> /dev/null || true) may write, found \
$folder, of $(stat -c %U "$folder" 2> /dev/null || echo another). Have its owner set it up and let you read it \
(chmod -R go+rX '$PWD'), or set up a copy of your own."
}

free_mb() { df -Pk "$1" 2> /dev/null | awk 'NR == 2 { found = int($4 / 1024) }
END { print NR < 2 ? 1000000 : found }'; }  # of a folder that is not there, as TMPDIR may be, nothing is known

check_room() {  # $1: .venv, empty
    local free
    free="$(free_mb "$1")"
    [ "${free:-$NEEDED_MB}" -ge "$NEEDED_MB" ] \
        || fail "expected $NEEDED_MB MB of free disk for $1, found $free MB. Make room and run this again."
}

# A read-only home has no room for a cache, and pip does not always see that by itself.
do_without_cache_where_none_can_be() {
    local cache
    cache="$("${PIP[@]}" cache dir 2> /dev/null)" || return 0
    mkdir -p "$cache" 2> /dev/null && [ -w "$cache" ] && return
    say "$cache, pip's cache, cannot be written: what is fetched and compiled will not be kept"
    export PIP_NO_CACHE_DIR=1
}

# pip reads pip.conf too, and no option undoes these two
check_pip_conf() {
    local found
    found="$("${PIP[@]}" config list 2> /dev/null | grep -E '^[a-z]+\.(target|prefix|root|python)=' | head -n 1)" || return 0
    fail "expected a pip.conf that lets pip install into .venv, found $found. Set PIP_CONFIG_FILE=/dev/null, or remove it."
}

# One sentence on what lies outside of this project and may be why a step failed; nothing if nothing is known.
explain_log() {
    local unpacks="${TMPDIR:-/tmp}" name broken
    if grep -qE 'No space left on device|Disk quota exceeded' "$LOG" \
            || [ "$(free_mb "$VENV")" -lt 10 ] || [ "$(free_mb "$unpacks")" -lt 10 ]; then
        echo "The disk is full: $(free_mb "$VENV") MB are free for $VENV, $(free_mb "$unpacks") MB for $unpacks, where" \
            "pip unpacks. Make room, or set TMPDIR to a folder with room, and run this again."
        return
    fi
    broken="$(sed -n "s/.*connection broken by '\(.*\)'.*/\1/p" "$LOG" | tail -n 1 | cut -c 1-200)"
    if [ -n "$broken" ]; then
        echo "pip did not reach its package index ($broken). Mend the network, https_proxy, PIP_INDEX_URL or PIP_CERT, and" \
            "run this again."
        return
    fi
    for name in PIP_CONSTRAINT PIP_ONLY_BINARY PIP_NO_BINARY PIP_REQUIRE_HASHES; do
        [ -z "${!name:-}" ] || echo "$name=${!name} may be why: unset it, and run this again."
    done
}
