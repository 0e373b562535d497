"""Small ICC profiles by hand (ICC.1:2001-04), for tests of colour management."""

import struct


def _fixed(value):
    return struct.pack(">i", round(value * 65536))


def _xyz(values):
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, values))


def _profile(kind, space, connection, tags):
    offset, table, data = 128 + 4 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for tag, value in tags.items():
        table += tag + struct.pack(">II", offset + len(data), len(value))
        data += value + b"\0" * (-len(value) % 4)
    header = struct.pack(">I4sI4s4s4s", offset + len(data), b"\0\0\0\0", 0x02400000, kind, space, connection)
    header += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28
    header += _fixed(0.9642) + _fixed(1.0) + _fixed(0.8249)
    return header.ljust(128, b"\0") + table + data


def _named(name):
    text = name.encode()
    return {b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(text) + 1) + text + b"\0" + b"\0" * 78,
            b"cprt": b"text\0\0\0\0none\0", b"wtpt": _xyz((0.9642, 1.0, 0.8249))}


def _gamma(value):
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256)) + b"\0\0"


def _curve(function, points=1024):
    values = [round(65535 * function(i / (points - 1))) for i in range(points)]
    return b"curv\0\0\0\0" + struct.pack(f">I{points}H", points, *values)


def _srgb_to_linear(v):
    return v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4


def _rgb_profile(name, columns, curve):
    tags = {colour + b"XYZ": _xyz(column) for colour, column in zip((b"r", b"g", b"b"), columns, strict=True)}
    return _profile(b"mntr", b"RGB ", b"XYZ ", _named(name) | tags | {c + b"TRC": curve for c in (b"r", b"g", b"b")})


def adobe_rgb():
    """Adobe RGB (1998): its primaries seen under D50, gamma 563/256."""
    columns = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
    return _rgb_profile("Adobe RGB", columns, _gamma(563 / 256))


def display_p3():
    """Display P3: DCI-P3's primaries under D65 adapted to D50, sRGB's curve."""
    columns = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
    return _rgb_profile("Display P3", columns, _curve(_srgb_to_linear))


def srgb():
    """sRGB as a matrix profile: what most embedded profiles are."""
    columns = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
    return _rgb_profile("sRGB", columns, _curve(_srgb_to_linear))


def grey_gamma(gamma):
    return _profile(b"mntr", b"GRAY", b"XYZ ", _named(f"grey {gamma}") | {b"kTRC": _gamma(gamma)})


def _lab_of_linear_srgb(rgb):
    matrix = ((0.43607, 0.38515, 0.14307), (0.22249, 0.71687, 0.06061), (0.01392, 0.09708, 0.71410))
    white = (0.96429, 0.99997, 0.82510)
    x, y, z = (sum(m * c for m, c in zip(row, rgb, strict=True)) / w for row, w in zip(matrix, white, strict=True))
    x, y, z = (t ** (1 / 3) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116 for t in (x, y, z))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def four_inks():
    """CMYK to Lab through a table of 2 x 2 x 2 x 2 corners: each ink lets through a share of red, green and blue."""
    shares = ((0.05, 0.4, 0.8), (0.75, 0.05, 0.3), (0.9, 0.8, 0.05), (0.02, 0.02, 0.02))
    table = b""
    for corner in range(16):
        rgb = [1.0, 1.0, 1.0]
        for ink, share in enumerate(shares):
            if corner >> (3 - ink) & 1:
                rgb = [value * s for value, s in zip(rgb, share, strict=True)]
        lightness, a, b = _lab_of_linear_srgb(rgb)
        table += bytes([round(lightness * 2.55), round(a) + 128, round(b) + 128])
    identity = bytes(range(256))
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + b"".join(_fixed(v) for v in (1, 0, 0, 0, 1, 0, 0, 0, 1))
    lut += identity * 4 + table + identity * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", _named("four inks") | {b"A2B0": lut})
