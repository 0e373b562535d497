# labels: fast
"""The house rules that a program can check: include direction, headers' contents, file size, no leftovers."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("ATELIER_SOURCE_DIR", Path(__file__).resolve().parents[2]))
# What the files of a folder may include besides the folder itself (docs/architecture.md).
MAY_INCLUDE = {
    "configs": set(),
    "data": {"configs"},
    "models": {"configs"},
    "trainer": {"configs", "data", "models"},
    "tools": {"configs", "data", "models", "trainer"},
    "tests": {"configs", "data", "models", "trainer", "tools"},
}
# The torch-free rooms of torch folders: `atelier` links them and must not start torch.
TORCH_FREE = ("configs/", "data/", "models/keys/", "models/options/", "trainer/options/", "tools/atelier/",
              "tools/atelier_data/")
TORCH_HEADER = re.compile(r"^(torch|ATen|c10|caffe2)/")
TOO_HEAVY = {"torch/torch.h", "torch/all.h", "torch/extension.h"}
MAX_LINES = 600
MAX_COLUMNS = 120
TEXT = {".cpp", ".h", ".cu", ".py", ".sh", ".cmake", ".yaml", ".md", ".txt", ".json", ".tsv", ""}


def project_files() -> list[Path]:
    """Every file that is or would be committed."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        paths = [ROOT / line for line in listed]
    except (OSError, subprocess.CalledProcessError):  # an unpacked archive, or no git
        paths = [path for folder in MAY_INCLUDE for path in (ROOT / folder).rglob("*")]
    return sorted(path for path in paths if path.is_file() and not path.is_symlink())


FILES = project_files()
SOURCES = [path for path in FILES if path.suffix in {".cpp", ".h", ".cu"}]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def includes(path: Path) -> list[tuple[str, str]]:
    """(opening quote or bracket, header) of each include."""
    return re.findall(r'^\s*#\s*include\s*(["<])([^">]+)[">]', path.read_text(encoding="utf-8"), re.MULTILINE)


def own_includes(path: Path) -> list[str]:
    return [header for opening, header in includes(path) if opening == '"']


def is_standard(header: str) -> bool:
    """Of the C++ standard library, C's or the system's, which headers may include."""
    return "." not in header or header.startswith(("sys/", "linux/")) or header in {"unistd.h", "fcntl.h"}


def is_tensor(header: str) -> bool:
    return TORCH_HEADER.match(header) is not None


def complaints(check) -> list[str]:
    return [f"{name(path)}: {text}" for path in SOURCES for text in check(path)]


def test_sources_were_found():
    assert len(SOURCES) > 50


def test_includes_follow_the_direction_of_the_folders():
    def check(path):
        folder = name(path).split("/")[0]
        allowed = MAY_INCLUDE[folder] | {folder}
        return [header for header in own_includes(path) if header.split("/")[0] not in allowed]

    assert complaints(check) == []


def test_own_includes_are_written_from_the_root_and_exist():
    assert complaints(lambda path: [h for h in own_includes(path) if not (ROOT / h).is_file()]) == []


def test_third_party_headers_stay_out_of_headers():
    """But for tensors, which are part of interfaces."""

    def check(path):
        if path.suffix != ".h" or name(path).startswith("tests/"):
            return []
        return [h for opening, h in includes(path) if opening == "<" and not is_standard(h) and not is_tensor(h)]

    assert complaints(check) == []


def test_torch_stays_in_its_folders_and_out_of_one_heavy_header():
    def check(path):
        free = name(path).startswith(TORCH_FREE)
        return [h for _, h in includes(path) if h in TOO_HEAVY or free and is_tensor(h)]

    assert complaints(check) == []


def test_headers_begin_with_a_comment_and_are_included_once():
    def check(path):
        if path.suffix != ".h":
            return []
        text = path.read_text(encoding="utf-8")
        return [rule for rule, kept in (("no comment at the top", text.startswith("//")),
                                        ("no #pragma once", "\n#pragma once\n" in text)) if not kept]

    assert complaints(check) == []


def test_files_are_not_too_long():
    long = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES
            if path.suffix in {".cpp", ".h", ".cu", ".py", ".sh"}}
    assert {path: lines for path, lines in long.items() if lines > MAX_LINES} == {}


def test_lines_are_not_too_wide():
    def check(path):
        return [f"line {i}" for i, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
                if len(line) > MAX_COLUMNS]

    assert complaints(check) == []


@pytest.mark.parametrize("pattern, suffixes", [
    (r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b", TEXT),      # unfinished work belongs into an issue
    (r"(?<![\w.$}])/(home|root|work|Users)/", TEXT),  # a path of somebody's machine
    (r"\bstd::(mt19937|random_device|rand)\b", {".cpp", ".h", ".cu"}),  # randomness is keyed: configs/base/random.h
], ids=["leftovers", "machine-paths", "unkeyed-randomness"])
def test_nothing_unwanted_is_written(pattern, suffixes):
    found = []
    for path in FILES:
        if path.suffix not in suffixes or name(path).startswith("tests/golden/") or path == Path(__file__).resolve():
            continue
        for i, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if re.search(pattern, line):
                found.append(f"{name(path)}:{i}: {line.strip()[:100]}")
    assert found == []


def test_names_are_snake_case():
    assert [name(path) for path in SOURCES if not re.fullmatch(r"[a-z0-9_]+\.(h|cpp|cu)", path.name)] == []
