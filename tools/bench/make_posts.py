"""Synthetic posts in the shape of Danbooru's API, one JSON object a line: `make_posts.py COUNT OUT.jsonl [SEED]`.

Same seed, same file. Only the shape is like the site: people tags, ratings and sizes have about its shares, all other
tags are numbered names whose frequencies fall as 1 / rank. No picture belongs to them.
"""

import bisect
import itertools
import json
import random
import sys

PEOPLE = [  # tags, share of posts
    (["1girl", "solo"], 0.56), (["1girl"], 0.07), (["2girls", "multiple_girls"], 0.12),
    (["3girls", "multiple_girls"], 0.03), (["6+girls", "multiple_girls"], 0.01), (["1boy", "solo", "male_focus"], 0.06),
    (["2boys", "multiple_boys", "male_focus"], 0.02), (["1boy", "1girl", "hetero"], 0.07),
    (["1girl", "2boys", "multiple_boys"], 0.01), (["1other", "solo"], 0.01), (["no_humans"], 0.02), ([], 0.02)]
RATINGS = [("g", 0.137), ("s", 0.638), ("q", 0.130), ("e", 0.095)]
SIZES = [(850, 1200), (1000, 1000), (1200, 1697), (1536, 2048), (1920, 1080), (2480, 3508), (600, 600), (2048, 1152)]


class Ranked:
    """Names whose frequencies fall as 1 / rank."""

    def __init__(self, name: str, count: int):
        self.names = [f"{name}_{i:05d}" for i in range(count)]
        self.cumulative = list(itertools.accumulate(1 / (i + 1) for i in range(count)))

    def draw(self, rng: random.Random, count: int) -> list[str]:
        found = {self.names[bisect.bisect(self.cumulative, rng.random() * self.cumulative[-1])] for _ in range(count)}
        return sorted(found)


def weighted(rng: random.Random, choices):
    return rng.choices([value for value, _ in choices], [share for _, share in choices])[0]


def make_post(number: int, rng: random.Random, tags: dict[str, Ranked]) -> dict:
    by_category = {
        "general": sorted(weighted(rng, PEOPLE) + tags["general"].draw(rng, rng.randint(8, 50))),
        "character": tags["character"].draw(rng, rng.choice([0, 1, 1, 1, 2])),
        "copyright": tags["copyright"].draw(rng, rng.choice([1, 1, 1, 2])),
        "artist": tags["artist"].draw(rng, 1),
        "meta": tags["meta"].draw(rng, rng.randint(0, 4)),
    }
    width, height = rng.choice(SIZES)
    year, month, day = 2005 + min(20, int(21 * rng.random() ** 0.5)), rng.randint(1, 12), rng.randint(1, 28)
    score = int(rng.expovariate(1 / 20))
    post = {
        "id": number, "created_at": f"{year}-{month:02d}-{day:02d}T{rng.randint(0, 23):02d}:30:12.345-04:00",
        "score": score, "source": f"https://example.org/{number}", "md5": f"{rng.getrandbits(128):032x}",
        "rating": weighted(rng, RATINGS), "image_width": width, "image_height": height,
        "tag_string": " ".join(sorted(itertools.chain.from_iterable(by_category.values()))),
        "fav_count": int(score * 1.3), "file_ext": rng.choice(["jpg", "jpg", "png"]), "parent_id": None,
        "file_size": rng.randint(50_000, 4_000_000), "up_score": score, "down_score": 0, "is_deleted": False,
    }
    post.update({f"tag_string_{category}": " ".join(names) for category, names in by_category.items()})
    return post


def main() -> None:
    count, out = int(sys.argv[1]), sys.argv[2]
    rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 0)
    tags = {name: Ranked(name, size) for name, size in
            [("general", 20000), ("character", 8000), ("copyright", 1500), ("artist", 20000), ("meta", 60)]}
    with open(out, "w", encoding="utf-8") as file:
        for number in range(1, count + 1):
            file.write(json.dumps(make_post(number, rng, tags)) + "\n")


if __name__ == "__main__":
    main()
