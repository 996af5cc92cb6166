"""Makes test/data/complex/print.json: complex tensors and what PyTorch prints of them.

Run with PyTorch 2: python3 scripts/record_complex_prints.py test/data/complex/print.json
"""

import json
import math
import random
import sys

import torch

random.seed(0)
nan, inf = math.nan, math.inf
special = [0.0, -0.0, 1.0, -1.0, 0.5, nan, inf, -inf, 1e-5, 1e6, 123456.789, -3e10, 2.0, 1e-7, 1 / 3]
cases = []


def cell(x):
    return x if math.isfinite(x) and not (x == 0 and math.copysign(1, x) < 0) else repr(x)


def record(parts, shape, dtype=torch.complex64, **options):
    z = torch.view_as_complex(torch.tensor(parts, dtype=torch.float64).reshape(*shape, 2)).to(dtype)
    torch.set_printoptions(profile="default")
    torch.set_printoptions(**options)
    cases.append({
        "parts": [[cell(x) for x in pair] for pair in parts],
        "shape": list(shape),
        "dtype": str(dtype)[6:],
        "options": options,
        "text": repr(z),
        "conjugate": repr(z.conj()),
    })


for a in special:
    for b in special:
        record([[a, b]], ())
for n in range(60):
    shape = random.choice([(3,), (2, 2), (0,), (2, 0), (1, 2, 2), (7,), (12,), (1, 1)])
    pool = random.choice([special, special[:5], [1.0, 2.0, -3.0], None])
    draw = (lambda: random.gauss(0, 10 ** random.uniform(-3, 3))) if pool is None else (lambda: random.choice(pool))
    count = math.prod(shape)
    dtype = random.choice([torch.complex64, torch.complex128])
    options = random.choice([{}, {}, {"precision": 2}, {"linewidth": 40}])
    record([[draw(), draw()] for _ in range(count)], shape, dtype, **options)
record([[float(i), -float(i % 7)] for i in range(1200)], (1200,))
record([[float(i), float(i % 7) / 3] for i in range(1200)], (40, 30))

with open(sys.argv[1], "w") as file:
    json.dump({"about": f"PyTorch {torch.__version__.split('+')[0]}", "cases": cases}, file, separators=(",", ":"))
    file.write("\n")
