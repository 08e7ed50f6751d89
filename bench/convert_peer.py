"""What convert.bench.ts is compared with: torch.load + safetensors.torch.save_file, again and again. Prints one JSON object.

    python3 convert_peer.py IN.pth OUT.safetensors SECONDS
"""
import json
import os
import re
import sys
import time

import torch
from safetensors.torch import save_file

source, target, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
torch.set_num_threads(2)
resident = lambda: 1024 * int(re.search(r"VmHWM:\s*(\d+) kB", open("/proc/self/status").read())[1])
base = resident()
ms = []
end = time.perf_counter() + seconds
while len(ms) < 5 or time.perf_counter() < end:
    start = time.perf_counter()
    save_file(torch.load(source, weights_only=True), target)
    ms.append(1e3 * (time.perf_counter() - start))
    kept = os.path.getsize(target)
    os.remove(target)
print(json.dumps({"ms": ms, "base": base, "peak": resident(), "kept": kept}))
