"""PyTorch on the work of a benchmark, in a process of its own: requests on standard input, as peers/protocol.ts describes them.

    python3 torch_peer.py [--device cpu|cuda] [--threads 2]

float32 without TF32 unless the work's mode says so ("tf32", or "amp": float16 with a loss scale). Images are channels_last. On
CUDA times come from device events.
"""
import argparse
import contextlib
import json
import math
import os
import re
import sys
import time
import traceback

import torch
from torch import nn
from torch.nn import functional as F

parser = argparse.ArgumentParser()
parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
parser.add_argument("--threads", type=int, default=2)
args = parser.parse_args()
cuda = args.device == "cuda"
device = torch.device(args.device)
torch.set_num_threads(args.threads)
torch.backends.cudnn.benchmark = True
fused = {"fused": True} if cuda else {}


class Unsupported(Exception):
    pass


# The same values as peers/values.ts.

def hash_string(text):
    value = 0x811C9DC5
    for unit in text.encode("utf-16-le"):
        value = ((value ^ unit) * 0x01000193) & 0xFFFFFFFF
    return value


def mix32(counter):
    # Products of 32-bit numbers wrap at 64 bits, which leaves their low 32 as they should be.
    z = (counter + 0x9E3779B9) & 0xFFFFFFFF
    z = ((z ^ (z >> 16)) * 0x21F0AAAD) & 0xFFFFFFFF
    z = ((z ^ (z >> 15)) * 0x735A2D97) & 0xFFFFFFFF
    return z ^ (z >> 15)


def draws(name, count):
    return mix32((torch.arange(count, dtype=torch.int64) + hash_string(name)) & 0xFFFFFFFF)


def values(name, shape, bound=1.0):
    return ((draws(name, math.prod(shape)).double() / 2**31 - 1) * bound).float().reshape(shape).to(device)


def integers(name, shape, most):
    return (draws(name, math.prod(shape)) % most).reshape(shape).to(device)


def first(x):
    """[N, H, W, C] as [N, C, H, W] in the same memory, which is channels_last."""
    return x.permute(0, 3, 1, 2)


def probe_of(result):
    flat = result.detach().float().reshape(-1)
    count = min(256, flat.numel())
    length = flat.numel() // count
    at = [i * length + 31 * i % length for i in range(count)]
    return flat[torch.tensor(at, device=flat.device)].tolist()


class Bottleneck(nn.Module):
    def __init__(self, inputs, planes, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, planes, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv3, self.bn3 = nn.Conv2d(planes, 4 * planes, 1, bias=False), nn.BatchNorm2d(4 * planes)
        self.downsample = None
        if stride != 1 or inputs != 4 * planes:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, 4 * planes, 1, stride, bias=False), nn.BatchNorm2d(4 * planes))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        return F.relu(self.bn3(self.conv3(y)) + (self.downsample(x) if self.downsample else x), inplace=True)


class ResNet50(nn.Module):
    def __init__(self, classes=None):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        inputs = 64
        for i, blocks in enumerate((3, 4, 6, 3)):
            planes = 64 << i
            stage = [Bottleneck(inputs if b == 0 else 4 * planes, planes, 2 if i > 0 and b == 0 else 1) for b in range(blocks)]
            self.add_module(f"layer{i + 1}", nn.Sequential(*stage))
            inputs = 4 * planes
        self.fc = nn.Linear(inputs, classes) if classes else None

    def features(self, x):
        out = [F.relu(self.bn1(self.conv1(x)), inplace=True)]
        y = F.max_pool2d(out[0], 3, 2, 1)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            y = stage(y)
            out.append(y)
        return out

    def forward(self, x):
        return self.fc(self.features(x)[-1].mean((2, 3)))


def conv_norm_relu(inputs, outputs):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(True))


