# labels: integration torch
"""The caches as a user meets them, with real encoders: what is in them, killed fills, and training that does not notice."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import xxhash
from PIL import Image
from safetensors import safe_open

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from support import tiny_sdxl
from support.programs import program, run

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
PICTURES = 24
SIZES = [(64, 64), (80, 48), (48, 80)]  # each exactly a bucket: no resize comes between a picture and its pixels


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    tiny_sdxl.make_pipeline(folder)
    return folder


def write_pictures(folder, count=PICTURES, seed=0):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    for i in range(count):
        width, height = SIZES[i % len(SIZES)]
        coarse = rng.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((width, height), Image.BICUBIC).save(folder / f"{i:03}.png")
        (folder / f"{i:03}.txt").write_text(f"1girl, picture {i % 7}\n")


def write_run(folder, model, **dataset):
    if not (folder / "pictures").exists():
        write_pictures(folder / "pictures")
    options = {
        "output_dir": str(folder / "out"), "output_name": "tiny", "seed": 7,
        "model": {"pretrained_model_name_or_path": str(model)},
        "network": {"algo": "lora", "network_dim": 2, "network_alpha": 2},
        "dataset": {"sources": [{"path": "pictures"}], "cache_latents": "disk", "cache_dir": "cache", "cache_dtype": "fp32",
                    "vae_batch_size": 1, "loader": {"max_data_loader_n_workers": 1},
                    "buckets": {"resolution": 64, "min_bucket_reso": 48, "max_bucket_reso": 80, "bucket_reso_steps": 16},
                    **dataset},
        # One picture at a time through the VAE, cached or not: convolutions round by the size of their batch.
        "train": {"global_batch_size": 4, "train_batch_size": 1, "max_train_steps": 4, "num_threads": 1,
                  "learning_rate": 1e-3},
    }
    path = folder / "run.yaml"
    path.write_text(json.dumps(options, indent=1))
    return path


def cache(yaml, *arguments, check=True):
    return run("atelier", "dataset", "cache", yaml, *arguments, check=check, env=ENVIRONMENT, timeout=300)


def train(yaml, *arguments, check=True):
    return run("atelier", "train", yaml, *arguments, check=check, env=ENVIRONMENT, timeout=300)


def shards(folder, kind):
    """(samples, keys, checksums, records) of every file of a cache, read by safetensors' own reader."""
    for path in sorted(folder.glob(f"cache/{kind}-*/*/*.safetensors")):
        with safe_open(path, "pt") as file:
            yield tuple(file.get_tensor(name) for name in ("samples", "keys", "checksums", "records"))


def check_cache(folder, kind, wanted):
    """Every sample once, every record there and whole: by safetensors and xxhash alone."""
    samples, keys, linked = [], [], []
    for own_samples, own_keys, checksums, records in shards(folder, kind):
        samples += [tuple(row[:2]) for row in own_samples.tolist()]
        linked += [tuple(row[2:]) for row in own_samples.tolist()]
        keys += map(tuple, own_keys.tolist())
        for record, checksum in zip(records, checksums.tolist()):
            assert xxhash.xxh3_64_intdigest(record.contiguous().numpy().tobytes()) == checksum % 2**64
    assert len(samples) == len(set(samples)) == wanted
    assert len(keys) == len(set(keys))
    assert set(linked) == set(keys)
    return len(keys)


@pytest.fixture(scope="module")
def filled(tmp_path_factory, model):
    folder = tmp_path_factory.mktemp("filled")
    cache(write_run(folder, model, cache_text_encoder_outputs="disk"))
    return folder


def test_records_are_what_diffusers_encodes(filled, model):
    from diffusers import AutoencoderKL
    vae = AutoencoderKL.from_pretrained(model / "vae").eval()
    records = [record for _, _, _, all_of_shard in shards(filled, "latents") for record in all_of_shard]
    assert len(records) == PICTURES
    for path in sorted((filled / "pictures").glob("*.png")):
        pixels = torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1)[None].float() / 127.5 - 1
        with torch.no_grad():
            posterior = vae.encode(pixels).latent_dist
        expected = torch.cat([posterior.mean, posterior.std], 1)[0] * vae.config.scaling_factor
        distances = [(record - expected).abs().max().item() for record in records if record.shape == expected.shape]
        assert min(distances) < 1e-5, path
        assert sorted(distances)[1] > 1e-3, path
    assert check_cache(filled, "latents", PICTURES) == PICTURES
    assert check_cache(filled, "texts", 7 + 1) == 8  # seven captions, and the empty one


