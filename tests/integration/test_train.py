# labels: integration torch
"""Training as a user runs it: exact resume, any number of processes, interruption, what a run leaves behind."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support.programs import program, run
from support.tiny import weights_of, write_run

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def train(yaml, *arguments, check=True):
    return run("atelier", "train", yaml, *arguments, check=check, env=ENVIRONMENT, timeout=300)


def start(yaml, *arguments):
    command = [str(program("atelier")), "train", str(yaml), *map(str, arguments)]
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            start_new_session=True)


def metrics(out):
    path = Path(out) / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def figures(out):
    """The text of the numbers: equal text is equal bits."""
    return [(line["step"], repr(line["loss"]), repr(line["grad_norm"])) for line in metrics(out)]


def wait_for_lines(out, count, process):
    deadline = time.time() + 120
    while time.time() < deadline and process.poll() is None:
        path = Path(out) / "metrics.jsonl"
        if path.exists() and path.read_text().count("\n") >= count:
            return
        time.sleep(0.005)


def kill_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """An uninterrupted run of one process."""
    folder = tmp_path_factory.mktemp("reference")
    yaml = write_run(folder)
    train(yaml)
    return folder


def test_a_run_leaves_what_it_says(reference):
    out = reference / "out"
    lines = metrics(out)
    assert [line["step"] for line in lines] == list(range(1, 13))
    assert set(lines[0]["lr"]) == {"text_encoder", "text_encoder_2", "unet"}
    assert lines[0]["lr"]["unet"] == 0 and lines[2]["lr"]["unet"] == 1e-3  # warm-up of two steps
    assert len(lines[0]["loss_by_timestep"]) == 10
    for line in lines:
        bands = [value for value in line["loss_by_timestep"] if value is not None]
        assert min(bands) <= line["loss"] <= max(bands)
    assert sorted(path.name for path in (out / "checkpoints").iterdir()) == ["step-00000009", "step-00000012"]
    assert (out / "tiny" / "unet" / "diffusion_pytorch_model.safetensors").exists()
    card = (out / "MODEL_CARD.md").read_text()
    assert "pictures seen: 24 of 24" in card
    assert not list(out.rglob("*.tmp-*"))
    # config.yaml is the run again.
    again = run("atelier", "config", "show", out / "config.yaml", "--plain").stdout
    assert again == (out / "config.yaml").read_text()


@pytest.mark.parametrize("lines_before_kill", [[1], [4, 6], [3, 10, 11]])
def test_killed_runs_resume_bit_for_bit(reference, tmp_path, lines_before_kill):
    yaml = write_run(tmp_path)
    for count in lines_before_kill:
        process = start(yaml, "--resume", "auto")
        wait_for_lines(tmp_path / "out", count, process)
        time.sleep(0.003 * count)  # at different moments of a step
        kill_group(process)
    train(yaml, "--resume", "auto")
    assert figures(tmp_path / "out") == figures(reference / "out")
    product = "out/tiny/unet/diffusion_pytorch_model.safetensors"
    assert weights_of(tmp_path / product) == weights_of(reference / product)


@pytest.fixture(scope="module")
def three_processes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("three")
    train(write_run(folder), "--nproc-per-node", 3)
    return folder


def assert_equal_losses(out, expected, tolerance=1e-6):
    ours, theirs = metrics(out), metrics(expected)
    assert len(ours) == len(theirs) == 12
    for mine, other in zip(ours, theirs):
        assert abs(mine["loss"] - other["loss"]) <= tolerance * other["loss"], (mine["step"], mine["loss"], other["loss"])


def test_two_processes_equal_one(reference, tmp_path):
    train(write_run(tmp_path), "--nproc-per-node", 2)
    assert_equal_losses(tmp_path / "out", reference / "out")


def test_three_processes_equal_one(reference, three_processes):
    assert_equal_losses(three_processes / "out", reference / "out")


def test_three_processes_killed_and_resumed_bit_for_bit(three_processes, tmp_path):
    yaml = write_run(tmp_path)
    for count in (5, 8):
        process = start(yaml, "--resume", "auto", "--nproc-per-node", 3)
        wait_for_lines(tmp_path / "out", count, process)
        kill_group(process)
        time.sleep(0.5)  # ranks end with their launcher
    train(yaml, "--resume", "auto", "--nproc-per-node", 3)
    assert figures(tmp_path / "out") == figures(three_processes / "out")


def test_torchrun_starts_it(reference, tmp_path):
    yaml = write_run(tmp_path)
    command = [sys.executable, "-m", "torch.distributed.run", "--no-python", "--nproc-per-node", "2", "--master-port", "0",
               "--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0", str(program("atelier")), "train", str(yaml)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert_equal_losses(tmp_path / "out", reference / "out")


def test_one_process_resumes_what_three_began(three_processes, tmp_path):
    """With global_batch_size the number of processes may change: the same samples go on."""
    yaml = write_run(tmp_path)
    process = start(yaml, "--nproc-per-node", 3)
    wait_for_lines(tmp_path / "out", 7, process)
    kill_group(process)
    train(yaml, "--resume", "auto")
    assert_equal_losses(tmp_path / "out", three_processes / "out")


@pytest.mark.parametrize("processes", [1, 2])
def test_an_interrupt_saves_and_says_how_to_go_on(reference, tmp_path, processes):
    yaml = write_run(tmp_path)
    process = start(yaml, "train.max_train_steps=12", "--nproc-per-node", processes)
    wait_for_lines(tmp_path / "out", 4, process)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "--resume auto" in errors
    done = len(metrics(tmp_path / "out"))
    assert (tmp_path / "out" / "checkpoints" / f"step-{done:08}" / "state.json").exists()
    if processes == 1:
        train(yaml, "--resume", "auto")
        assert figures(tmp_path / "out") == figures(reference / "out")


def test_a_second_run_in_the_same_folder_is_refused(reference):
    yaml = reference / "run.yaml"
    before = (reference / "out" / "metrics.jsonl").read_bytes()
    refused = train(yaml, check=False)
    assert refused.returncode == 2 and "--resume auto" in refused.stderr
    assert (reference / "out" / "metrics.jsonl").read_bytes() == before
    complete = train(yaml, "--resume", "auto")
    assert "complete" in complete.stderr
    other = train(yaml, "--resume", "auto", "seed=8", check=False)
    assert other.returncode == 2 and "seed: 7 then, 8 now" in other.stderr
    for option in ("train.weight_decay=0.5", "train.lr_warmup_steps=3", "train.unet_lr=0.5", "train.max_grad_norm=2"):
        other = train(yaml, "--resume", "auto", option, check=False)
        assert other.returncode == 2 and " then, " in other.stderr, option


def test_going_on_from_an_earlier_checkpoint(reference, tmp_path):
    """What followed it before is set aside: neither kept as newer, nor resumed."""
    yaml = write_run(tmp_path)
    train(yaml)
    checkpoints = tmp_path / "out" / "checkpoints"
    done = train(yaml, "--resume", checkpoints / "step-00000009")
    assert "step-00000012.abandoned" in done.stderr
    assert (checkpoints / "step-00000012.abandoned" / "state.json").exists()
    assert (checkpoints / "step-00000012" / "state.json").exists()
    assert figures(tmp_path / "out") == figures(reference / "out")


def test_two_runs_at_once_are_refused(tmp_path):
    yaml = write_run(tmp_path, max_train_steps=100000)
    process = start(yaml)
    try:
        wait_for_lines(tmp_path / "out", 1, process)
        refused = train(yaml, "--resume", "auto", check=False)
        assert refused.returncode == 2 and "another run is writing" in refused.stderr
    finally:
        kill_group(process)


def test_a_failing_rank_is_named(tmp_path):
    yaml = write_run(tmp_path, max_train_steps=100000)
    process = start(yaml, "--nproc-per-node", 3)
    wait_for_lines(tmp_path / "out", 2, process)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) == 3
    os.kill(int(children[1]), signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 4
    assert "rank 1 was ended by signal 9" in errors


def test_ranks_that_begin_differently_are_refused(tmp_path):
    """As two hosts without a shared disk would: nothing is trained."""
    yaml = write_run(tmp_path)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ranks = []
    for rank, steps in enumerate((12, 13)):
        environment = {**ENVIRONMENT, "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2",
                       "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        command = [str(program("atelier")), "train", str(yaml), f"train.max_train_steps={steps}"]
        ranks.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
    for process in ranks:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 2, errors
        assert "rank 1 sees another checkpoint or other data than rank 0" in errors
    assert not metrics(tmp_path / "out")


def test_a_step_without_finite_loss_names_its_samples(tmp_path):
    yaml = write_run(tmp_path, learning_rate=1000, max_grad_norm=0, lr_warmup_steps=0, lr_scheduler="constant")
    failed = train(yaml, check=False)
    assert failed.returncode == 3, failed.stderr
    assert "not a finite number" in failed.stderr and ".png" in failed.stderr
    assert not (tmp_path / "out" / "tiny").exists()


def test_a_picture_damaged_after_the_scan_has_no_weight(tmp_path):
    yaml = write_run(tmp_path)
    run("atelier", "dataset", "build", yaml)
    picture = tmp_path / "pictures" / "003.png"
    status = picture.stat()
    picture.write_bytes(picture.read_bytes()[: status.st_size // 2] + b"\0" * (status.st_size - status.st_size // 2))
    os.utime(picture, ns=(status.st_atime_ns, status.st_mtime_ns))
    done = train(yaml)
    assert "003.png" in done.stderr
    assert len(metrics(tmp_path / "out")) == 12


def test_loss_weights_act_in_a_batch_of_one(tmp_path):
    """Once a step's loss was divided by the sum of its weights: alone in its step a sample had weight 1, whatever was
    said."""
    yaml = write_run(tmp_path, global_batch_size=1, train_batch_size=1, learning_rate=1e-12, lr_warmup_steps=0,
                     lr_scheduler="constant")
    shares = {"girl_only": 0.4, "boy_only": 0.3, "mixed": 0.15, "no_humans": 0.15}  # 6 of 24 pictures each
    swapped = {**shares, "girl_only": 0.3, "boy_only": 0.4}
    for name, target in (("one", shares), ("other", swapped)):
        train(yaml, f"output_dir={tmp_path / name}", f"dataset.balance.target={json.dumps(target)}",
              "dataset.balance.apply=loss_weight")
    seen = set()
    for one, other in zip(metrics(tmp_path / "one"), metrics(tmp_path / "other"), strict=True):
        ((person, loss),) = one["loss_by_person_class"].items()
        assert one["loss"] == pytest.approx(4 * shares[person] * loss, rel=1e-5)
        assert other["loss"] == pytest.approx(4 * swapped[person] * loss, rel=1e-5)
        assert other["grad_norm"] * shares[person] == pytest.approx(one["grad_norm"] * swapped[person], rel=1e-4)
        seen.add(person)
    assert len(seen) > 2


def test_wrong_input_has_its_exit_code(tmp_path):
    yaml = write_run(tmp_path)
    cases = [
        (["train.learing_rate=1"], 2, "did you mean 'learning_rate'"),
        (["train.global_batch_size=0"], 2, "outside"),
        (["model.config=nowhere"], 2, "nowhere"),
        (["dataset.sources=[{path: nowhere}]"], 2, "nowhere"),
        (["dataset.select.min_side=5000"], 3, "min_side"),
        (["train.global_batch_size=7", "--nproc-per-node", "2"], 2, "7"),
        (["train.unet_lr=0", "train.learning_rate=0"], 2, "nothing is trained"),
        (["--resume", "nowhere"], 2, "no such checkpoint"),
        (["network={network_dim: 4}", "train.learning_rate_te1=0.1"], 2, "do not reach adapters"),
        (["sample={every_n_steps: 2, prompts: pictures/000.txt, width: 40, height: 32}"], 2, "sides of 16"),
    ]
    for arguments, code, word in cases:
        failed = train(yaml, *arguments, check=False)
        assert failed.returncode == code, (arguments, failed.returncode, failed.stderr)
        assert word in failed.stderr, (arguments, failed.stderr)
    assert not (tmp_path / "out" / "metrics.jsonl").exists()


def test_the_refiner_is_refused_before_the_first_step(tmp_path):
    """Once it failed within the UNet, as a bug of the program: five numbers wanted, six given."""
    yaml = write_run(tmp_path)
    config = tmp_path / "config"
    unet = json.loads((config / "unet" / "config.json").read_text())
    unet.update(projection_class_embeddings_input_dim=16 + 5 * 8, cross_attention_dim=16)
    (config / "unet" / "config.json").write_text(json.dumps(unet))
    shutil.rmtree(config / "text_encoder")
    failed = train(yaml, "--dry-run", check=False)
    assert failed.returncode == 2 and "refiner" in failed.stderr, failed.stderr


def test_dry_run_writes_nothing(tmp_path):
    yaml = write_run(tmp_path)
    done = train(yaml, "--dry-run")
    assert "12 steps" in done.stderr
    assert not (tmp_path / "out" / "metrics.jsonl").exists()
    assert not (tmp_path / "out" / "checkpoints").exists()


def test_too_little_memory_is_the_machines_error(tmp_path):
    yaml = write_run(tmp_path)
    path = tmp_path / "config" / "text_encoder" / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({**config, "hidden_size": 2**20}))  # embeddings of 200 GB
    failed = train(yaml, check=False)
    assert failed.returncode == 4 and "out of memory" in failed.stderr, failed.stderr
