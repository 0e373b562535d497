# labels: campaign
"""report.json of 200,000 synthetic posts against pandas: tests/peer/test_report.py at the size that its issue names."""

import os
import subprocess
import sys
from pathlib import Path

PEER = Path(__file__).resolve().parents[1] / "peer" / "test_report.py"


def test_report_of_200000_posts():
    subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", PEER], check=True,
                   env=os.environ | {"ATELIER_REPORT_POSTS": "200000"})