def test_a_second_fill_finds_all_there(filled):
    before = {path: path.stat().st_mtime_ns for path in filled.glob("cache/*/*/*")}
    cache(filled / "run.yaml")
    assert {path: path.stat().st_mtime_ns for path in filled.glob("cache/*/*/*")} == before
    said = cache(filled / "run.yaml", "--verify").stderr
    assert f"{PICTURES} of {PICTURES} pictures" in said and "8 of 8 captions" in said and "0 damaged" in said


def test_three_processes_killed_in_the_middle_go_on(tmp_path, model):
    """kill -9 of all, several times; then nothing is missing, nothing is there twice, every checksum is right."""
    count = 160
    write_pictures(tmp_path / "pictures", count)
    yaml = write_run(tmp_path, model)
    seen = []
    for least in (3, 10):
        command = [str(program("atelier")), "dataset", "cache", str(yaml)]
        fillers = [subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.DEVNULL) for _ in range(3)]
        deadline = time.time() + 60
        while time.time() < deadline and all(filler.poll() is None for filler in fillers):
            if len(list(tmp_path.glob("cache/*/*/*.safetensors"))) >= least:
                break
            time.sleep(0.002)
        for filler in fillers:
            filler.send_signal(signal.SIGKILL)
            filler.wait()
        seen.append(sum(len(samples) for samples, *_ in shards(tmp_path, "latents")))
    assert 0 < seen[0] < count, "the first kill came too early or too late to mean anything"
    assert seen == sorted(seen)
    cache(yaml, "--nproc-per-node", 3)
    assert check_cache(tmp_path, "latents", count) == count
    assert not list(tmp_path.rglob("*.tmp-*"))
    assert f"{count} of {count} pictures" in cache(yaml, "--verify").stderr


def losses(out):
    return [(repr(line["loss"]), repr(line["grad_norm"])) for line in map(json.loads, open(out / "metrics.jsonl"))]


@pytest.fixture(scope="module")
def uncached(tmp_path_factory, model):
    folder = tmp_path_factory.mktemp("uncached")
    train(write_run(folder, model, cache_latents="off"))
    return losses(folder / "out")


def test_training_has_the_same_bits_with_an_fp32_cache(filled, uncached):
    train(filled / "run.yaml", "dataset.cache_text_encoder_outputs=off")
    assert losses(filled / "out") == uncached


def test_training_fills_what_is_missing_and_fp16_rounds(tmp_path, model, uncached):
    said = train(write_run(tmp_path, model, cache_dtype="fp16", cache_text_encoder_outputs="disk")).stderr
    assert f"{PICTURES} of {PICTURES} pictures" in said
    ours = losses(tmp_path / "out")
    assert ours != uncached
    for (loss, _), (exact, _) in zip(ours, uncached):
        assert abs(float(loss) - float(exact)) < 2e-3 * float(exact)
    record = next(shards(tmp_path, "latents"))[3]
    assert record.dtype == torch.float16


def test_resuming_with_a_cache_and_without_pictures(filled, uncached, tmp_path):
    """What is cached is not decoded: training goes on when the pixels cannot be read any more."""
    yaml = filled / "run.yaml"
    out = f"output_dir={tmp_path / 'out'}"
    same = [f"dataset.manifest_dir={filled / 'out' / 'manifest'}", "dataset.cache_text_encoder_outputs=off"]
    train(yaml, out, *same, "train.max_train_steps=2")
    train(yaml, out, *same, "--resume", "auto")
    assert losses(tmp_path / "out") == uncached
    for path in (filled / "pictures").glob("*.png"):
        status = path.stat()
        path.write_bytes(bytes(status.st_size))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    train(yaml, f"output_dir={tmp_path / 'blind'}", *same)
    assert losses(tmp_path / "blind") == uncached


