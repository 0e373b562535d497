# labels: integration
"""Who is in the pictures and what balance costs, as report.json says it, against pandas, water-filling by bisection and
iterative proportional fitting in numpy. Posts without pictures."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.report_peer import (ALL_RATINGS, CLASSES, GROUP_SIZES, NO_RULES, described, pair, posts_of,  # noqa: E402
                                 stats)

POSTS = int(os.environ.get("ATELIER_REPORT_POSTS", 10_000))
EXACT = {"rel": 1e-9, "abs": 1e-9}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("people")


@pytest.fixture(scope="module")
def frame(folder):
    posts = posts_of(POSTS, 11)
    posts.to_parquet(folder / "posts.parquet", index=False)
    posts = described(posts)
    posts["usable"] = ~posts.is_banned
    return posts


@pytest.fixture(scope="module")
def people(folder, frame):
    """`people` of report.json with this balance."""
    def with_balance(name, balance, **more):
        dataset = {"sources": [{"path": str(folder / "posts.parquet")}], "tags": NO_RULES, "balance": balance}
        return stats(folder, name, dataset | more, None, "--without-pictures")["people"]
    return with_balance


def filled(posts, shares, cap, length):
    """Repeats min(cap, f q / n) with the f that gives `length` samples, found by bisection."""
    density, low, high = shares / posts, 0.0, 1e9
    for _ in range(300):
        f = (low + high) / 2
        low, high = (f, high) if (np.minimum(cap, f * density) * posts).sum() < length else (low, f)
    return np.minimum(cap, low * density)


def wanted_of(counts, target):
    """Shares by class: as named, the others in natural proportion."""
    others = counts[~counts.index.isin(target)]
    return (others / others.sum() * (1 - sum(target.values()))).to_dict() | target


def check_effective(balance, repeats, usable):
    effective = repeats.sum() ** 2 / (repeats ** 2).sum()
    assert balance["effective_posts"] == pytest.approx(effective, rel=1e-9)
    assert balance["effective_share"] == pytest.approx(effective / usable, rel=1e-9)


def test_who_is_in_the_pictures(frame, people):
    found, usable = people("natural", {}), frame.usable
    for entry in found["classes"]:
        mine = frame["class"] == entry["class"]
        assert {"posts": entry["posts"], "usable": entry["usable"]} == pair(mine, usable)
        assert entry["group_size"] == {size: pair(mine & (frame["size"] == size), usable) for size in GROUP_SIZES}
        assert entry["inferred"] == (mine & frame.inferred).sum()
    assert [entry["class"] for entry in found["classes"]] == CLASSES
    assert found["conflicts"] == frame.conflict.sum() > POSTS / 50
    assert frame.inferred.sum() > 25 and (frame.groupby(["class", "size"]).size() > 0).sum() > 12
    assert found["by_rating"] == [
        {"rating": rating, "classes": {name: pair((frame.rated == rating) & (frame["class"] == name), usable)
                                       for name in CLASSES}} for rating in ALL_RATINGS]
    years = sorted(frame.year.dropna().unique().astype(int).tolist())
    assert found["by_year"] == [
        {"year": year, "classes": {name: pair((frame.year.isna() if year is None else frame.year == year)
                                              & (frame["class"] == name), usable) for name in CLASSES}}
        for year in [*years, None]]


def test_without_balance_all_are_equal(frame, people):
    found, usable = people("natural", {}), frame[frame.usable]
    natural = usable["class"].value_counts(normalize=True)
    for entry in found["classes"]:
        share = natural.get(entry["class"], 0)
        assert [entry["natural"], entry["wanted"], entry["reached"]] == pytest.approx([share] * 3, rel=1e-9)
        assert [entry["repeats"], entry["samples"]] == pytest.approx([1, share * len(usable)], rel=1e-9)
    balance = found["balance"]
    assert not balance["active"] and balance["apply"] == "repeats"
    assert [balance["effective_posts"], balance["samples_per_epoch"]] == pytest.approx([len(usable)] * 2)
    assert [balance["effective_share"], balance["largest_repeat"], balance["cut_off"], balance["rake_error"]] == \
        pytest.approx([1, 1, 0, 0], abs=1e-12)


def test_repeats_at_the_cap(frame, people):
    target = {"boy_only": 0.3, "no_humans": 0.3, "other": 0.2}
    found = people("cap", {"target": target, "max_repeat": 2.5})
    counts = frame[frame.usable]["class"].value_counts()
    wanted, length = wanted_of(counts, target), counts.sum()
    repeats = dict(zip(counts.index, filled(counts.to_numpy(), np.array([wanted[name] for name in counts.index]), 2.5,
                                            length)))
    assert sum(each == 2.5 for each in repeats.values()) in range(1, len(repeats))
    for entry in found["classes"]:
        name = entry["class"]
        samples = counts[name] * repeats[name]
        assert [entry[key] for key in ("natural", "wanted", "reached", "repeats", "samples")] == pytest.approx(
            [counts[name] / length, wanted[name], samples / length, repeats[name], samples], **EXACT)
    balance = found["balance"]
    check_effective(balance, frame[frame.usable]["class"].map(repeats), length)
    over = sum(max(0, length * wanted[name] - 2.5 * counts[name]) for name in counts.index)
    assert balance["cut_off"] == pytest.approx(over / length, rel=1e-9)
    assert [balance["largest_repeat"], balance["samples_per_epoch"]] == pytest.approx([2.5, length], rel=1e-9)
    assert balance["active"] and [balance["rake_rounds"], balance["rake_error"]] == [0, 0]  # of one division: exact
    [division] = balance["divisions"]
    assert division["by"] == "person_class" and division["further_classes"] == 0 and division["unreachable"] == []
    assert [each["posts"] for each in division["classes"]] == sorted(counts, reverse=True)
    for each in division["classes"]:
        name = each["name"]
        assert [each["posts"], each["natural"], each["wanted"], each["reached"], each["repeats"]] == pytest.approx(
            [counts[name], counts[name] / length, wanted[name], counts[name] * repeats[name] / length, repeats[name]],
            **EXACT)


def fitted(columns, posts, marginals, rounds):
    """Iterative proportional fitting: shares of the cells, rounds, largest error."""
    codes = [column.factorize() for column in columns]
    wanted = [np.array([marginal[name] for name in names]) for marginal, (_, names) in zip(marginals, codes)]
    shares = posts / posts.sum()
    for done in range(1, rounds + 1):
        for (code, _), want in zip(codes, wanted):
            shares = shares * (want / np.bincount(code, shares))[code]
        error = max(np.abs(np.bincount(code, shares) - want).max() for (code, _), want in zip(codes, wanted))
        if error <= 1e-9:
            break
    return shares, done, error


@pytest.mark.parametrize("name, classes", [("rake", {"girl_only": 0.3, "boy_only": 0.4}),
                                           ("contradiction", {"no_humans": 0.5})])
def test_raking(frame, people, name, classes):
    """Shares that hold together, and some that cannot: where no human is, there are not three."""
    targets = [classes, {"explicit": 0.3}, {"group": 0.6}]
    found = people(name, {"target": targets[0], "max_repeat": 1000, "rake": [
        {"by": "rating", "target": targets[1]}, {"by": "group_size", "target": targets[2]}]})["balance"]
    used = frame[frame.usable]
    columns = ["class", "rated", "size"]
    cells = used.groupby(columns).size().rename("posts").reset_index()
    marginals = [wanted_of(used[column].value_counts(), target) for column, target in zip(columns, targets)]
    posts = cells.posts.to_numpy()
    shares, rounds, error = fitted([cells[column] for column in columns], posts, marginals, 1000)
    assert abs(found["rake_rounds"] - rounds) <= 1
    assert found["rake_error"] == pytest.approx(error, rel=1e-3, abs=2e-9)
    assert (rounds < 1000) == (name == "rake") and (error > 0.01) == (name == "contradiction")
    length = posts[shares > 0].sum()  # cells that raking emptied are not used
    assert length == len(used) or name == "contradiction"
    repeats = filled(posts, shares, 1000, length)
    check_effective(found, np.repeat(repeats, posts), len(used))
    assert found["largest_repeat"] == pytest.approx(repeats.max(), rel=1e-6)
    cells["samples"] = repeats * posts
    for division, column, marginal in zip(found["divisions"], columns, marginals, strict=True):
        counts, samples = used[column].value_counts(), cells.groupby(column).samples.sum()
        posts = {each["name"]: each["posts"] for each in division["classes"] if each["posts"]}
        assert posts == counts.to_dict()
        for each in division["classes"]:
            if each["posts"]:
                key = each["name"]
                assert each["natural"] == pytest.approx(counts[key] / len(used), rel=1e-9)
                assert each["wanted"] == pytest.approx(marginal[key], abs=1e-9)
                assert each["reached"] == pytest.approx(samples[key] / length, abs=2e-6)
                assert each["repeats"] == pytest.approx(samples[key] / counts[key], rel=1e-6)


def test_a_division_of_many_classes_lists_the_first_200(frame, people):
    division = people("artists", {"by": "artist", "temperature": 2, "max_repeat": 1000})["balance"]["divisions"][0]
    counts = frame[frame.usable].tag_string_artist.replace("", "none").value_counts()
    assert division["by"] == "artist" and division["further_classes"] == len(counts) - 200 > 0
    assert [each["posts"] for each in division["classes"]] == sorted(counts, reverse=True)[:200]
    assert all(counts[each["name"]] == each["posts"] for each in division["classes"])
    root = np.sqrt(counts)
    for each in division["classes"]:
        assert each["wanted"] == pytest.approx(root[each["name"]] / root.sum(), rel=1e-9)
        assert each["repeats"] == pytest.approx(counts.sum() / root.sum() / root[each["name"]], rel=1e-9)


def test_balance_by_loss_weights(frame, people):
    target = {"boy_only": 0.3, "mixed": 0.25}
    found = people("weights", {"target": target, "apply": "loss_weight", "max_repeat": 100})
    counts = frame[frame.usable]["class"].value_counts()
    wanted, length = wanted_of(counts, target), counts.sum()
    for entry in found["classes"]:
        name = entry["class"]
        assert [entry["wanted"], entry["reached"]] == pytest.approx([wanted[name]] * 2, abs=1e-6)
        assert [entry["repeats"], entry["samples"]] == pytest.approx([1, counts[name]], rel=1e-9)
    balance = found["balance"]
    assert balance["apply"] == "loss_weight" and balance["active"]
    assert [balance["samples_per_epoch"], balance["largest_repeat"]] == pytest.approx([length, 1], rel=1e-9)
    weights = frame[frame.usable]["class"].map(lambda name: wanted[name] * length / counts[name])
    check_effective(balance, weights, length)


def test_regularisation_pictures_take_no_part(folder, frame, people):
    half = frame.id <= POSTS // 2
    for name, part in (("own", half), ("reg", ~half)):
        frame[part].drop(columns=["rated", "year", "class", "size", "inferred", "conflict", "usable"]).to_parquet(
            folder / f"{name}.parquet", index=False)
    target = {"boy_only": 0.2}
    found = people("reg", {"target": target}, sources=[
        {"path": str(folder / "own.parquet"), "repeats": 2},
        {"path": str(folder / "reg.parquet"), "is_reg": True}], manifest_dir=str(folder / "reg_manifest"))
    own = frame[frame.usable & half]
    counts = own["class"].value_counts()
    wanted, length = wanted_of(counts, target), len(own)
    for entry in found["classes"]:
        name = entry["class"]
        assert {"posts": entry["posts"], "usable": entry["usable"]} == pair(frame["class"] == name, frame.usable)
        assert [entry["natural"], entry["wanted"], entry["reached"]] == pytest.approx(
            [counts[name] / length, wanted[name], wanted[name]], abs=1e-6)
        assert [entry["repeats"], entry["samples"]] == pytest.approx(
            [2 * wanted[name] * length / counts[name], 2 * wanted[name] * length], rel=1e-6)
    balance = found["balance"]
    assert balance["samples_per_epoch"] == pytest.approx(4 * length, rel=1e-6)  # as many of the others
    check_effective(balance, own["class"].map(lambda name: wanted[name] * length / counts[name]), frame.usable.sum())
