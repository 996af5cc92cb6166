"""The workloads in PyTorch; answers the driver's requests on stdin, one JSON line each."""
import copy
import json
import os
import sys
import tempfile
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

FOLDER = sys.argv[1]
THREADS = int(sys.argv[2])
STEPS = int(sys.argv[3])
torch.set_num_threads(THREADS)
SHAPES = json.load(open(os.path.join(FOLDER, "index.json")))


def read(name):
    entry = SHAPES[name]
    with open(os.path.join(FOLDER, name + ".bin"), "rb") as f:
        flat = torch.frombuffer(bytearray(f.read()), dtype=getattr(torch, entry["dtype"]))
    out = flat.reshape(entry["shape"])
    return out.long() if entry["dtype"] == "int32" else out.clone()


def give(module, name):
    with torch.no_grad():
        module.weight.copy_(read(name + ".w"))
        if module.bias is not None:
            module.bias.copy_(read(name + ".b"))
    return module


def digest(x):
    x = x.detach().reshape(-1)
    n = len(x)
    places = [min(i, n - 1) for i in (0, 1, n >> 2, (n >> 1) + 3, n - 1)]
    return [x[i].item() for i in places] + [x.double().abs().mean().item()]


class Case:
    def __init__(self, call, check, grad=False):
        self.call, self.check, self.grad = call, check, grad

    def repeat(self, calls):
        with torch.set_grad_enabled(self.grad):
            call = self.call
            for _ in range(calls):
                call()


def training(model, optimizer, loss_of, x, y):
    def step():
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return Case(step, [step().item() for _ in range(STEPS)], grad=True)


def seed_step():
    model = nn.Sequential(give(nn.Linear(10, 4), "seed"), nn.Sigmoid())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return training(model, optimizer, nn.BCELoss(), read("seed.x"), read("seed.y"))


def mlp_step():
    sizes = [784, 512, 256, 10]
    layers = []
    for i in range(3):
        layers += [give(nn.Linear(sizes[i], sizes[i + 1]), f"mlp.{i}"), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return training(model, optimizer, nn.CrossEntropyLoss(), read("mlp.x"), read("mlp.y"))


def cnn_step():
    model = nn.Sequential(
        give(nn.Conv2d(1, 16, 3, padding=1), "cnn.0"), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        give(nn.Conv2d(16, 32, 3, padding=1), "cnn.1"), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), give(nn.Linear(32 * 49, 10), "cnn.2"))
    optimizer = torch.optim.Adam(model.parameters())
    return training(model, optimizer, nn.CrossEntropyLoss(), read("cnn.x"), read("cnn.y"))


class Block(nn.Module):
    def __init__(self, name, d, heads):
        super().__init__()
        self.heads = heads
        self.ln1, self.ln2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.qkv, self.proj = give(nn.Linear(d, 3 * d), name + ".qkv"), give(nn.Linear(d, d), name + ".proj")
        self.up, self.down = give(nn.Linear(d, 4 * d), name + ".up"), give(nn.Linear(4 * d, d), name + ".down")

    def forward(self, x):
        b, t, d = x.shape
        width = d // self.heads
        q, k, v = self.qkv(self.ln1(x)).view(b, t, 3, self.heads, width).permute(2, 0, 3, 1, 4).unbind(0)
        scores = (q @ k.transpose(-2, -1)) * width ** -0.5
        later = torch.ones(t, t, dtype=torch.bool).triu(1)
        weights = scores.masked_fill(later, float("-inf")).softmax(-1)
        x = x + self.proj((weights @ v).transpose(1, 2).reshape(b, t, d))
        return x + self.down(F.gelu(self.up(self.ln2(x))))


class Gpt(nn.Module):
    def __init__(self, vocabulary=256, d=128, t=64, layers=4, heads=4):
        super().__init__()
        self.tok, self.pos = nn.Embedding(vocabulary, d), nn.Embedding(t, d)
        with torch.no_grad():
            self.tok.weight.copy_(read("gpt.tok"))
            self.pos.weight.copy_(read("gpt.pos"))
        self.blocks = nn.Sequential(*[Block(f"gpt.{i}", d, heads) for i in range(layers)])
        self.ln, self.head = nn.LayerNorm(d), give(nn.Linear(d, vocabulary, bias=False), "gpt.head")

    def forward(self, ids):
        x = self.tok(ids) + self.pos(torch.arange(ids.shape[1]))
        return self.head(self.ln(self.blocks(x)))


def gpt_step():
    model, ids = Gpt(), read("gpt.ids")
    optimizer = torch.optim.AdamW(model.parameters())
    return training(model, optimizer, lambda o, y: F.cross_entropy(o.view(-1, 256), y.view(-1)), ids, ids)