def test_changed_and_moved_pictures(tmp_path, model):
    yaml = write_run(tmp_path, model)
    cache(yaml)
    records = check_cache(tmp_path, "latents", PICTURES)
    # One picture becomes another: it alone is encoded again, and --prune takes its old record out.
    picture = tmp_path / "pictures" / "000.png"
    Image.new("RGB", SIZES[0], (1, 2, 3)).save(picture)
    cache(yaml)
    assert sum(len(keys) for _, keys, _, _ in shards(tmp_path, "latents")) == records + 1
    assert "1 records that this run does not use" in cache(yaml, "--verify").stderr
    cache(yaml, "--prune")
    assert check_cache(tmp_path, "latents", PICTURES) == records
    # The same pictures elsewhere: they are recognised, nothing is encoded.
    (tmp_path / "pictures").rename(tmp_path / "moved")
    yaml.write_text(yaml.read_text().replace('"pictures"', '"moved"'))
    cache(yaml)
    assert sum(len(keys) for _, keys, _, _ in shards(tmp_path, "latents")) == records
    assert f"{PICTURES} of {PICTURES} pictures" in cache(yaml, "--verify").stderr


def test_flips_are_cached_both_ways(tmp_path, model):
    yaml = write_run(tmp_path, model, loader={"flip_aug": True, "max_data_loader_n_workers": 1})
    cache(yaml)
    assert check_cache(tmp_path, "latents", 2 * PICTURES) == 2 * PICTURES
    train(yaml)
    train(yaml, f"output_dir={tmp_path / 'uncached'}", "dataset.cache_latents=off")
    assert losses(tmp_path / "out") == losses(tmp_path / "uncached")


def test_damage_is_told_and_mended(tmp_path, model):
    yaml = write_run(tmp_path, model)
    cache(yaml)
    victim = sorted(tmp_path.glob("cache/latents-*/*/*.safetensors"))[0]
    with open(victim, "r+b") as file:
        file.seek(-5, os.SEEK_END)
        byte = file.read(1)
        file.seek(-5, os.SEEK_END)
        file.write(bytes([byte[0] ^ 4]))
    told = cache(yaml, "--verify", check=False)
    assert told.returncode == 3 and victim.name in told.stderr and "--prune" in told.stderr
    broken = train(yaml, "train.max_train_steps=null", "train.max_train_epochs=1", check=False)
    assert broken.returncode == 3 and victim.name in broken.stderr
    cache(yaml, "--verify", "--prune")
    cache(yaml)
    check_cache(tmp_path, "latents", PICTURES)


@pytest.mark.parametrize("dataset, train_options, named", [
    ({"cache_text_encoder_outputs": "disk", "captions": {"shuffle_caption": True}}, {}, "shuffle_caption"),
    ({"loader": {"random_crop": True}}, {}, "random_crop"),
    ({"cache_latents": "off"}, {}, "cache_latents"),
    ({"cache_text_encoder_outputs": "disk"}, {"network.network_train_unet_only": "false"}, "network_train_unet_only"),
    ({}, {"train.masked_loss": "true"}, "masked_loss"),
])
def test_what_cannot_be_cached_is_refused_by_name(tmp_path, model, dataset, train_options, named):
    yaml = write_run(tmp_path, model, **dataset)
    told = cache(yaml, *[f"{key}={value}" for key, value in train_options.items()], check=False)
    assert told.returncode == 2 and named in told.stderr, told.stderr


def test_a_picture_that_cannot_be_read_is_left_out_and_counted(tmp_path, model):
    yaml = write_run(tmp_path, model)
    broken = tmp_path / "pictures" / "003.png"
    broken.write_bytes(broken.read_bytes()[:-200])
    told = cache(yaml).stderr
    assert f"{PICTURES - 1} of {PICTURES} pictures, 1 could not be made" in told and "003.png" in told
    check_cache(tmp_path, "latents", PICTURES - 1)


def test_a_bad_picture_counts_once_though_it_is_wanted_both_ways_round(tmp_path, model):
    yaml = write_run(tmp_path, model, loader={"flip_aug": True, "max_bad_samples": 1, "max_data_loader_n_workers": 1})
    broken = tmp_path / "pictures" / "003.png"
    broken.write_bytes(broken.read_bytes()[:-200])
    told = cache(yaml).stderr
    assert f"{2 * PICTURES - 2} of {2 * PICTURES} pictures, 2 could not be made" in told
    assert told.count("not in the cache") == 1


def test_several_processes_speak_once_and_one_alone_verifies(tmp_path, model):
    yaml = write_run(tmp_path, model)
    assert cache(yaml, "--nproc-per-node", 2).stderr.count(" posts are used") == 1
    refused = cache(yaml, "--verify", "--nproc-per-node", 2, check=False)
    assert refused.returncode == 2 and "--nproc-per-node" in refused.stderr
