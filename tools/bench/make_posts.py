"""Synthetic posts in the shape of Danbooru's: `make_posts.py COUNT OUT.jsonl|OUT.parquet [SEED]`; 8 million in minutes.

Same seed, same posts. They are made up: no post of the site is among them and no picture belongs to them. Like the
site's are the frequencies of the tags (tools/bench/data, a made-up heavy tail behind the most frequent), how many of
each category a post has, the shares of ratings and of people tags, scores and favourites by rating, and the sizes. Tags
are drawn independently of each other: who appears with whom means nothing.
"""

import csv
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

DATA = Path(__file__).resolve().parent / "data"
CHUNK = 100_000  # posts
PEOPLE = [  # tags, share of posts
    (["1girl", "solo"], 0.56), (["1girl"], 0.07), (["2girls", "multiple_girls"], 0.12),
    (["3girls", "multiple_girls"], 0.03), (["6+girls", "multiple_girls"], 0.01), (["1boy", "solo", "male_focus"], 0.06),
    (["2boys", "multiple_boys", "male_focus"], 0.02), (["1boy", "1girl", "hetero"], 0.07),
    (["1girl", "2boys", "multiple_boys"], 0.01), (["1other", "solo"], 0.01), (["no_humans"], 0.02), ([], 0.02)]
RATINGS = {"g": ("general", 0.137), "s": ("sensitive", 0.638), "q": ("questionable", 0.130), "e": ("explicit", 0.095)}
SIZES = [(850, 1200), (1000, 1000), (1200, 1697), (1536, 2048), (1920, 1080), (2480, 3508), (600, 600), (2048, 1152)]
TAIL = {"general": 40_000, "artist": 60_000, "copyright": 8_000, "character": 50_000, "meta": 200}  # a million posts
MEAN_TAGS = {"general": 24.0, "artist": 1.0, "copyright": 1.3, "character": 1.4, "meta": 2.2}
SLOTS = 1 << 22  # of the table that frequencies are drawn from


class Category:
    """The tags of one category: names in the alphabet's order, and a table to draw their numbers from."""

    def __init__(self, name: str, counts: dict[str, int], tail: int, rng: np.random.Generator):
        names, weights = list(counts), [float(count) for count in counts.values()]
        last, ranks = min(weights), len(weights)
        names += [f"{name}_{i:06d}" for i in range(tail)]
        weights = np.concatenate([weights, last * ranks / (ranks + 1 + np.arange(tail))])
        order = sorted(range(len(names)), key=names.__getitem__)
        self.names = pa.array([names[i] for i in order])
        edges = np.cumsum(weights[order])
        self.table = np.searchsorted(edges, (np.arange(SLOTS) + rng.random(SLOTS)) / SLOTS * edges[-1]).astype(np.int32)

    def numbers(self, names: list[str]) -> list[int]:
        return [self.names.index(name).as_py() for name in names]

    def draw(self, sizes: np.ndarray, always: tuple[np.ndarray, np.ndarray], rng: np.random.Generator) -> pa.Array:
        """A text of names for each post: `sizes` draws and what `always` (post, number) adds, each name once."""
        posts = np.concatenate([np.repeat(np.arange(len(sizes)), sizes), always[0]])
        numbers = np.concatenate([self.table[rng.integers(0, SLOTS, sizes.sum())], always[1]])
        keys = np.sort(posts.astype(np.int64) << 24 | numbers)
        keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])] if len(keys) else keys
        ends = np.searchsorted(keys >> 24, np.arange(len(sizes) + 1)).astype(np.int32)
        names = self.names.take(pa.array((keys & (1 << 24) - 1).astype(np.int32)))
        return pc.binary_join(pa.ListArray.from_arrays(pa.array(ends), names), " ")