def op(call, of=lambda r: r):
    with torch.no_grad():
        return Case(call, digest(of(call())))


def matmul(n):
    a, b = (read(k)[: n * n].view(n, n) for k in "ab")
    return op(lambda: a @ b)


def ops():
    a, b = read("a"), read("b")
    rows = a.view(1024, 1024)
    index, small = read("index"), read("small")
    x, w = read("conv.x"), read("conv.w")
    return {
        "add_1m": lambda: op(lambda: a + b),
        "exp_1m": lambda: op(lambda: a.exp()),
        "sum_1m": lambda: op(lambda: a.sum()),
        "softmax_1024": lambda: op(lambda: rows.softmax(-1)),
        "layernorm_1024": lambda: op(lambda: F.layer_norm(rows, (1024,))),
        "cumsum_1m": lambda: op(lambda: a.cumsum(0)),
        "transpose_copy_1024": lambda: op(lambda: rows.t().contiguous()),
        "sort_1m": lambda: op(lambda: a.sort(), lambda r: r[0]),
        "gather_256k": lambda: op(lambda: a[index]),
        "conv2d": lambda: op(lambda: F.conv2d(x, w, padding=1)),
        "add_8": lambda: op(lambda: small + small),
        "clone_1m": lambda: op(lambda: a.clone()),
    }


class Wide(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.layers = nn.Sequential(*[nn.Linear(1024, 1024) for _ in range(24)])
        with torch.no_grad():
            for i, layer in enumerate(self.layers):
                layer.weight.fill_(value + i)


def firsts(state):
    return [v.reshape(-1)[-1].item() for k, v in state.items() if k.endswith("weight")]


def deepcopy_25m():
    big = Wide(1)
    return Case(lambda: copy.deepcopy(big), firsts(copy.deepcopy(big).state_dict()))


def state_dict_25m():
    big = Wide(2)
    return Case(lambda: big.state_dict(), firsts(big.state_dict()))


def load_state_dict_25m():
    state, twin = Wide(3).state_dict(), Wide(0)
    twin.load_state_dict(state)
    return Case(lambda: twin.load_state_dict(state), firsts(twin.state_dict()))


def file_case(kind):
    path = os.path.join(tempfile.mkdtemp(dir=FOLDER), "pytorch.pt")
    state = Wide(4).state_dict()
    torch.save(state, path)
    check = firsts(torch.load(path))
    return Case((lambda: torch.save(state, path)) if kind == "save" else (lambda: torch.load(path)), check)


def make(name):
    table = {f.__name__: f for f in (seed_step, mlp_step, cnn_step, gpt_step, deepcopy_25m, state_dict_25m,
                                     load_state_dict_25m)}
    if name in table:
        return table[name]()
    if name.startswith("matmul_"):
        return matmul(int(name[7:]))
    if name in ("save_25m", "load_25m"):
        return file_case(name[:4])
    found = ops().get(name)
    return found and found()


def seconds(case, calls):
    start = time.perf_counter()
    case.repeat(calls)
    return (time.perf_counter() - start) / calls


def warm_up(case):
    start = time.perf_counter()
    one, calls, done = seconds(case, 1), 1, 1
    while done < 3 or time.perf_counter() - start < 0.4:
        if one * calls < 0.01:
            calls *= 2
        one = seconds(case, calls)
        done += calls
    return one


def blas():
    """The file that products run in; Linux only. A "generic" PyTorch takes whichever libblas it finds first."""
    torch.ones(64, 64) @ torch.ones(64, 64)
    try:
        with open("/proc/self/maps") as maps:
            files = {os.path.basename(line.split()[-1]) for line in maps if "/" in line}
    except OSError:
        return None
    names = sorted(f for f in files if "blas" in f or f.startswith("libmkl"))
    return next((f for f in names if "openblas" in f or "mkl" in f), names[0] if names else None)


def main():
    ready, calls = None, 1
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "hello":
                reply = {"name": "PyTorch " + torch.__version__, "notes": [], "blas": blas()}
            elif request["do"] == "prepare":
                ready = make(request["workload"])
                if ready is None:
                    reply = {"none": True}
                else:
                    calls = max(1, int(request["slice"] / warm_up(ready)))
                    reply = {"check": ready.check, "how": None}
            elif request["do"] == "time":
                reply = {"seconds": seconds(ready, calls), "calls": calls}
            else:
                ready, reply = None, {}
        except Exception as error:  # the driver prints it beside the workload
            reply = {"error": repr(error)}
        print(json.dumps({"id": request["id"], **reply}), flush=True)


main()
