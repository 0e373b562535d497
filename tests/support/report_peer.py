"""What the tests of report.json share: synthetic posts with all that a report tells apart, who is in them, counting."""

import json
import math
import re
import sys

import numpy as np
import pandas as pd

from support.programs import SOURCE, run

sys.path.insert(0, str(SOURCE / "tools" / "bench"))
import make_posts  # noqa: E402

CATEGORIES = ["general", "artist", "copyright", "character", "meta"]
CLASSES = ["girl_only", "boy_only", "mixed", "other", "no_humans", "unknown"]
GROUP_SIZES = ["solo", "pair", "group", "unknown"]
ALL_RATINGS = ["general", "safe", "sensitive", "questionable", "explicit", "unknown"]
RATINGS = {"g": "general", "s": "sensitive", "q": "questionable", "e": "explicit"}
NO_RULES = {"aliases": "none", "implications": "none", "categories": "none"}
COUNT_TAG = re.compile(r"(1girl|[2-5]girls|6\+?girls|multiple_girls|1boy|[2-5]boys|6\+?boys|multiple_boys|1other|"
                       r"[2-5]others|6\+?others|multiple_others)")
PEOPLE = ["1girl", "2girls multiple_girls", "multiple_girls", "1boy", "3boys multiple_boys", "1girl 1boy", "1other",
          "multiple_others", "no_humans", "male_focus", "solo", "solo male_focus", "", "", "", "6+girls multiple_girls",
          "1girl 1other", "solo 2girls multiple_girls", "1girl 2girls", "no_humans 1girl", "solo 1girl 1boy"]


def posts_of(count, seed):
    """Posts in Danbooru's shape; of a third the people tags are others, contradictions among them, and some have no
    date, rating, score or favourites."""
    frame = make_posts.Generator(count, seed).chunk(1, count).to_pandas()
    rng = np.random.default_rng(seed)
    others = rng.random(count) < 0.35
    bare = frame.tag_string_general.str.replace(r"(?<!\S)(?:[1-6]\+?(?:girl|boy|other)s?|multiple_(?:girl|boy|other)s|"
                                                r"solo|no_humans|male_focus)(?!\S)", "", regex=True)
    people = pd.Series(rng.choice(PEOPLE, count))
    frame.loc[others, "tag_string_general"] = (people + " " + bare).str.split().str.join(" ")[others]
    frame.loc[rng.random(count) < 0.05, "tag_string_artist"] = ""
    frame.loc[rng.random(count) < 0.03, "created_at"] = pd.NaT
    frame.loc[rng.random(count) < 0.04, "rating"] = None
    for name in ("score", "fav_count"):
        frame[name] = frame[name].astype("Int32").mask(pd.Series(rng.random(count) < 0.05))
    frame["is_banned"], frame["is_pending"] = rng.random(count) < 0.01, rng.random(count) < 0.02
    return frame


def described(frame):
    """Those that are counted, with what each is."""
    posts = frame[~left_out_for_minors(frame)].reset_index(drop=True)
    posts["rated"] = posts.rating.map(RATINGS).fillna("unknown")
    posts["year"] = posts.created_at.dt.year
    return posts.join(people_of(posts))


def all_tags(frame):
    first, *others = [frame[f"tag_string_{name}"] for name in CATEGORIES]
    return first.str.cat(others, sep=" ")


def left_out_for_minors(frame):
    def words(name):
        lines = (SOURCE / "configs/lists" / name).read_text().splitlines()
        return [line.strip() for line in lines if line.strip() and not line.startswith("#")]

    def having(patterns):
        any_of = "|".join(re.escape(each).replace(r"\*", r"[^ ]*") for each in patterns)
        return all_tags(frame).str.contains(rf"(?:^| )(?:{any_of})(?: |$)", regex=True)

    return having(words("minors_always.txt")) | (having(words("minors_unless_general.txt")) & (frame.rating != "g"))


def by_characters(names, groups):
    kinds = [groups[name] for name in names if name in groups]
    girls, boys, no = (kinds.count(kind) for kind in ("girl", "boy", "no-human"))
    if girls + boys == no:
        return "unknown"
    if girls + boys < no:
        return "no_humans"
    return "mixed" if girls and boys else "girl_only" if girls else "boy_only"


def who(names, groups):
    """(class, group size, inferred, conflict) by a post's tags: the rules of data/post/person_class.h, written anew."""
    names = set(names)
    least, contradiction, counted = {}, False, False
    for kind in ("girl", "boy", "other"):
        mine = [name for name in names if COUNT_TAG.fullmatch(name) and kind in name]
        numbers = {int(name[0]) for name in mine if name[0].isdigit()}
        least[kind] = max([*numbers, 2 * (f"multiple_{kind}s" in mine)])
        contradiction |= len(numbers) > 1
        counted |= bool(numbers)
    people = sum(least.values())
    contradiction |= "no_humans" in names and people > 0 or "solo" in names and people > 1
    size = ("solo" if "solo" in names else "unknown") if people == 0 else \
        {1: "solo", 2: "pair"}.get(people, "group") if counted else "group"
    if people:
        kind = "mixed" if least["girl"] and least["boy"] else "girl_only" if least["girl"] else \
            "boy_only" if least["boy"] else "other"
        return kind, size, False, contradiction
    if "no_humans" in names:
        return "no_humans", size, False, contradiction
    kind = "boy_only" if "male_focus" in names else by_characters(names, groups)
    return kind, size, kind != "unknown", contradiction


def people_of(frame):
    lines = (SOURCE / "configs/lists/character_groups.tsv").read_text().splitlines()
    groups = dict(line.split("\t") for line in lines if not line.startswith("#"))
    rows = [who(tags.split(), groups) for tags in all_tags(frame)]
    return pd.DataFrame(rows, columns=["class", "size", "inferred", "conflict"], index=frame.index)


def stats(folder, name, dataset, train=None, *args):
    """report.json of a run with these options, which is written to `name`.yaml."""
    run_file = folder / f"{name}.yaml"
    run_file.write_text(json.dumps({"seed": 7, "output_dir": str(folder / "out"), "dataset": dataset,
                                    "train": {"train_batch_size": 64, "max_train_epochs": 1} | (train or {})}))
    return json.loads(run("atelier-data", "dataset", "stats", run_file, "--json", "--quiet", *args).stdout)


def pair(of, usable):
    return {"posts": int(of.sum()), "usable": int((of & usable).sum())}


def quantiles(values):
    values = np.sort(values)
    places = {"min": 0, "p5": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "max": 1}
    return {"count": len(values)} | {key: values[max(math.ceil(at * len(values)), 1) - 1]
                                     for key, at in places.items() if len(values)}


def histogram(edges, values, weights=None):
    bins = np.searchsorted(np.array(edges), values, side="right") - 1
    return np.bincount(bins, weights, minlength=len(edges))