class Generator:
    def __init__(self, count: int, seed: int):
        self.rng = np.random.default_rng(seed)
        counts = {name: {} for name in TAIL}
        with open(DATA / "tag_counts.tsv", encoding="utf-8") as file:
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                counts[row["category"]][row["name"]] = int(row["count"])
        people = sorted({tag for tags, _ in PEOPLE for tag in tags})
        for tag in people:  # drawn by PEOPLE alone
            counts["general"][tag] = 0
        self.categories = {name: Category(name, counts[name], max(1, TAIL[name] * count // 1_000_000), self.rng)
                           for name in TAIL}
        self.people = [np.array(self.categories["general"].numbers(tags), dtype=np.int32) for tags, _ in PEOPLE]
        with open(DATA / "score_percentiles.tsv", encoding="utf-8") as file:
            self.percentiles = {}
            for row in csv.DictReader(file, delimiter="\t"):
                self.percentiles.setdefault((row["measure"], row["rating"]), []).append(float(row["value"]))

    def tags(self, name: str, count: int) -> pa.Array:
        rng, none = self.rng, (np.empty(0, np.int64), np.empty(0, np.int32))
        if name == "artist":
            return self.categories[name].draw(np.ones(count, np.int64), none, rng)
        if name != "general":
            return self.categories[name].draw(rng.poisson(MEAN_TAGS[name], count), none, rng)
        combination = rng.choice(len(PEOPLE), count, p=[share for _, share in PEOPLE])
        sizes = np.array([len(tags) for tags in self.people])[combination]
        always = np.repeat(np.arange(count), sizes), np.concatenate([self.people[i] for i in combination])
        return self.categories[name].draw(rng.gamma(4, MEAN_TAGS[name] / 4, count).astype(np.int64), always, rng)

    def by_rating(self, measure: str, ratings: np.ndarray) -> np.ndarray:
        """Between the percentiles by a straight line, beyond the last by a tail of double the step."""
        values, at = np.zeros(len(ratings)), self.rng.random(len(ratings)) * 100
        for number, (rating, _) in enumerate(RATINGS.values()):
            known = np.array([0.0, *self.percentiles[measure, rating], self.percentiles[measure, rating][-1] * 3])
            mine = ratings == number
            values[mine] = np.interp(at[mine], np.arange(0, 101, 5), known)
        return values.astype(np.int32)

    def chunk(self, first: int, count: int) -> pa.Table:
        rng = self.rng
        rating = rng.choice(len(RATINGS), count, p=[share for _, share in RATINGS.values()])
        size = np.array(SIZES, dtype=np.int32)[rng.integers(0, len(SIZES), count)]
        year = 2005 + np.minimum(20, (21 * np.sqrt(rng.random(count))).astype(np.int64))
        seconds = (np.datetime64("2005-01-01", "s") + ((year - 2005) * 31_556_952 + rng.integers(0, 31_500_000, count))
                   .astype("timedelta64[s]"))
        ids = pa.array(np.arange(first, first + count))
        digits = [pc.cast(pa.array(rng.integers(10**15, 10**16, count)), pa.string()) for _ in range(2)]
        score = self.by_rating("score", rating)
        return pa.table({
            "id": ids, "created_at": pa.array(seconds.astype("datetime64[ms]"), pa.timestamp("ms", "UTC")),
            "score": score,
            "source": pc.binary_join_element_wise("https://example.org/", pc.cast(ids, pa.string()), ""),
            "md5": pc.binary_join_element_wise(*digits, ""),
            "rating": pa.array(list(RATINGS)).take(pa.array(rating)), "image_width": size[:, 0],
            "image_height": size[:, 1], "fav_count": self.by_rating("fav_count", rating),
            "file_ext": pa.array(["jpg", "jpg", "png"]).take(pa.array(rng.integers(0, 3, count))),
            "file_size": rng.integers(50_000, 4_000_000, count), "up_score": np.maximum(score, 0),
            "down_score": np.minimum(score, 0), "is_deleted": rng.random(count) < 0.05,
            **{f"tag_string_{name}": self.tags(name, count) for name in TAIL}})


def json_lines(table: pa.Table) -> memoryview:
    """One object a line. No text among the columns needs escaping."""
    pieces = []
    for number, name in enumerate(table.column_names):
        column = table[name].combine_chunks()
        quote = "" if pa.types.is_integer(column.type) or pa.types.is_boolean(column.type) else '"'
        if pa.types.is_timestamp(column.type):
            column = pc.strftime(column, "%Y-%m-%dT%H:%M:%S+00:00")
        pieces += [("{" if number == 0 else ", ") + f'"{name}": {quote}', pc.cast(column, pa.large_string()), quote]
    lines = pc.binary_join_element_wise(*[pa.scalar(piece, pa.large_string()) if isinstance(piece, str) else piece
                                          for piece in [*pieces, "}\n", ""]])
    _, ends, letters = lines.buffers()
    return memoryview(letters)[:np.frombuffer(ends, np.int64)[len(lines)]]


def main() -> None:
    count, out = int(sys.argv[1]), sys.argv[2]
    generator = Generator(count, int(sys.argv[3]) if len(sys.argv) > 3 else 0)
    chunks = (generator.chunk(first + 1, min(CHUNK, count - first)) for first in range(0, count, CHUNK))
    if out.endswith(".parquet"):
        with pq.ParquetWriter(out, (table := next(chunks)).schema, use_dictionary=["rating", "file_ext"]) as writer:
            writer.write_table(table)
            for table in chunks:
                writer.write_table(table)
        return
    with open(out, "wb") as file:
        for table in chunks:
            file.write(json_lines(table))


if __name__ == "__main__":
    main()
