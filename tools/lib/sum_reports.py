"""Sums the reports of a test run: ctest's own (one entry a program) and the JUnit file that each program wrote.

usage: sum_reports.py FOLDER    (ctest.xml and NAME.xml of each entry)

Prints the failed tests' names and, last, "N passed, N failed, N skipped"; exits 0 only if something passed and nothing
failed. An entry that failed without a failure in its report (it crashed, or ran past its time) counts as one failed.
"""

import sys
import xml.etree.ElementTree as xml
from pathlib import Path


def outcome(case: xml.Element) -> str:
    """passed, failed or skipped, of one <testcase> as GoogleTest and pytest write it."""
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    unrun = case.get("status") == "notrun" or case.get("result") in ("skipped", "suppressed")
    return "skipped" if unrun or case.find("skipped") is not None else "passed"


def entry_outcome(case: xml.Element) -> str:
    """The same of one entry as ctest writes it: what could not be started (a program not built) has failed."""
    return {"run": "passed", "disabled": "skipped"}.get(case.get("status", ""), "failed")


def cases(report: Path) -> list[xml.Element]:
    """Every <testcase> of a report; none if the file is missing or cut short."""
    try:
        return list(xml.parse(report).getroot().iter("testcase"))
    except (OSError, xml.ParseError):
        return []


def tests_of(folder: Path, entry: str, ended: str) -> list[tuple[str, str]]:
    """(name, outcome) of the tests of one ctest entry, which as a whole `ended` passed, failed or skipped."""
    tests = [(f"{case.get('classname')}.{case.get('name')}".strip("."), outcome(case))
             for case in cases(folder / f"{entry}.xml")]
    if ended == "failed" and all(result != "failed" for _, result in tests):
        tests.append((f"{entry} (crashed, ran out of time or could not start)", "failed"))
    return tests or [(entry, ended)]


def main(folder: Path) -> int:
    tests = [test for entry in cases(folder / "ctest.xml")
             for test in tests_of(folder, entry.get("name", ""), entry_outcome(entry))]
    count = {kind: sum(result == kind for _, result in tests) for kind in ("passed", "failed", "skipped")}
    for name, result in tests:
        if result == "failed":
            print(f"FAILED {name}")
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 0 if count["passed"] and not count["failed"] else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
