"""What tags come to by the tables that come with the program, worked out again from the tables."""

import csv

import pandas as pd

from support.programs import SOURCE

LISTS = SOURCE / "configs" / "lists"


def table(name):
    with open(LISTS / name, encoding="utf-8") as file:
        lines = (line for line in file if not line.startswith("# "))
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def aliases():
    """Name -> what it stands for, to the end of the chain; of rows that say the opposite the later one."""
    rows = sorted(table("tag_aliases.tsv"), key=lambda row: row["updated"])
    found = {row["antecedent"]: row["consequent"] for row in rows}

    def resolve(name):
        seen = {name}
        while name in found and found[name] not in seen:
            name = found[name]
            seen.add(name)
        return name

    return {name: resolve(name) for name in found}


def implications(resolve):
    direct = {}
    for row in table("tag_implications.tsv"):
        direct.setdefault(resolve.get(row["antecedent"], row["antecedent"]), set()).add(
            resolve.get(row["consequent"], row["consequent"]))

    def close(name, seen):
        for implied in direct.get(name, ()):
            if implied not in seen:
                seen.add(implied)
                close(implied, seen)
        return seen

    return {name: close(name, set()) - {name} for name in direct}


def followed(mentions):
    """Of one row a tag as written (`source`, `id`, `tag`, and what it is `said` to be): one row a tag of a post, own
    and implied, with its `category`."""
    resolve = aliases()
    own = mentions.assign(tag=mentions.tag.map(lambda tag: resolve.get(tag, tag)))
    votes = own.dropna(subset="said").groupby(["tag", "said"]).size().reset_index(name="votes")
    votes["order"] = votes.said.map(["general", "artist", "copyright", "character", "meta"].index)
    winner = votes.sort_values(["votes", "order"], ascending=[False, True]).groupby("tag").said.first()
    implied = own.assign(tag=own.tag.map(implications(resolve))).dropna(subset="tag").explode("tag")
    frame = pd.concat([own, implied]).drop_duplicates(["source", "id", "tag"])
    known = {row["name"]: row["category"] for row in table("tag_categories.tsv")}
    frame["category"] = frame.tag.map(lambda tag: winner.get(tag, known.get(tag, "general")))
    return frame
