"""Makes lines.txt: 2,000 texts that are hard on a tokenizer. Run by hand: python3 make_lines.py TAGS.csv

TAGS.csv: name,category,count,"alias,alias" a line.
"""
import csv
import random
import sys
from pathlib import Path

NAMES = {"1", "3", "4"}  # categories: artists, copyrights, characters
FIXED = [
    "", " ", "!", "!!", "a photo of a cat", "1girl, solo, long_hair, looking at viewer", "It's THE cat's; we'll've I'd they're I'M",
    "'sun 'tis 's't're've'm'll'd ''s '", "<|endoftext|>", "<|startoftext|>!", "!<|endoftext|>", "<|ENDOFTEXT|>!", "a<|StartOfText|>b",
    "<|endoftext", "</w>", "a</w>b", "&amp; &lt;3 &#39;", "ﬁ ﬂ Ａ１ ｶﾞ が が", "e\u0301 é Å Å Ω", "İstanbul ıI ẞß ΣΑΣ ς Ǆ ǅ",
    "① ² Ⅷ ½ ٣ ৩ 一二三", "한국어 \u1112\u1161\u11ab", "👍🏽 👨‍👩‍👧 🇯🇵 ☺️", "\u200b\u200d\ufeff\u00ad", "a\u00a0b\u2003c\u3000d\u0085e\u2028f\u1680g",
    "\t tab \r carriage \x0b \x0c \x1c \x1f", "^_^ >_< o_o 0_0 (o)_(o) <|>_<|> ||_||", "score_9, score_8_up, rating_safe",
    "(masterpiece:1.2), [best quality], {{detailed}}", "\\(series\\)", "https://example.org/?a=1&b=2#c", "a" * 400, "!" * 300, "1" * 100,
    "ab" * 150, "あ" * 100, "\U0001f600" * 40, "\x00\x01\x7f", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "\u0340\u0341\u0374\u037e\u1fef",
]
POOL = (list("abcxyzABC0129'!<|>.,-_() \t\r") + list("\u00a0\u3000\u0301\u0327\u1100\u1161\u11a8éÉßŒİıΣςЖ中文日本ガ゙が①²Ⅷ½👍🏽\u200d\ufe0f\u0e33ﬁ\u0340")
        + ["'s", "'LL", "<|endoftext|>", "<|STARTOFTEXT|>", "</w>", "&amp;", "1girl", "hair", "The "])


def oddness(text):
    return sum(not ("a" <= c <= "z" or c == "_") for c in text) / len(text)


def main():
    draw = random.Random(20250501)
    names, aliases = [], []
    for row in csv.reader(open(sys.argv[1], encoding="utf-8")):
        if row[1] not in NAMES:
            continue
        names.append(row[0])
        aliases += [alias for alias in row[3].split(",") if alias and not alias.isascii()]
    odd = sorted(draw.sample(names, 20000), key=oddness, reverse=True)[:500]
    lines = FIXED + odd + [name.replace("_", " ") for name in draw.sample(names, 360)] + aliases[:500]
    while len(lines) < 2000:
        lines.append("".join(draw.choice(POOL) for _ in range(draw.randint(1, 40))))
    assert not any("\n" in line for line in lines)
    (Path(__file__).parent / "lines.txt").write_bytes("".join(line + "\n" for line in lines).encode())


if __name__ == "__main__":
    main()
