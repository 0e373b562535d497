# The demo's pictures: the portraits of Debian's wesnoth-1.16-data, fetched and unpacked aside (not installed), with the
# captions of configs/recipes/portraits.labels.tsv beside them. Needs common.sh and packages.sh.

readonly PORTRAITS_PACKAGE=wesnoth-1.16-data
readonly LABELS=$ROOT/configs/recipes/portraits.labels.tsv
readonly PORTRAITS=$ROOT/demo/portraits
readonly UNPACKED=$CACHE_DIR/$PORTRAITS_PACKAGE
readonly UNPACKED_DATA=$UNPACKED/usr/share/games/wesnoth/1.16/data

# The package is 146 MB, unpacked 230.
readonly PORTRAITS_MB=500

unpack_portraits() {
  local downloads=$CACHE_DIR/tmp/portraits
  if [[ -d $UNPACKED ]]; then return; fi
  if ! command -v apt-get >/dev/null; then
    fail $EXIT_MACHINE "no apt-get: unpack Debian's $PORTRAITS_PACKAGE into ${UNPACKED#"$ROOT"/}, then run this again"
  fi
  need_space "$ROOT" $PORTRAITS_MB "the portraits"
  say "Fetching the pictures ($PORTRAITS_PACKAGE, 146 MB)"
  if ! apt-cache show --no-all-versions $PORTRAITS_PACKAGE >/dev/null 2>&1; then
    quietly apt-update "apt-get update" apt -o APT::Update::Error-Mode=any update
  fi
  rm -rf "$downloads"
  mkdir -p "$downloads"
  cd "$downloads"
  quietly portraits "apt-get download $PORTRAITS_PACKAGE" \
    apt-get -q -o Acquire::Retries=1 -o Acquire::http::Timeout=20 download $PORTRAITS_PACKAGE
  quietly portraits "unpacking $PORTRAITS_PACKAGE" dpkg-deb -x ./*.deb unpacked
  cd "$ROOT"
  mv "$downloads/unpacked" "$UNPACKED"
  rm -rf "$downloads"
}

# ensure_portraits: demo/portraits/GROUP/NAME.png and NAME.txt, once for each content of the labels.
ensure_portraits() {
  local stamp=$PORTRAITS/.labels wanted path group caption count=0
  wanted=$(sha256sum <"$LABELS")
  if [[ -f $stamp && $(<"$stamp") == "$wanted" ]]; then return; fi
  unpack_portraits
  rm -rf "$PORTRAITS"
  while IFS=$'\t' read -r path group caption; do
    mkdir -p "$PORTRAITS/$group"
    cp "$UNPACKED_DATA/$path" "$PORTRAITS/$group/"
    printf '%s\n' "$caption" >"$PORTRAITS/$group/$(basename "$path" .png).txt"
    count=$((count + 1))
  done < <(grep -v '^#' "$LABELS" | tail -n +2)
  printf '%s\n' "$wanted" >"$stamp"
  say "$count portraits with captions in ${PORTRAITS#"$ROOT"/}"
}
