# labels: integration
"""report.html in a real browser: headless Chromium opens it from disk."""

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.browser import CHROMIUM, Browser  # noqa: E402
from support.programs import SOURCE, program  # noqa: E402

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

EXAMPLE = json.loads((SOURCE / "tests/golden/report/example.json").read_text(encoding="utf-8"))
HOSTILE = [
    "<script>document.title='run'</script>", "</script><script>document.title='run'</script>", "<!--<script>",
    "<img src=x onerror=document.title='run'>", "\"'><b>bold</b>&amp;\\u003c", "x" * 300,
    "\u05d0\u05d1\u05d2_\u202eabc", "\U0001f3a8\U0001f469\u200d\U0001f3a8", "<!--report-->", "__proto__"]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    opened = Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture
def show(browser, tmp_path):
    """Opens the page of a report. It must neither complain nor ask for anything but itself."""

    def shown(report):
        path = tmp_path / "report.html"
        with path.open("wb") as page:
            subprocess.run([program("report-page")], input=json.dumps(report).encode(), stdout=page, check=True)
        browser.open(path)
        return path

    yield shown
    browser.run("window.scrollTo(0, document.body.scrollHeight); new Promise((done) => setTimeout(done, 200))")
    assert browser.complaints() == []
    assert browser.requests() == [(tmp_path / "report.html").resolve().as_uri()]


def with_tags(names):
    """The example, its general tags replaced: the i-th is on 1000 - i posts."""
    report = copy.deepcopy(EXAMPLE)
    general = report["tags"]["general"]
    general["distinct"] = len(names)
    general["top"] = [{"tag": name, "posts": 1000 - i, "usable": i, "raw_posts": i} for i, name in enumerate(names)]
    return report


def table(browser, label):
    """The texts of a table's body."""
    return browser.run(f"""[...document.querySelectorAll('table[aria-label={json.dumps(label)}] tbody tr')]
        .map((row) => [...row.cells].map((cell) => cell.textContent))""")


GENERAL = "general tags"


def test_the_ten_sections_are_there_and_say_what_they_show(browser, show):
    show(EXAMPLE)
    says = browser.run("[...document.querySelectorAll('section.part .says')].map((says) => says.textContent)")
    assert len(says) == 10 and all(text.endswith(".") for text in says)
    first = browser.run("document.querySelector('#overview .findings').textContent")
    assert EXAMPLE["findings"][0]["text"] in first


def test_tables_behind_charts_hold_the_numbers_of_the_json(browser, show):
    report = copy.deepcopy(EXAMPLE)
    report["time"]["years"][0] = {"year": 2014, "posts": 1234567, "usable": 12345}
    show(report)
    years = [[str(row["year"] or "unknown"), f"{row['posts']:,}", f"{row['usable']:,}"]
             for row in report["time"]["years"]]
    assert table(browser, "Years") == years
    density = sorted(report["sizes"]["density"], key=lambda cell: -cell["posts"])
    assert [row[2:] for row in table(browser, "Width and height")] == \
        [[f"{cell['posts']:,}", f"{cell['usable']:,}"] for cell in density]
    histogram = report["sizes"]["megapixels"]
    assert [row[1:] for row in table(browser, "Megapixels")] == [[str(b["posts"]), str(b["usable"])] for b in histogram]


def test_charts_are_drawn_from_the_same_numbers(browser, show):
    show(EXAMPLE)
    browser.run("document.getElementById('time').scrollIntoView(); new Promise((done) => setTimeout(done, 300))")
    drawn = browser.run("""Chart.getChart(document.querySelector('#time canvas')).data.datasets.map((d) => d.data)""")
    years = EXAMPLE["time"]["years"]
    assert drawn == [[row["posts"] for row in years], [row["usable"] for row in years]]


def test_hostile_tags_are_shown_as_text(browser, show):
    show(with_tags(HOSTILE))
    assert [row[0] for row in table(browser, GENERAL)] == HOSTILE
    assert browser.run("document.title") == "Dataset report"
    assert browser.run("document.querySelectorAll('main script, main img, main b').length") == 0
    assert browser.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_no_other_script_runs(browser, show, tmp_path):
    """The policy refuses what somebody writes into the page afterwards."""
    path = show(EXAMPLE)
    page = path.read_text(encoding="utf-8").replace("</body>", "<script>document.title = 'run'</script></body>")
    path.write_text(page, encoding="utf-8")
    browser.open(path)
    assert browser.run("document.title") == "Dataset report"
    assert any("Content Security Policy" in text for text in browser.complaints())
    show(EXAMPLE)


