# labels: integration
"""Sources on s3://, against moto's server: the same posts as from local files."""

import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pyarrow.feather
import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.programs import SOURCE, run  # noqa: E402

boto3 = pytest.importorskip("boto3", reason="moto is not installed: tools/test installs it")
pytest.importorskip("moto", reason="moto is not installed: tools/test installs it")

POSTS = SOURCE / "tests" / "golden" / "posts" / "danbooru_api_posts_2016_2020.jsonl"
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_EC2_METADATA_DISABLED": "true"}


def png(width, height):
    buffer = io.BytesIO()
    Image.frombytes("RGB", (width, height), os.urandom(3 * width * height)).save(buffer, "png")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def store():
    """(endpoint, client) of a server with one empty bucket."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        endpoint = f"127.0.0.1:{port}"
        client = boto3.client("s3", endpoint_url=f"http://{endpoint}", region_name="us-east-1",
                              aws_access_key_id="testing", aws_secret_access_key="testing")
        client.create_bucket(Bucket="set")
        yield endpoint, client
    finally:
        server.terminate()
        server.wait()


def uri(store, key):
    return f"s3://set/{key}?endpoint_override={store[0]}&scheme=http&region=us-east-1"


def build(folder, sources, env=KEYS):
    lines = "".join("    - " + json.dumps(source) + "\n" for source in sources)
    (folder / "run.yaml").write_text("dataset:\n  sources:\n" + lines)
    run("atelier-data", "dataset", "build", folder / "run.yaml", f"dataset.manifest_dir={folder / 'manifest'}",
        "--quiet", "dataset.select.max_bad_samples=100", env=os.environ | env)
    return pyarrow.feather.read_table(folder / "manifest" / "posts.arrow").to_pylist()


def without_places(posts):
    return [{name: value for name, value in post.items() if name not in ("path", "file_modified_ns")} for post in posts]


def test_posts_files_are_read_alike(tmp_path, store):
    (tmp_path / "local").mkdir()
    local = build(tmp_path / "local", [{"path": str(POSTS)}])
    lines = POSTS.read_bytes().splitlines(keepends=True)
    for number, part in enumerate([lines[:50], lines[50:]]):
        store[1].put_object(Bucket="set", Key=f"posts/part-{number}.jsonl", Body=b"".join(part))
    assert build(tmp_path, [{"path": uri(store, "posts/part-*.jsonl")}]) == local
    assert len(local) == 113


def test_region_and_endpoint_come_from_the_environment(tmp_path, store):
    store[1].put_object(Bucket="set", Key="one.jsonl", Body=b'{"id": 1}\n')
    env = KEYS | {"AWS_ENDPOINT_URL": f"http://{store[0]}", "AWS_REGION": "us-east-1"}
    assert [post["id"] for post in build(tmp_path, [{"path": "s3://set/one.jsonl"}], env)] == ["1"]


def test_folder_and_tar_of_pictures(tmp_path, store):
    folder = tmp_path / "local" / "set"
    (folder / "sub").mkdir(parents=True)
    (folder / "a b+ü.png").write_bytes(png(400, 300))  # 360 KB: more than is fetched for a header
    (folder / "a b+ü.txt").write_text("1girl, solo")
    (folder / "sub" / "c.png").write_bytes(png(30, 20))
    (folder / "sub" / "c.json").write_text(json.dumps({"id": 7, "tag_string": "hat", "score": 3}))
    (folder / "sub" / "broken.png").write_text("no picture")
    for file in folder.rglob("*.*"):
        store[1].put_object(Bucket="set", Key=f"pictures/{file.relative_to(folder)}", Body=file.read_bytes())
    with tarfile.open(tmp_path / "local" / "set.tar", "w") as archive:
        archive.add(folder, ".")
    store[1].put_object(Bucket="set", Key="tars/set.tar", Body=(tmp_path / "local" / "set.tar").read_bytes())

    local = build(tmp_path / "local", [{"path": str(folder)}, {"path": str(tmp_path / "local" / "set.tar")}])
    remote = build(tmp_path, [{"path": uri(store, "pictures")}, {"path": uri(store, "tars/set.tar")}])
    assert without_places(remote) == without_places(local)
    assert [(post["width"], post["height"]) for post in remote] == [(400, 300), (30, 20)] * 2
    assert remote[0]["path"] == uri(store, "pictures/a b+ü.png")


def test_what_is_not_there_is_the_users_error(tmp_path, store):
    for path in [uri(store, "nowhere.jsonl"), uri(store, "no-*.parquet"),
                 f"s3://absent/x.jsonl?endpoint_override={store[0]}&scheme=http&region=us-east-1"]:
        failed = run("atelier-data", "dataset", "stats", path, check=False, env=os.environ | KEYS)
        assert failed.returncode == 2 and path.split("?")[0] in failed.stderr, failed.stderr
