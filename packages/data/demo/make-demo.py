#!/usr/bin/env python3
"""Makes the demonstration images, plane/ and brain/, from volumes that ship in two Debian packages.

    apt-get download mricron-data insighttoolkit5-examples
    for deb in *.deb; do dpkg -x "$deb" volumes; done
    python3 -m venv venv && venv/bin/pip install numpy scipy nibabel pillow
    venv/bin/python make-demo.py volumes --sheet

Made with mricron-data 1.2.20211006+dfsg-4 and insighttoolkit5-examples 5.2.1-5+deb12u1. Every draw comes from a fixed seed, so
a second run writes the same pixels. `--sheet` also writes contact sheets (sheet-*.png) to look at; they are not committed.

A slice is sampled from its volume in millimetres: a square window of the plane, turned and shifted, seen through SUPERSAMPLE x
SUPERSAMPLE points per pixel (trilinear) that are averaged, which is the antialiasing.
"""

import argparse
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy
from PIL import Image, ImageDraw
from scipy import ndimage

HERE = Path(__file__).parent
SIDE = 80
SUPERSAMPLE = 3
SEED = 20
PLANE_WINDOW_MM = (130, 190)
PLANE_TURN = 45

# Image axes of each plane in patient axes (right, anterior, superior): the direction of columns, the direction of rows, and the
# axis that slices are stacked along. Columns run to the patient's left and rows downwards, as a radiologist hangs them.
PLANES = {
    "axial": (numpy.array([-1.0, 0, 0]), numpy.array([0, -1.0, 0]), 2),
    "coronal": (numpy.array([-1.0, 0, 0]), numpy.array([0, 0, -1.0]), 1),
    "sagittal": (numpy.array([0, -1.0, 0]), numpy.array([0, 0, -1.0]), 0),
}

# Where slices come from, as a fraction of the brain's extent. Validation slabs are contiguous, with a gap on either side from
# which nothing is taken. The two halves of a head are near mirror images, so sagittal fractions count from the middle outwards
# and each slab lies on both sides: otherwise a validation slice would have its mirror image among the training slices.
SLABS = {
    "train": [(0.06, 0.20), (0.38, 0.60), (0.78, 0.94)],
    "val": [(0.26, 0.32), (0.66, 0.72)],
    "test": [(0.08, 0.92)],
}
SAGITTAL_SLABS = {
    "train": [(0.0, 0.14), (0.34, 0.50), (0.72, 0.86)],
    "val": [(0.20, 0.28), (0.57, 0.65)],
    "test": [(0.0, 0.80)],
}


@dataclass
class Volume:
    """A head: intensities scaled to 0..255, a brain mask in 0..1, both on the same grid in RAS order."""

    subject: str
    values: numpy.ndarray
    mask: numpy.ndarray
    spacing_mm: numpy.ndarray
    # A macaque's brain is seen through a smaller window, so that it fills as much of the image as a person's.
    scale: float

    def brain_box_mm(self):
        """Low and high end of the brain along each axis, without tips whose cross-section is under an eighth of the largest."""
        spans = []
        for axis in range(3):
            others = tuple(a for a in range(3) if a != axis)
            area = self.mask.sum(axis=others)
            at = numpy.flatnonzero(area > area.max() / 8)
            spans.append((at[0] * self.spacing_mm[axis], at[-1] * self.spacing_mm[axis]))
        return numpy.array(spans)


def read(path):
    image = nibabel.as_closest_canonical(nibabel.load(path))
    return numpy.asarray(image.dataobj).astype(numpy.float32), numpy.array(image.header.get_zooms()[:3], dtype=float)


def brighten(values):
    top = numpy.percentile(values[values > 10], 99)
    return numpy.clip(values * (255 / top), 0, 255)


