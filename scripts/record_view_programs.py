"""Records random programs of views and in-place writes under autograd, as real PyTorch runs them.

Usage: python3 scripts/record_view_programs.py > test/data/view-programs.json
"""
import json
import random

import torch


def step(rng, xs):
    """A random step over the tensors so far, as data."""
    i = rng.randrange(len(xs))
    x = xs[i]
    n = x.dim()
    kinds = ["mul_", "add_", "fill_", "copy_", "clone", "detach"]
    if n > 0:
        kinds += ["select", "slice", "transpose", "unsqueeze", "view", "narrow", "diagonal", "expand", "chunk", "setitem"] * 2
    kind = rng.choice(kinds)
    d = rng.randrange(n) if n else 0
    size = x.shape[d] if n else 1
    a = rng.randrange(size) if size else 0
    return {"kind": kind, "on": i, "dim": d, "a": a, "b": rng.randrange(1, size - a + 1) if size > a else 0, "other": rng.randrange(len(xs)), "value": rng.randrange(-3, 4) or 2}


def apply(s, xs):
    x = xs[s["on"]]
    kind, d, a, b, v = s["kind"], s["dim"], s["a"], s["b"], s["value"]
    if kind == "mul_":
        return x.mul_(v)
    if kind == "add_":
        return x.add_(xs[s["other"]])
    if kind == "fill_":
        return x.fill_(v)
    if kind == "copy_":
        return x.copy_(xs[s["other"]])
    if kind == "clone":
        return x.clone()
    if kind == "detach":
        return x.detach()
    if kind == "select":
        return x.select(d, a)
    if kind == "slice":
        return x.narrow(d, a, b)[(slice(None),) * d + (slice(None, None, 2),)]
    if kind == "transpose":
        return x.transpose(0, -1)
    if kind == "unsqueeze":
        return x.unsqueeze(d)
    if kind == "view":
        return x.view(-1)
    if kind == "narrow":
        return x.narrow(d, a, b)
    if kind == "diagonal":
        return x.diagonal(0, 0, -1)
    if kind == "expand":
        return x.unsqueeze(0).expand(2, *x.shape)
    if kind == "chunk":
        return x.chunk(2, d)[0]
    x[a if d == 0 else (slice(None), a)] = v
    return x


def describe(x):
    return {
        "shape": list(x.shape),
        "stride": list(x.stride()),
        "offset": x.storage_offset(),
        "version": x._version,
        "leaf": x.is_leaf,
        "requires": x.requires_grad,
        "data": x.detach().reshape(-1).tolist(),
    }


def program(seed):
    rng = random.Random(seed)
    leaf = torch.arange(12, dtype=torch.float64).reshape(3, 4).div(4).requires_grad_()
    xs = [leaf, leaf * 2, torch.ones(3, 4, dtype=torch.float64)]
    steps = []
    for _ in range(rng.randrange(3, 11)):
        s = step(rng, xs)
        try:
            out = apply(s, xs)
        except (RuntimeError, IndexError) as error:
            s["error"] = str(error).split("\n")[0]
            steps.append(s)
            continue
        if not any(out is x for x in xs):
            xs.append(out)
        steps.append(s)
    result = {"seed": seed, "steps": steps}
    try:
        result["tensors"] = [describe(x) for x in xs]
        total = sum((x * (k + 1)).sum() for k, x in enumerate(xs) if x.requires_grad)
        total.backward()
        result["grad"] = leaf.grad.reshape(-1).tolist()
    except RuntimeError as error:
        result["failure"] = str(error).split("\n")[0]
    return result


print(json.dumps([program(seed) for seed in range(400)]))
