# labels: campaign
"""report.json of 200,000 synthetic posts against pandas: what tests/peer counts of 50,000 and 10,000."""

import os
import subprocess
import sys
from pathlib import Path

PEER = Path(__file__).resolve().parents[1] / "peer"


def test_report_of_200000_posts():
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", PEER / "test_report.py",
                    PEER / "test_report_people.py"], check=True, env=os.environ | {"ATELIER_REPORT_POSTS": "200000"})
