# What the system must provide. Each row: Debian package, then what shows that it is there: a command (`cmd:`), a header
# on the compiler's path (`header:`), a pkg-config module (`pkg:`). Asking for the thing itself, not for the package,
# lets other distributions and hand-made installations go the same way.
readonly SYSTEM_PACKAGES="
g++                 cmd:c++
cmake               cmd:cmake
ninja-build         cmd:ninja
pkg-config          cmd:pkg-config
ccache              cmd:ccache
mold                cmd:mold
python3             cmd:python3
python3-venv        python:venv
ca-certificates     file:/etc/ssl/certs
libcli11-dev        header:CLI/CLI.hpp
libfmt-dev          header:fmt/format.h
libgloo-dev         header:gloo/algorithm.h
libjpeg62-turbo-dev pkg:libjpeg
libjs-chart.js      file:/usr/share/javascript/chart.js/chart.min.js
liblcms2-dev        pkg:lcms2
libpng-dev          header:png.h
libspdlog-dev       header:spdlog/spdlog.h
libsqlite3-dev      header:sqlite3.h
libssl-dev          header:openssl/evp.h
libutf8proc-dev     header:utf8proc.h
libvips-dev         pkg:vips
libwebp-dev         pkg:libwebpdemux
libxxhash-dev       header:xxhash.h
libyaml-cpp-dev     header:yaml-cpp/yaml.h
nlohmann-json3-dev  header:nlohmann/json.hpp
rapidjson-dev       header:rapidjson/reader.h
zlib1g-dev          header:zlib.h
"
readonly TEST_PACKAGES="
chromium            cmd:chromium
libgmock-dev        header:gmock/gmock.h
libgtest-dev        header:gtest/gtest.h
"

# find_python: the interpreter of the .venv. The system's own comes first: a version manager's may vanish later.
find_python() {
  local candidate check='import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
  for candidate in /usr/bin/python3 python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c "$check" 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

# missing_headers HEADER...: those the compiler does not find.
missing_headers() {
  command -v c++ >/dev/null || { printf '%s\n' "$@"; return; }
  local header
  for header in "$@"; do
    printf '#if !__has_include(<%s>)\nmissing %s\n#endif\n' "$header" "$header"
  done | c++ -std=c++20 -x c++ -E -P - 2>/dev/null | sed -n 's/^missing //p'
}

# missing_packages ROWS: the Debian names of what is not there.
missing_packages() {
  local package probe headers absent
  headers=$(sed -n 's/.*header://p' <<<"$1")
  absent=$(missing_headers $headers)
  while read -r package probe; do
    case $probe in
      cmd:*) command -v "${probe#*:}" >/dev/null || echo "$package" ;;
      file:*) [[ -e ${probe#*:} ]] || echo "$package" ;;
      python:*) find_python >/dev/null || echo "$package" ;;
      pkg:*) pkg-config --exists "${probe#*:}" 2>/dev/null || echo "$package" ;;
      header:*) grep -qxF -- "${probe#*:}" <<<"$absent" && echo "$package" ;;
    esac
  done < <(grep . <<<"$1")
  return 0
}

# apt LINE...: apt-get that gives up soon when there is no network, and waits a little for another apt to finish.
apt() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Acquire::Retries=1 -o Acquire::http::Timeout=20 \
    -o Acquire::https::Timeout=20 -o DPkg::Lock::Timeout=120 "$@"
}

# apt_install PACKAGE...: those of them that this distribution knows by that name.
apt_install() {
  local package known=()
  quietly apt-update "apt-get update" apt -o APT::Update::Error-Mode=any update
  for package in "$@"; do
    if apt-cache show --no-all-versions "$package" >/dev/null 2>&1; then known+=("$package"); fi
  done
  ((${#known[@]})) || return 0
  need_space /usr 1500 "the system packages"
  quietly apt-install "apt-get install" apt install --no-install-recommends "${known[@]}"
}

# ensure_packages ROWS: installs what is missing where that can be done, and fails with the list of what then still is.
ensure_packages() {
  local missing
  missing=$(missing_packages "$1" | xargs)
  [[ -n $missing ]] || return 0
  if ! command -v apt-get >/dev/null; then
    fail $EXIT_MACHINE "no apt-get here: install what Debian calls \"$missing\" another way, then run this again"
  fi
  if ! as_root true 2>/dev/null; then
    fail $EXIT_MACHINE "installing packages needs root: as root run \"apt-get install $missing\", then run this again"
  fi
  say "Installing system packages: $missing"
  apt_install $missing
  missing=$(missing_packages "$1" | xargs)
  [[ -z $missing ]] ||
    fail $EXIT_MACHINE "apt has no package named \"$missing\" here: install them another way, then run this again"
}
