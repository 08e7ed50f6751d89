"""What PyTorch reaches on the CPU with two threads, on the work of one benchmark. Prints one JSON object of numbers.

    python3 torch_peer.py conv|matmul|batch-norm|adam|resnet50|unet [--batch 4] [--size 64] [--budget 1]

Each figure is the median over repetitions within the budget (seconds), after two that warm up. float32 throughout.
GFLOP counts: matrix product 2 M N K; convolution 2 N P Q K C R S for each of forward, dgrad, wgrad.
"""
import argparse
import json
import math
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F

parser = argparse.ArgumentParser()
parser.add_argument("work")
parser.add_argument("--batch", type=int, default=4)
parser.add_argument("--size", type=int, default=64)
parser.add_argument("--budget", type=float, default=1.0)
args = parser.parse_args()
torch.set_num_threads(2)
torch.manual_seed(0)


def milliseconds(work):
    for _ in range(2):
        work()
    times = []
    end = time.perf_counter() + args.budget
    while len(times) < 5 or (time.perf_counter() < end and len(times) < 1000):
        start = time.perf_counter()
        work()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def images(channels, side, batch=None):
    return torch.randn(batch or args.batch, channels, side, side).to(memory_format=torch.channels_last)


# inputs, outputs, kernel, stride, side at 224 pixels
SHAPES = [
    (3, 64, 7, 2, 224), (64, 64, 1, 1, 56), (64, 64, 3, 1, 56), (64, 256, 1, 1, 56), (256, 64, 1, 1, 56), (256, 128, 1, 1, 56),
    (128, 128, 3, 2, 56), (128, 512, 1, 1, 28), (256, 512, 1, 2, 56), (512, 128, 1, 1, 28), (128, 128, 3, 1, 28), (512, 256, 1, 1, 28),
    (256, 256, 3, 2, 28), (256, 1024, 1, 1, 14), (512, 1024, 1, 2, 28), (1024, 256, 1, 1, 14), (256, 256, 3, 1, 14),
    (1024, 512, 1, 1, 14), (512, 512, 3, 2, 14), (512, 2048, 1, 1, 7), (1024, 2048, 1, 2, 14), (2048, 512, 1, 1, 7), (512, 512, 3, 1, 7),
]


def conv():
    rates = {"forward": [], "dgrad": [], "wgrad": []}
    for inputs, outputs, kernel, stride, side in SHAPES:
        side, padding = max(kernel, side * args.size // 224), kernel // 2
        x = images(inputs, side)
        w = torch.randn(outputs, inputs, kernel, kernel).to(memory_format=torch.channels_last)
        y = F.conv2d(x, w, stride=stride, padding=padding)
        dy = torch.randn_like(y)
        gflop = 2 * y.numel() * inputs * kernel * kernel / 1e9

        def backward(mask):
            torch.ops.aten.convolution_backward(dy, x, w, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1, mask)

        for name, work in [
            ("forward", lambda: F.conv2d(x, w, stride=stride, padding=padding)),
            ("dgrad", lambda: backward([True, False, False])),
            ("wgrad", lambda: backward([False, True, False])),
        ]:
            rates[name].append(gflop / milliseconds(work) * 1e3)
    return {name: statistics.geometric_mean(values) for name, values in rates.items()}


def matmul():
    out = {}
    for n in (512, 1024):
        a, b = torch.randn(n, n), torch.randn(n, n)
        out[str(n)] = 2 * n**3 / milliseconds(lambda: a @ b) / 1e6
    return out


def batch_norm():
    out = {}
    for channels, side in ((256, 56), (64, 112)):
        side = side * args.size // 224
        x = images(channels, side).requires_grad_(True)
        norm, dy = nn.BatchNorm2d(channels), images(channels, side)

        def step():
            x.grad = None
            norm.zero_grad(set_to_none=True)
            F.relu(norm(x)).backward(dy)

        out[f"{side}x{side}x{channels}"] = milliseconds(step)
    return out


def adam():
    parameters = [torch.randn(25_557_032 // 16, requires_grad=True) for _ in range(16)]
    for p in parameters:
        p.grad = torch.randn_like(p)
    return {"ms": milliseconds(torch.optim.Adam(parameters, lr=1e-4).step)}


class Bottleneck(nn.Module):
    def __init__(self, inputs, planes, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, planes, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv3, self.bn3 = nn.Conv2d(planes, 4 * planes, 1, bias=False), nn.BatchNorm2d(4 * planes)
        self.project = None
        if stride != 1 or inputs != 4 * planes:
            self.project = nn.Sequential(nn.Conv2d(inputs, 4 * planes, 1, stride, bias=False), nn.BatchNorm2d(4 * planes))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        return F.relu(self.bn3(self.conv3(y)) + (self.project(x) if self.project else x), inplace=True)


class ResNet50(nn.Module):
    def __init__(self, classes=None):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.stages = nn.ModuleList()
        inputs = 64
        for i, blocks in enumerate((3, 4, 6, 3)):
            planes = 64 << i
            stage = [Bottleneck(inputs if b == 0 else 4 * planes, planes, 2 if i > 0 and b == 0 else 1) for b in range(blocks)]
            self.stages.append(nn.Sequential(*stage))
            inputs = 4 * planes
        self.fc = nn.Linear(inputs, classes) if classes else None

    def features(self, x):
        out = [F.relu(self.bn1(self.conv1(x)), inplace=True)]
        y = F.max_pool2d(out[0], 3, 2, 1)
        for stage in self.stages:
            y = stage(y)
            out.append(y)
        return out

    def forward(self, x):
        return self.fc(self.features(x)[-1].mean((2, 3)))


def conv_norm_relu(inputs, outputs):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(True))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = ResNet50()
        widths = [(3072, 256), (768, 128), (384, 64), (128, 32), (32, 16)]
        self.blocks = nn.ModuleList(nn.Sequential(conv_norm_relu(i, o), conv_norm_relu(o, o)) for i, o in widths)
        self.head = nn.Conv2d(16, 1, 3, padding=1)

    def forward(self, x):
        *skips, y = self.encoder.features(x)
        for block, skip in zip(self.blocks, [*reversed(skips), None]):
            y = F.interpolate(y, scale_factor=2, mode="nearest")
            y = block(y if skip is None else torch.cat([y, skip], 1))
        return self.head(y)


def training(model, x, loss_of):
    model = model.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss_of(model(x)).backward()
        optimizer.step()

    parameters = sum(p.numel() for p in model.parameters())
    ms = milliseconds(step)
    return {"ms": ms, "imagesPerSecond": 1e3 * len(x) / ms, "parameters": parameters}


def resnet50():
    target = torch.randint(0, 10, (args.batch,))
    return training(ResNet50(10), images(3, args.size), lambda y: F.cross_entropy(y, target))


def unet():
    target = (torch.rand(args.batch, 1, args.size, args.size) > 0.5).float()
    return training(UNet(), images(3, args.size), lambda y: F.binary_cross_entropy_with_logits(y, target))


work = {"conv": conv, "matmul": matmul, "batch-norm": batch_norm, "adam": adam, "resnet50": resnet50, "unet": unet}
result = work[args.work]()
assert all(math.isfinite(v) for v in result.values()), result
print(json.dumps(result))
