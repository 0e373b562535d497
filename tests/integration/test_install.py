# labels: integration torch
"""An installed program finds what comes with it; the reference page says what the program says."""

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.programs import BUILD, SOURCE, run


def test_installed_programs_find_recipes_lists_and_vocabulary(tmp_path):
    prefix = tmp_path / "usr"
    subprocess.run(["cmake", "--install", BUILD, "--prefix", prefix], check=True, capture_output=True)
    atelier = prefix / "bin" / "atelier"

    def ask(*arguments, text=None):
        return subprocess.run([atelier, *map(str, arguments)], check=True, capture_output=True, text=True, input=text, cwd=tmp_path)

    assert "v-prediction" in (prefix / "share" / "atelier" / "recipes" / "portraits.yaml").read_text()
    shown = ask("config", "show", "recipe:portraits", "--plain").stdout
    assert "output_name: portraits" in shown and str(prefix) in shown
    assert ask("model", "tokenize", "-", "--encoder", "1", text="hello world\n").stdout == "[49406, 3306, 1002, 49407]\n"
    (tmp_path / "post.jsonl").write_text('{"id": 1, "rating": "g", "tag_string_general": "1girl solo"}\n')
    assert '"posts"' in ask("dataset", "stats", "post.jsonl", "--json").stdout
    for program in ("atelier-model", "atelier-train"):  # libraries are found too
        subprocess.run([prefix / "bin" / program, "--help"], check=True, capture_output=True)


def test_the_reference_page_is_the_programs():
    page = (SOURCE / "docs" / "reference" / "config.md").read_text()
    assert run("atelier", "config", "schema", "--reference").stdout == page, \
        "run: build/dev/bin/atelier config schema --reference > docs/reference/config.md"
