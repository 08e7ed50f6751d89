"""Writes one ResNet-50 (a safetensors file with torchvision's names) in seven other containers, by their own frameworks.

    python write_containers.py torch IN.safetensors FOLDER     PyTorch zip, legacy and tar
    python write_containers.py tf    IN.safetensors FOLDER     TensorFlow bundle (SimCLR's names), Haiku pickle (BYOL's), npz

`verify_containers.ts` then converts each and compares the tensors bit for bit.
"""

import collections
import json
import pathlib
import struct
import sys
import tempfile

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "fixtures"))

mode, source, folder = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
raw = source.read_bytes()
size = struct.unpack("<Q", raw[:8])[0]
header = json.loads(raw[8 : 8 + size])
header.pop("__metadata__", None)
STATE = collections.OrderedDict()
for name, entry in header.items():
    begin, end = entry["data_offsets"]
    STATE[name] = np.frombuffer(raw[8 + size + begin : 8 + size + end], {"F32": "<f4", "I64": "<i8"}[entry["dtype"]]).reshape(entry["shape"])
FLOATS = {k: v for k, v in STATE.items() if v.dtype == np.float32}

if mode == "torch":
    import torch
    from torch_tar import write_tar

    state = collections.OrderedDict((k, torch.from_numpy(v.copy())) for k, v in STATE.items())
    torch.save(state, folder / "zip.pth")
    torch.save({"state_dict": state}, folder / "legacy.pth", _use_new_zipfile_serialization=False)
    floats = collections.OrderedDict((k, v) for k, v in state.items() if v.dtype == torch.float32)
    write_tar(floats, folder / "tar.pth")
else:
    import dill
    import tensorflow as tf

    from micro_resnet import graph_order, haiku_path, reversed_layout

    np.savez(folder / "arrays.npz", **STATE)
    fields = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}
    variables = {"head_supervised/linear_layer/dense/kernel": reversed_layout(FLOATS["fc.weight"]), "head_supervised/linear_layer/dense/bias": FLOATS["fc.bias"], "global_step": np.int64(1)}
    for k, (conv, bn) in enumerate(graph_order()):
        suffix = f"_{k}" if k else ""
        variables[f"base_model/conv2d{suffix}/kernel"] = reversed_layout(FLOATS[f"{conv}.weight"])
        for ours, theirs in fields.items():
            variables[f"base_model/batch_normalization{suffix}/{theirs}"] = FLOATS[f"{bn}.{ours}"]
    names = list(variables)
    tf.raw_ops.SaveV2(prefix=str(folder / "model.ckpt-1"), tensor_names=names, shape_and_slices=[""] * len(names), tensors=[tf.constant(variables[n]) for n in names])

    params, state = {"classifier": {"w": reversed_layout(FLOATS["fc.weight"]), "b": FLOATS["fc.bias"]}}, {}
    for name, value in FLOATS.items():
        field = name.split(".")[-1]
        if name.startswith("fc."):
            continue
        if value.ndim == 4:
            params[haiku_path(name)] = {"w": reversed_layout(value)}
        elif field in ("weight", "bias"):
            params.setdefault(haiku_path(name), {})["scale" if field == "weight" else "offset"] = value.reshape(1, 1, 1, -1)
        else:
            state[f"{haiku_path(name)}/~/{'mean' if field == 'running_mean' else 'var'}_ema"] = {"average": value.reshape(1, 1, 1, -1)}
    with open(folder / "haiku.pkl", "wb") as file:
        dill.dump({"experiment_state": {"online_params": params, "online_state": state}, "step": 1}, file, protocol=2)
