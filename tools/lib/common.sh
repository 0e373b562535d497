# Shared by tools/setup, tools/test and tools/demo: where things are, how steps are shown, how a failure ends.
# Source it after `set -euo pipefail`.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
CACHE_DIR=$ROOT/.cache
BUILD_DIR=$ROOT/build/dev

# Exit codes as in docs/cli.md.
readonly EXIT_BUG=1 EXIT_USER=2 EXIT_MACHINE=4

# say TEXT: one line on what happens now, with the time since the script began.
say() { printf '[%2d:%02d] %s\n' $((SECONDS / 60)) $((SECONDS % 60)) "$*"; }

# fail CODE TEXT: the one line a failure ends with.
fail() {
  printf 'error: %s\n' "$2" >&2
  exit "$1"
}

is_root() { ((EUID == 0)); }

# as_root COMMAND...: directly, or through sudo, which may ask for a password only at a terminal.
SUDO=(sudo -n)
if [[ -t 0 ]]; then SUDO=(sudo); fi
as_root() { if is_root; then "$@"; else "${SUDO[@]}" "$@"; fi; }

# is_sudo_of_owner: root through sudo, in a checkout of the user behind sudo.
is_sudo_of_owner() { is_root && [[ ${SUDO_UID:-0} != 0 && $(stat -c %u "$ROOT") == "$SUDO_UID" ]]; }

# leave_sudo ARGUMENTS...: through sudo, only packages are installed as root; what is made in a user's checkout belongs
# to that user. Starts the calling script again as the user behind sudo.
leave_sudo() {
  if is_sudo_of_owner; then exec sudo -u "#$SUDO_UID" -H -- "$0" "$@"; fi
}

# need_space FOLDER MEGABYTES WHAT: fails unless the disk of FOLDER has that much free.
need_space() {
  local free
  free=$(($(df -Pk "$1" | awk 'NR == 2 {print $4}') / 1024))
  ((free >= $2)) ||
    fail $EXIT_MACHINE "not enough disk space for $3: $2 MB needed in $1, $free MB free"
}

# How apt and pip say that nobody answered.
readonly NETWORK_FAILURES='network is unreachable'\
'|could not resolve|failed to resolve|failure resolving|name resolution'\
'|could not connect|unable to connect|cannot connect|connection (refused|timed out|broken|reset|failed)'\
'|newconnectionerror|timeouterror|read timed out'

# reason LOG: why the command that wrote LOG failed, in a few words.
reason() {
  if grep -qiE 'no space left on device|disk quota exceeded|enough free space' "$1"; then
    echo "the disk is full"
  elif grep -qiE "$NETWORK_FAILURES" "$1"; then
    echo "the network or the package server cannot be reached"
  else
    grep -E '^(E:|ERROR:|error:)' "$1" | head -n 1 | grep . || grep . "$1" | tail -n 1
  fi
}

# quietly NAME WHAT COMMAND...: runs COMMAND with its output in .cache/log/NAME.log; ends the script if it fails.
quietly() {
  local log=$CACHE_DIR/log/$1.log what=$2
  shift 2
  rm -f "$log"
  "$@" >"$log" 2>&1 </dev/null || fail $EXIT_MACHINE "$what failed: $(reason "$log") (log: ${log#"$ROOT"/})"
}

# prepare_cache: the folder for logs and downloads; the first thing written, so a read-only or full disk shows here.
prepare_cache() {
  { mkdir -p "$CACHE_DIR/log" "$CACHE_DIR/tmp" && : >"$CACHE_DIR/log/.writable"; } 2>/dev/null ||
    fail $EXIT_MACHINE "cannot write in $ROOT: the disk is full or read-only, or the folder belongs to somebody else"
  if is_sudo_of_owner; then chown -R "$SUDO_UID:$SUDO_GID" "$CACHE_DIR"; fi
}
