#!/usr/bin/env python3
"""Makes pillow.json: what Pillow makes of small images, for the tests of resizing, rotation and PNG reading.

    python3 -m venv venv && venv/bin/pip install pillow==10.4.0 numpy
    venv/bin/python make-fixtures.py

Pillow 13 may resize along columns before rows where that is less work, which moves some bytes by one; published results rest on
versions that always go along rows first, as this one does.

Inputs are the formula in `pattern`, which the tests compute as well, so that only results are stored (base64 of raw bytes).
The fixtures are this project's own work, under its licence.
"""

import base64
import io
import json
from pathlib import Path

import numpy
import PIL
from PIL import Image


def pattern(width, height, channels):
    """A mix of edges, gradients and noise: ((37 x + 91 y + 53 c + 7 x y) mod 256), with every fifth column 255 and every seventh row 0."""
    y, x, c = numpy.meshgrid(numpy.arange(height), numpy.arange(width), numpy.arange(channels), indexing="ij")
    v = (37 * x + 91 * y + 53 * c + 7 * x * y) % 256
    v[x % 5 == 4] = 255
    v[y % 7 == 6] = 0
    return v.astype(numpy.uint8)


def text(data):
    return base64.b64encode(bytes(data)).decode()


def rgb(width, height):
    return Image.fromarray(pattern(width, height, 3), "RGB")


def mask(width, height):
    return Image.fromarray((pattern(width, height, 1)[:, :, 0] >= 128).astype(numpy.uint8), "L")


def resizes():
    sizes = [(19, 13, 7, 5), (19, 13, 40, 31), (19, 13, 19, 6), (19, 13, 8, 13), (19, 13, 1, 1), (19, 13, 19, 13), (1, 1, 4, 3),
             (80, 80, 64, 64), (61, 57, 64, 64), (3, 50, 5, 9), (50, 3, 2, 2)]
    for w, h, to_w, to_h in sizes:
        yield {"from": [w, h], "to": [to_w, to_h],
               "bilinear": text(rgb(w, h).resize((to_w, to_h), Image.Resampling.BILINEAR).tobytes()),
               "nearest": text(mask(w, h).resize((to_w, to_h), Image.Resampling.NEAREST).tobytes())}


def rotations():
    for w, h, degrees in [(19, 13, 7), (19, 13, -7), (19, 13, 0.5), (20, 20, -3.3), (20, 20, 5.21), (20, 20, 0), (31, 16, 45), (13, 40, -120.5)]:
        yield {"size": [w, h], "degrees": degrees, "image": text(rgb(w, h).rotate(degrees, Image.Resampling.NEAREST).tobytes()),
               "mask": text(mask(w, h).rotate(degrees, Image.Resampling.NEAREST).tobytes())}


def pngs():
    grey = Image.fromarray(pattern(13, 9, 1)[:, :, 0], "L")
    kinds = {
        "grey 8": (grey, {}),
        "RGB 8": (rgb(13, 9), {}),
        "grey with alpha": (Image.fromarray(pattern(13, 9, 2), "LA"), {}),
        "RGB with alpha": (Image.fromarray(pattern(13, 9, 4), "RGBA"), {}),
        "grey 1": (grey.convert("1", dither=Image.Dither.NONE), {}),
        "palette 8": (rgb(13, 9).quantize(200), {}),
        "palette 4": (rgb(13, 9).quantize(11), {"bits": 4}),
        "palette 2": (rgb(13, 9).quantize(4), {"bits": 2}),
        "palette 1": (rgb(13, 9).quantize(2), {"bits": 1}),
    }
    for name, (image, options) in kinds.items():
        out = io.BytesIO()
        image.save(out, "png", **options)
        yield {"name": name, "size": list(image.size), "png": text(out.getvalue()), "rgb": text(image.convert("RGB").tobytes())}


def main():
    out = {"pillow": PIL.__version__, "resizes": list(resizes()), "rotations": list(rotations()), "pngs": list(pngs())}
    (Path(__file__).parent / "pillow.json").write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
