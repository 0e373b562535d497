# The .venv: wheels whose C++ libraries the build links, the CLIP vocabulary, and with --tests the peers of the tests.

readonly VENV=$ROOT/.venv
# The vocabulary of both text encoders (MIT), taken out of this wheel alone.
readonly VOCABULARY_WHEEL=open-clip-torch==3.3.0
readonly VOCABULARY=open_clip/bpe_simple_vocab_16e6.txt.gz
readonly VOCABULARY_SHA256=924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a
# Megabytes, measured: the wheels while they are unpacked, and what stays.
readonly VENV_MB=8000 PEERS_MB=1000

pip() {
  # No cache: the wheels would lie on the disk twice. The temporary folder is on the disk whose space was checked.
  TMPDIR=$CACHE_DIR/tmp "$VENV/bin/python3" -m pip --disable-pip-version-check --no-input --no-cache-dir \
    --retries 2 --timeout 30 "$@"
}

# ensure_wheels NAME MEGABYTES FILE...: the requirement files installed, once for each content of them.
ensure_wheels() {
  local stamp=$VENV/.installed-$1 megabytes=$2 wanted file arguments=()
  shift 2
  wanted=$(cat -- "$@" | sha256sum)
  if [[ -f $stamp && $(<"$stamp") == "$wanted" ]]; then return; fi
  need_space "$ROOT" "$megabytes" "the Python wheels"
  for file in "$@"; do arguments+=(-r "$file"); done
  say "Installing the wheels of ${*#"$ROOT"/} into .venv (downloads up to 3 GB, minutes)"
  quietly pip "pip install" pip install "${arguments[@]}"
  printf '%s\n' "$wanted" >"$stamp"
}

# ensure_venv: a .venv that runs; one left behind by another machine or an interrupted run is made anew.
ensure_venv() {
  local python
  if [[ -x $VENV/bin/python3 ]] && "$VENV/bin/python3" -m pip --version >/dev/null 2>&1; then return; fi
  python=$(find_python) || fail $EXIT_MACHINE "no Python 3.11 to 3.13 with its venv module was found"
  need_space "$ROOT" "$VENV_MB" "the Python wheels"
  say "Making .venv with $python"
  rm -rf "$VENV"
  quietly venv "python3 -m venv" "$python" -m venv "$VENV"
}

site_packages() { "$VENV/bin/python3" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }

has_vocabulary() { echo "$VOCABULARY_SHA256  $1" | sha256sum --check --status 2>/dev/null; }

ensure_vocabulary() {
  local target downloads=$CACHE_DIR/tmp/vocabulary
  target=$(site_packages)/$VOCABULARY
  if has_vocabulary "$target"; then return; fi
  say "Fetching the CLIP vocabulary"
  rm -rf "$downloads"
  quietly vocabulary "pip download $VOCABULARY_WHEEL" pip download --no-deps -d "$downloads" "$VOCABULARY_WHEEL"
  quietly vocabulary "unpacking $VOCABULARY_WHEEL" "$VENV/bin/python3" -m zipfile -e "$downloads"/*.whl "$downloads"
  has_vocabulary "$downloads/$VOCABULARY" ||
    fail $EXIT_MACHINE "the vocabulary in $VOCABULARY_WHEEL is not the expected one (SHA-256 differs)"
  mkdir -p "$(dirname "$target")"
  mv "$downloads/$VOCABULARY" "$target"
  rm -rf "$downloads"
}