def load_volumes(root):
    mricron = root / "usr/share/mricron/templates"
    itk = root / "usr/share/doc/insighttoolkit5-examples/examples/Data"

    colin, colin_mm = read(mricron / "ch2.nii.gz")
    # ch2bet is ch2 after brain extraction: its support is the mask. It follows the sulci inwards and has stray voxels; the
    # other person's mask is smooth, so that the two agree on what a brain is only after closing over about 4 mm.
    support = read(mricron / "ch2bet.nii.gz")[0] > 0
    support = ndimage.label(support)[0] == 1
    ball = numpy.linalg.norm(numpy.indices((9, 9, 9)) - 4, axis=0) <= 4
    colin_mask = ndimage.binary_closing(numpy.pad(support, 8), ball)[8:-8, 8:-8, 8:-8]
    colin_mask = ndimage.binary_fill_holes(colin_mask)

    macaque, macaque_mm = read(mricron / "inia19-t1-brain.nii.gz")

    person, person_mm = read(itk / "KmeansTest_T1UCharRaw.nii.gz")
    # A label image of tissue classes inside the brain (4, 5, 6) and 0 outside, on the grid of the T1.
    person_mask = read(itk / "KmeansTest_T1RawSkullStrip.nii.gz")[0] > 0

    return {
        "colin27": Volume("colin27", brighten(colin), colin_mask, colin_mm, 1.0),
        "inia19": Volume("inia19", brighten(macaque), macaque > 20, macaque_mm, 1.7),
        "itk-t1": Volume("itk-t1", brighten(person), person_mask, person_mm, 1.0),
    }


def positions(volume, plane, split, count):
    """`count` slice positions in millimetres along the plane's axis, spread evenly over the split's slabs."""
    axis = PLANES[plane][2]
    low, high = volume.brain_box_mm()[axis]
    if plane == "sagittal":
        middle, half = (low + high) / 2, (high - low) / 2
        right = [(middle + half * a, middle + half * b) for a, b in SAGITTAL_SLABS[split]]
        left = [(middle - half * b, middle - half * a) for a, b in SAGITTAL_SLABS[split]]
        slabs = left[::-1] + right
    else:
        slabs = [(low + (high - low) * a, low + (high - low) * b) for a, b in SLABS[split]]
    total = sum(b - a for a, b in slabs)
    found = []
    for i in range(count):
        walk = (i + 0.5) / count * total
        for a, b in slabs:
            if walk <= b - a:
                found.append(a + walk)
                break
            walk -= b - a
    return found


def sample(volume, array, plane, position_mm, centre_mm, side_mm, degrees, mirror):
    """A SIDE x SIDE view of `array` as float, 0 outside the volume."""
    column, row, axis = PLANES[plane]
    n = SIDE * SUPERSAMPLE
    steps = ((numpy.arange(n) + 0.5) / n - 0.5) * side_mm / volume.scale
    u, v = numpy.meshgrid(steps, steps)
    if mirror:
        u = -u
    angle = numpy.radians(degrees)
    u, v = u * numpy.cos(angle) - v * numpy.sin(angle), u * numpy.sin(angle) + v * numpy.cos(angle)
    points = centre_mm[:, None, None] + column[:, None, None] * u + row[:, None, None] * v
    points[axis] = position_mm
    grid = points / volume.spacing_mm[:, None, None]
    fine = ndimage.map_coordinates(array, grid, order=1, mode="constant", cval=0)
    return fine.reshape(SIDE, SUPERSAMPLE, SIDE, SUPERSAMPLE).mean(axis=(1, 3))


def grey(values):
    return Image.fromarray(numpy.clip(numpy.rint(values), 0, 255).astype(numpy.uint8), "L")


def write_index(folder, name, task, samples):
    head = json.dumps({"name": name, "version": 1, "task": task})[:-1]
    rows = ",\n".join("  " + json.dumps(s) for s in samples)
    (folder / "index.json").write_text(f'{head}, "samples": [\n{rows}\n]}}\n')


def fresh(folder):
    for split in SLABS:
        shutil.rmtree(folder / split, ignore_errors=True)
        (folder / split).mkdir(parents=True)