class DecoderBlock(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv1, self.conv2 = conv_norm_relu(inputs, outputs), conv_norm_relu(outputs, outputs)

    def forward(self, x):
        return self.conv2(self.conv1(x))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = ResNet50()
        self.decoder = nn.Module()
        self.decoder.blocks = nn.ModuleList(DecoderBlock(i, o) for i, o in [(3072, 256), (768, 128), (384, 64), (128, 32), (32, 16)])
        self.segmentation_head = nn.Sequential(nn.Conv2d(16, 1, 3, padding=1))

    def forward(self, x):
        *skips, y = self.encoder.features(x)
        for block, skip in zip(self.decoder.blocks, [*reversed(skips), None]):
            y = F.interpolate(y, scale_factor=2, mode="nearest")
            y = block(y if skip is None else torch.cat([y, skip], 1))
        return self.segmentation_head(y)


def model_of(name):
    model = {"resnet50": lambda: ResNet50(10), "unet": UNet}[name]()
    with torch.no_grad():
        for path, p in model.named_parameters():
            if p.dim() == 1:
                p.fill_(1.0 if path.endswith(".weight") else 0.0)
            elif p.dim() == 2:
                p.copy_(values(path, list(p.shape), math.sqrt(6 / p.shape[1])))
            else:
                k, c, r, s = p.shape
                p.copy_(first(values(path, [k, r, s, c], math.sqrt(6 / (c * r * s)))))
    return model.to(device).to(memory_format=torch.channels_last)


# Each prepares work and gives a dict: run, and optionally probe, losses, parameters.

def conv(w):
    n, side, c, k, r, stride, padding, result = (w[key] for key in ("batch", "side", "inputs", "outputs", "kernel", "stride", "padding", "result"))
    x, filters = first(values("x", [n, side, side, c])), first(values("w", [k, r, r, c]))
    dy = first(values("dy", [n, result, result, k]))

    def backward(mask):
        return torch.ops.aten.convolution_backward(dy, x, filters, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1, mask)

    run = {
        "forward": lambda: F.conv2d(x, filters, stride=stride, padding=padding),
        "dgrad": lambda: backward([True, False, False])[0],
        "wgrad": lambda: backward([False, True, False])[1],
    }[w["direction"]]
    return {"run": run, "probe": lambda: probe_of(run().permute(0, 2, 3, 1))}


def matmul(w):
    a, b = values("a", [w["n"]] * 2), values("b", [w["n"]] * 2)
    return {"run": lambda: a @ b, "probe": lambda: probe_of(a @ b)}


def batch_norm(w):
    shape = [w["batch"], w["side"], w["side"], w["channels"]]
    x, dy = first(values("x", shape)).requires_grad_(True), first(values("dy", shape))
    norm = nn.BatchNorm2d(w["channels"]).to(device)
    with torch.no_grad():
        norm.weight.copy_(values("weight", [w["channels"]]))
        norm.bias.copy_(values("bias", [w["channels"]]))

    def run():
        x.grad = None
        norm.zero_grad(set_to_none=True)
        F.relu(norm(x)).backward(dy)

    def probe():
        run()
        return probe_of(x.grad.permute(0, 2, 3, 1))

    return {"run": run, "probe": probe}


def adam(w):
    parameters = [values(f"parameter {i}", [w["elements"]]).requires_grad_(True) for i in range(w["pieces"])]
    for i, p in enumerate(parameters):
        p.grad = values(f"gradient {i}", [w["elements"]])
    return {"run": torch.optim.Adam(parameters, lr=1e-4, **fused).step}


def train(w):
    mode = w.get("mode", "fp32")
    if mode != "fp32" and not cuda:
        raise Unsupported(f"{mode} needs CUDA")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = mode == "tf32"
    model = model_of(w["model"]).train()
    n, size = w["batch"], w["size"]
    x = first(values("images", [n, size, size, 3], 1.7))
    if w["model"] == "resnet50":
        target, loss_of = integers("labels", [n], 10), F.cross_entropy
    else:
        target, loss_of = first(integers("masks", [n, size, size, 1], 2).float()), F.binary_cross_entropy_with_logits
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, **fused)
    scaler = torch.amp.GradScaler("cuda", enabled=mode == "amp") if cuda else None
    kept, losses = [], []

    def run():
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", dtype=torch.float16) if mode == "amp" else contextlib.nullcontext():
            loss = loss_of(model(x), target)
        kept.append(loss.detach())
        if scaler:
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        else:
            loss.backward()
            optimizer.step()

    def read():
        losses.extend(float(v) for v in kept)
        kept.clear()
        return losses

    return {"run": run, "losses": read, "parameters": sum(p.numel() for p in model.parameters())}


def infer(w):
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    model = model_of(w["model"]).eval()
    x = first(values("images", [w["batch"], w["size"], w["size"], 3], 1.7))

    def run():
        with torch.no_grad():
            return model(x)

    return {"run": run, "probe": lambda: probe_of(run())}


prepare = {"conv": conv, "matmul": matmul, "batch-norm": batch_norm, "adam": adam, "train": train, "infer": infer}


def milliseconds(run, units):
    if cuda:
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda.synchronize()
        start.record()
        for _ in range(units):
            run()
        end.record()
        torch.cuda.synchronize()
        return start.elapsed_time(end) / units
    start = time.perf_counter()
    for _ in range(units):
        run()
    return (time.perf_counter() - start) * 1e3 / units


def memory():
    try:
        status = open("/proc/self/status").read()
        size = {name: 1024 * int(re.search(rf"{name}:\s*(\d+) kB", status)[1]) for name in ("VmRSS", "VmHWM")}
        return {"rss": size["VmRSS"], "peak": size["VmHWM"]}
    except OSError:
        return {"rss": 0, "peak": None}


def send(message):
    sys.stdout.write("\x1e" + json.dumps(message) + "\n")
    sys.stdout.flush()


def main():
    backend = torch.cuda.get_device_name() if cuda else f"CPU, {torch.get_num_threads()} threads"
    policy = os.environ.get("OMP_WAIT_POLICY")
    send({"hello": {"version": torch.__version__, "backend": backend, "toggles": [f"OMP_WAIT_POLICY={policy}"] if policy else []}})
    key, current = None, None
    for line in sys.stdin:
        request = json.loads(line)
        work, units = request["work"], request["units"]
        try:
            ended, answer = None, {}
            if key != json.dumps([work, units]):
                key, current = None, None
                if work["kind"] not in prepare:
                    raise Unsupported("no " + work["kind"])
                current = prepare[work["kind"]](work)
                current["run"]()
                if cuda:
                    torch.cuda.synchronize()
                key, ended = json.dumps([work, units]), int(time.time() * 1e3)
            samples, cpu = [], None
            if request["budgetSeconds"] > 0:
                for _ in range(request["warmUp"] - (ended is not None)):
                    milliseconds(current["run"], units)
                end = time.perf_counter() + request["budgetSeconds"]
                before = time.process_time()
                while len(samples) < request["minSamples"] or (time.perf_counter() < end and len(samples) < 10000):
                    samples.append(milliseconds(current["run"], units))
                cpu = (time.process_time() - before) * 1e3 / len(samples) / units
            if "probe" in current and ended is not None:
                answer["probe"] = current["probe"]()
            if "losses" in current:
                answer["losses"] = current["losses"]()
            if "parameters" in current:
                answer["parameters"] = current["parameters"]
            send({"id": request["id"], "samples": samples, "cpuMs": cpu, "memory": memory(), "firstEndedAt": ended, **answer})
        except Unsupported as why:
            send({"id": request["id"], "unsupported": str(why)})
        except Exception:
            key, current = None, None
            send({"id": request["id"], "error": traceback.format_exc()[-2000:]})


main()
