#!/usr/bin/env python3
"""Writes the captions of the demo's portraits: configs/recipes/portraits.labels.tsv.

usage: label_portraits.py FACTS.tsv PACKAGE_DATA > configs/recipes/portraits.labels.tsv

FACTS.tsv: a row a portrait, made from the unit definitions of the package: columns debian_package, installed_path,
group (male, female, no_humans, unknown), derived_tags. PACKAGE_DATA: .../usr/share/games/wesnoth/1.16/data of the
unpacked package. A caption is Danbooru-style tags: who is seen, the race, what the picture's name says of the
profession, and the colours that take up most of the figure. A developer's tool: needs Pillow and numpy.
"""

import csv
import re
import sys
from pathlib import Path

import numpy as np
from PIL import Image

HEADER = """\
# Captions of the 241 portraits in Debian's wesnoth-1.16-data (The Battle for Wesnoth, https://www.wesnoth.org; the
# pictures are GPL-2+, their artists are named in core/images/portraits/ARTISTS of the package; none is contained here).
# People and races: from the package's unit definitions. Professions: from the file names. Colours: computed from the
# opaque pixels. Written by tools/dev/label_portraits.py. Path: below usr/share/games/wesnoth/1.16/data.
"""
DATA = "/usr/share/games/wesnoth/1.16/data/"

RACES = {
    "drakes": ["drake", "dragon"], "dunefolk": ["human"], "dwarves": ["dwarf"], "elves": ["elf", "pointy ears"],
    "goblins": ["goblin", "pointy ears"], "humans": ["human"], "merfolk": ["merfolk"], "monsters": [],
    "nagas": ["naga", "lamia"], "orcs": ["orc"], "saurians": ["lizardman"], "trolls": ["troll"], "undead": ["undead"],
    "wolves": ["wolf"], "woses": ["treant"],
}
BOY = ["1boy", "solo", "male focus"]
NOBODY = ["no humans"]
# What the definitions do not say or say for another picture of the same unit; checked by looking at each.
SEEN = {
    "dwarves/gryphon-rider": BOY + ["gryphon"], "goblins/direwolver": BOY + ["wolf"],
    "goblins/pillager": BOY + ["wolf"], "goblins/wolf-rider": BOY + ["wolf"], "monsters/jinn": BOY,
    "monsters/ogre": BOY + ["ogre"], "monsters/young-ogre": BOY + ["ogre"], "undead/brown-lich": BOY,
    "undead/zombie-beastrider": BOY, "undead/zombie-rider": BOY + ["horse"],
    "undead/zombie-drake": BOY + ["drake", "dragon"], "undead/ghost": ["1other", "solo"],
    "undead/nightgaunt": ["1other", "solo"], "undead/shadow": ["1other", "solo"],
    "undead/spectre": ["1other", "solo"],
    **{f"undead/zombie-{beast}": NOBODY + [beast] for beast in
       ("bat", "boar", "falcon", "gryphon", "horse", "rat", "scorpion", "serpent", "spider", "wolf")},
    "undead/zombie-saurian": NOBODY + ["lizardman"], "undead/zombie-wose": NOBODY + ["treant"],
}
# Colours in a unit's name are its rank, not what is seen; variants are numbered.
NOT_SEEN = {"red", "white", "silver", "black", "brown", "dark", "light", "alt", "a", "young", "female", "naga", "troll"}

# Upper ends of the hue ranges, in degrees.
HUES = [(12, "red"), (42, "brown"), (66, "yellow"), (160, "green"), (195, "aqua"), (255, "blue"), (300, "purple"),
        (345, "pink"), (361, "red")]
# Share of the figure from which a colour is named. Painted figures are full of dark browns and shadows; a saturated
# colour is noticed sooner.
NOTICED = {"brown": 0.25, "grey": 0.30, "black": 0.45, "white": 0.16, "beige": 0.16}
NOTICED_HUE = 0.12


def colour_names(rgb: np.ndarray) -> np.ndarray:
    """The name of each pixel's colour. rgb: [N, 3] in 0..1."""
    high, low = rgb.max(1), rgb.min(1)
    chroma = high - low
    safe = np.maximum(chroma, 1e-6)
    r, g, b = rgb.T
    hue = np.where(high == r, (g - b) / safe % 6, np.where(high == g, (b - r) / safe + 2, (r - g) / safe + 4)) * 60
    saturation = chroma / np.maximum(high, 1e-6)
    names = np.full(len(rgb), "grey", dtype="<U8")
    lower = 0
    for upper, name in HUES:
        names[(hue >= lower) & (hue < upper)] = name
        lower = upper
    names[(names == "red") & (saturation < 0.55)] = "brown"
    names[(names == "brown") & (high > 0.65) & (saturation > 0.7)] = "orange"
    names[(names == "brown") & (high > 0.68) & (saturation < 0.45)] = "beige"
    names[(names == "yellow") & (high < 0.5)] = "olive"
    names[(saturation < 0.2) | (chroma < 0.05)] = "grey"
    names[(names == "grey") & (high > 0.75)] = "white"
    names[(high < 0.14) | ((names == "grey") & (high < 0.22))] = "black"
    return names


def colours(path: Path) -> list[str]:
    """One to three colours of the figure, the most noticeable first."""
    picture = Image.open(path).convert("RGBA").resize((96, 96), Image.Resampling.BOX)
    pixels = np.asarray(picture, dtype=np.float64).reshape(-1, 4) / 255
    names = colour_names(pixels[pixels[:, 3] > 0.5, :3])
    share = {name: float((names == name).mean()) for name in set(names)}
    ranked = sorted(share, key=lambda name: -share[name] / NOTICED.get(name, NOTICED_HUE))
    return [name for i, name in enumerate(ranked[:3]) if i == 0 or share[name] >= NOTICED.get(name, NOTICED_HUE)]


def caption(row: dict[str, str], relative: str, picture: Path) -> tuple[str, str]:
    """(group, caption) of a portrait."""
    folder, stem = Path(relative).parent.name, Path(relative).stem
    group = folder if folder in RACES else "humans"
    facts = [tag.replace("_", " ") for tag in row["derived_tags"].split()]
    people = SEEN.get(f"{folder}/{stem}", [tag for tag in facts if re.match(r"1|solo|male focus|no humans", tag)])
    words = re.sub(r"[-+_]?\d+$", "", stem.lower())
    words = " ".join(word for word in re.split(r"[-+_]", words) if word not in NOT_SEEN)
    tags = people + RACES[group] + ([words] if words else []) + [f"{name} theme" for name in colours(picture)]
    return group, ", ".join(dict.fromkeys(tags))


def main(facts: Path, data: Path) -> None:
    with facts.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["debian_package"] == "wesnoth-1.16-data"]
    sys.stdout.write(HEADER + "path\tgroup\tcaption\n")
    for row in sorted(rows, key=lambda row: row["installed_path"]):
        relative = row["installed_path"].removeprefix(DATA)
        sys.stdout.write("\t".join([relative, *caption(row, relative, data / relative)]) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