def make_plane(volumes, rng):
    """Which plane does a slice show? Parts of heads, turned and mirrored at random, so that neither the upright pose nor the
    outline of the whole head gives it away."""
    folder = HERE / "plane"
    fresh(folder)
    samples = []
    counts = [("train", "colin27", 28), ("train", "inia19", 10), ("val", "colin27", 12), ("val", "inia19", 4), ("test", "itk-t1", 32)]
    for split, subject, count in counts:
        volume = volumes[subject]
        box = volume.brain_box_mm()
        for label, plane in enumerate(PLANES):
            for i, position in enumerate(positions(volume, plane, split, count)):
                # A window mostly on air shows nothing to recognise: draw again, and settle for the fullest near a brain's tip.
                best, best_share = None, -1.0
                for _ in range(30):
                    side = rng.uniform(*PLANE_WINDOW_MM)
                    shift = rng.uniform(-0.22, 0.22, size=3) * (box[:, 1] - box[:, 0])
                    view = sample(volume, volume.values, plane, position, box.mean(axis=1) + shift, side,
                                  rng.uniform(-PLANE_TURN, PLANE_TURN), rng.random() < 0.5)
                    share = (view > 25).mean()
                    if share > best_share:
                        best, best_share = view, share
                    if share > 0.4:
                        break
                file = f"{split}/{subject}-{plane}-{i:02d}.png"
                grey(best).save(folder / file, optimize=True)
                samples.append({"image": file, "label": label, "split": split, "subject": subject, "plane": plane,
                                "positionMm": round(float(position), 1)})
    write_index(folder, "plane", {"kind": "multiclass", "classes": list(PLANES)}, samples)
    return samples


def make_brain(volumes, rng):
    """Which pixels are brain? Whole heads, slightly turned and shifted, with the mask seen through the same window."""
    folder = HERE / "brain"
    fresh(folder)
    samples = []
    for split, subject, count in [("train", "colin27", 20), ("val", "colin27", 8), ("test", "itk-t1", 16)]:
        volume = volumes[subject]
        box = volume.brain_box_mm()
        for plane in PLANES:
            for i, position in enumerate(positions(volume, plane, split, count)):
                centre = box.mean(axis=1) + rng.uniform(-8, 8, size=3)
                window = (plane, position, centre, rng.uniform(190, 230), rng.uniform(-10, 10), False)
                view = sample(volume, volume.values, *window)
                mask = sample(volume, volume.mask.astype(numpy.float32), *window) >= 0.5
                stem = f"{split}/{subject}-{plane}-{i:02d}"
                grey(view).save(folder / f"{stem}.png", optimize=True)
                grey(mask * 255.0).save(folder / f"{stem}-mask.png", optimize=True)
                samples.append({"image": f"{stem}.png", "mask": f"{stem}-mask.png", "split": split, "subject": subject,
                                "plane": plane, "positionMm": round(float(position), 1)})
    write_index(folder, "brain", {"kind": "mask", "classes": ["brain"]}, samples)
    return samples


def sheet(name, samples, columns):
    rows = -(-len(samples) // columns)
    out = Image.new("RGB", (columns * (SIDE + 4), rows * (SIDE + 14)), (30, 30, 60))
    draw = ImageDraw.Draw(out)
    for i, s in enumerate(samples):
        x, y = i % columns * (SIDE + 4), i // columns * (SIDE + 14)
        view = numpy.array(Image.open(HERE / name / s["image"]).convert("RGB"))
        if "mask" in s:
            mask = numpy.array(Image.open(HERE / name / s["mask"])) > 0
            view[mask ^ ndimage.binary_erosion(mask)] = (255, 40, 40)
        out.paste(Image.fromarray(view), (x, y + 11))
        draw.text((x + 1, y), f"{s['split'][:2]} {s['subject'][:3]} {s['plane'][:3]} {s['positionMm']:.0f}", fill=(255, 255, 0))
    out.save(HERE / f"sheet-{name}.png")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("volumes", type=Path, help="the folder that both packages were unpacked into")
    parser.add_argument("--sheet", action="store_true", help="also write contact sheets")
    options = parser.parse_args()
    volumes = load_volumes(options.volumes)
    plane = make_plane(volumes, numpy.random.default_rng(SEED))
    brain = make_brain(volumes, numpy.random.default_rng(SEED + 1))
    if options.sheet:
        sheet("plane", plane, 16)
        sheet("brain", brain, 16)
    size = sum(f.stat().st_size for d in ("plane", "brain") for f in (HERE / d).rglob("*.png"))
    print(f"{len(plane)} plane images, {len(brain)} brain pairs, {size / 1e6:.2f} MB of PNG")


if __name__ == "__main__":
    main()