def test_a_thousand_tags_are_searched_paged_and_sorted(browser, show):
    names = [f"tag_{i:04d}" for i in range(1000)]
    show(with_tags(names))
    assert [row[0] for row in table(browser, GENERAL)] == names[:25]
    browser.run("""(() => { const search = document.querySelector('input[aria-label="Search general tags"]');
        search.value = 'TAG 099'; search.dispatchEvent(new Event('input')); })()""")
    assert [row[0] for row in table(browser, GENERAL)] == [name for name in names if "099" in name]
    assert browser.run("document.querySelector('#tags [role=status]').textContent") == "11 of 1,000 rows"


def test_tables_are_sorted_by_keyboard(browser, show):
    show(with_tags([f"tag_{i:04d}" for i in range(100)]))
    head = "document.querySelectorAll('table[aria-label=\"general tags\"] th')[2]"
    browser.run(f"{head}.querySelector('button').focus()")
    browser.key("Enter", "\r")
    assert browser.run(f"{head}.getAttribute('aria-sort')") == "descending"
    assert [int(row[2]) for row in table(browser, GENERAL)] == list(range(99, 74, -1))
    browser.key("Enter", "\r")
    assert browser.run(f"{head}.getAttribute('aria-sort')") == "ascending"
    assert [int(row[2]) for row in table(browser, GENERAL)] == list(range(25))


def test_an_empty_data_set_says_so(browser, show):
    report = copy.deepcopy(EXAMPLE)
    for key in ("exposure", "captions", "dataset_hash"):
        report.pop(key, None)
    report["posts"].update(read=0, counted=0, usable=0, tags=0, with_picture={"posts": 0, "usable": 0})
    report["posts"].pop("samples_per_epoch", None)
    report.update(exclusions=[], findings=[], sources=[], picture_format=[], quarantine=[], lean=[])
    report["quantiles"] = {name: {"count": 0} for name in report["quantiles"]}
    people = report["people"]
    people.pop("balance", None)
    people["by_rating"], people["by_year"] = [], []
    nothing = {"posts": 0, "usable": 0}
    people["classes"] = [{"class": row["class"], **nothing, "inferred": 0,
                          "group_size": {size: nothing for size in row["group_size"]}} for row in people["classes"]]
    for category in report["tags"].values():
        category.update(distinct=0, top=[], rank_curve=[])
    sizes = report["sizes"]
    report["sizes"] = {"known": nothing, "edges": sizes["edges"], "density": [], "megapixels": [], "aspect": []}
    report["time"] = {"years": [], "ratings": []}
    show(report)
    assert "This data set is empty" in browser.run("document.getElementById('main').textContent")
    assert browser.run("document.querySelectorAll('section.part').length") == 10


def test_two_reports_stand_side_by_side(browser, show):
    other = copy.deepcopy(EXAMPLE)
    other["posts"]["usable"] += 1234
    show({**EXAMPLE, "compare": other})
    rows = {row[0]: row[1:] for row in table(browser, "Comparison")}
    usable = EXAMPLE["posts"]["usable"]
    assert rows["Usable posts"] == [f"{usable:,}", f"{usable + 1234:,}", "-1,234"]
    assert browser.run("document.querySelectorAll('#people .sides.two > div').length") == 2


@pytest.mark.parametrize("width, phone", [(390, True), (1360, False)])
@pytest.mark.parametrize("scheme, paper", [("light", "rgb(246, 247, 249)"), ("dark", "rgb(18, 22, 27)")])
def test_phones_and_dark_mode(browser, show, width, phone, scheme, paper):
    browser.window(width, 844, phone)
    browser.prefer(scheme)
    show(with_tags(HOSTILE))
    assert browser.run("document.documentElement.scrollWidth") <= width
    assert browser.run("getComputedStyle(document.body).backgroundColor") == paper
    browser.run("document.getElementById('theme').click()")
    assert browser.run("getComputedStyle(document.body).backgroundColor") != paper
