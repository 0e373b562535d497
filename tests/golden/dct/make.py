"""Writes dct.safetensors: block DCT coefficients in YCbCr by scipy and PIL's colour matrix, in fp64.

Run with the interpreter of requirements-test.txt: `python tests/golden/dct/make.py`.
"""

import pathlib

import numpy as np
import torch
from safetensors.torch import save_file
from scipy.fft import dctn, idctn

# JFIF 1.02, the figures of the standard's text.
TO_YCBCR = np.array([
    [0.299, 0.587, 0.114],
    [-0.168735891647856, -0.331264108352144, 0.5],
    [0.5, -0.418687589158345, -0.081312410841655],
])
TAKEN = [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 2, 0), (0, 1, 1), (0, 0, 2), (1, 0, 0), (2, 0, 0)]  # colour, v, u


def blocks_of(pixels):
    """[B, 3, H, W] -> [B, 3, H/8, W/8, 8, 8]"""
    b, c, h, w = pixels.shape
    return pixels.reshape(b, c, h // 8, 8, w // 8, 8).transpose(0, 1, 2, 4, 3, 5)


def pixels_of(blocks):
    b, c, h, w, _, _ = blocks.shape
    return blocks.transpose(0, 1, 2, 4, 3, 5).reshape(b, c, h * 8, w * 8)


def make():
    pixels = np.random.default_rng(3).uniform(-1, 1, (1, 3, 16, 24))
    ycbcr = np.einsum("ij,bjhw->bihw", TO_YCBCR, pixels)
    spectrum = dctn(blocks_of(ycbcr), axes=(-2, -1), norm="ortho")
    coefficients = np.stack([spectrum[:, c, :, :, v, u] for c, v, u in TAKEN], axis=1)
    kept = np.zeros_like(spectrum)
    for c, v, u in TAKEN:
        kept[:, c, :, :, v, u] = spectrum[:, c, :, :, v, u]
    smooth = pixels_of(idctn(kept, axes=(-2, -1), norm="ortho"))
    lowpass = np.einsum("ij,bjhw->bihw", np.linalg.inv(TO_YCBCR), smooth)
    arrays = dict(pixels=pixels, coefficients=coefficients, lowpass=lowpass)
    return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in arrays.items()}


if __name__ == "__main__":
    save_file(make(), pathlib.Path(__file__).with_name("dct.safetensors"))
