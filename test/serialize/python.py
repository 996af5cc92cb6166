"""PyTorch's side of python.test.ts: `write DIR` leaves files and what they hold, `read DIR` says what ours hold, `large DIR` leaves 10 GB."""

import collections
import json
import math
import os
import sys
import warnings

import torch
from torch import nn

warnings.simplefilter("ignore")
command, folder = sys.argv[1:]
version = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
weights_only = version >= (2, 4)


class Encoder:
    """Values in the encoding of recorded.ts; tensors that share memory have the same storage number."""

    def __init__(self):
        self.storages = {}

    def tensor(self, t):
        storage = t.untyped_storage() if hasattr(t, "untyped_storage") else t.storage()
        flat = t.detach().resolve_conj().resolve_neg().reshape(-1)
        if t.is_complex():
            flat = torch.view_as_real(flat).reshape(-1)
        data = [self.number(x) for x in flat.tolist()] if t.device.type == "cpu" else None
        row = {"t": "tensor", "dtype": str(t.dtype)[6:], "shape": list(t.shape), "strides": list(t.stride())}
        row["offset"] = t.storage_offset()
        row["storage"] = self.storages.setdefault((t.device.type, storage.data_ptr() or id(t)), len(self.storages))
        row["requires_grad"] = t.requires_grad
        row["parameter"] = isinstance(t, nn.Parameter)
        if t.dtype == torch.int64:
            data = data and [str(x) for x in data]
        return {**row, "data": data} if data is not None else row

    @staticmethod
    def number(x):
        if isinstance(x, bool):
            return int(x)
        return x if math.isfinite(x) else str(x).replace("inf", "Infinity").replace("nan", "NaN")

    def __call__(self, value):
        if value is None or isinstance(value, (bool, str)):
            return value
        if isinstance(value, int):
            return value if abs(value) < 2**53 else {"t": "int", "v": str(value)}
        if isinstance(value, float):
            return value if math.isfinite(value) else {"t": "float", "v": self.number(value)}
        if isinstance(value, complex):
            return {"t": "complex", "v": [self.number(value.real), self.number(value.imag)]}
        if isinstance(value, torch.Tensor):
            return self.tensor(value)
        if isinstance(value, (torch.Size, torch.dtype, torch.device, torch.layout)):
            return {"t": "text", "v": str(value)}
        if isinstance(value, collections.OrderedDict):
            return {"t": "ordereddict", "items": [[self(k), self(v)] for k, v in value.items()]}
        if isinstance(value, dict):
            return {"t": "dict", "items": [[self(k), self(v)] for k, v in value.items()]}
        if isinstance(value, tuple):
            return {"t": "tuple", "v": [self(v) for v in value]}
        if isinstance(value, list):
            return [self(v) for v in value]
        if isinstance(value, (set, frozenset)):
            return {"t": "set", "v": [self(v) for v in value]}
        if isinstance(value, (bytes, bytearray)):
            return {"t": "bytes", "v": list(value)}
        return {"t": "storage", "v": list(value.tolist())}


def trained(make_optimizer, make_scheduler):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
    optimizer = make_optimizer(model.parameters())
    scheduler = make_scheduler(optimizer)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(5, 3)).square().mean().backward()
        optimizer.step()
        scheduler.step(1.0) if "Plateau" in type(scheduler).__name__ else scheduler.step()
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}
    return {**state, "epoch": 3, "best": 0.25, "args": None, "rng": torch.get_rng_state()}


def cases():
    x = torch.arange(6.0).reshape(2, 3)
    dtypes = "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64 complex64 complex128".split()
    for name in dtypes:
        yield name, torch.tensor([[0, 1, 2], [3, 100, 5]]).to(getattr(torch, name))
    yield "limits", [torch.tensor([-(2**63), 2**63 - 1]), torch.tensor([math.inf, -math.inf, -0.0, 1e-45])]
    yield "shared", {"a": x, "row": x[1], "t": x.t(), "columns": x[:, 1:], "again": x, "flat": x.view(-1)}
    z = torch.complex(x, x + 1)
    if version >= (2, 0):  # PyTorch 1 forgets that a view is a conjugate
        yield "complex views", {"z": z, "conjugate": z.conj(), "row": z.t().conj()[1]}
        yield "negative views", {"negative": z.conj().imag, "part": z.real}  # apart: one dtype for a storage in a file
    yield "complex numbers", [1 + 2j, complex(math.inf, -0.0), 3j]
    yield "expanded", torch.ones(1).expand(3, 4)
    yield "channels_last", torch.arange(24.0).reshape(1, 2, 3, 4).contiguous(memory_format=torch.channels_last)
    yield "zero_dim", torch.tensor(3.5)
    yield "empty", [torch.empty(0), torch.empty(0, 3), torch.empty(2, 0, 4)]
    yield "meta", {"a": torch.empty(2, 3, dtype=torch.int16, device="meta"), "p": nn.Parameter(torch.empty(2, device="meta"))}
    yield "grad", [x.clone().requires_grad_(), x.clone().requires_grad_() * 2, nn.Parameter(x.clone())]
    parameter = nn.Parameter(x.clone(), requires_grad=False)
    parameter.tag = ["attribute"]
    tensor = x.clone()
    tensor.tag = 1
    yield "attributes", [parameter, tensor]
    if hasattr(nn, "Buffer"):
        yield "buffer", nn.Buffer(x.clone())
    yield "typed storage", x.storage() if version < (2, 0) else torch.storage.TypedStorage(wrap_storage=x.untyped_storage(), dtype=x.dtype, _internal=True)
    if version >= (2, 0):
        yield "untyped storage", x.untyped_storage()
    yield "scalars", [0, -1, 255, 256, 2**31, 2**53 + 1, -(2**63), 10**30, True, None, 1.5, math.inf, math.nan, 1e308]
    yield "texts", ["", "é", "日本", "\U0001f600", "a" * 300]
    yield "containers", (1, (2, (3,)), [4, []], {"a": {"b": ()}}, {(1, 2): 3, 1.5: 4, None: 5, b"k": 6})
    yield "order", {"z": 1, "a": 2, "10": 3, "9": 4}
    yield "ordered", collections.OrderedDict(b=x, a=collections.OrderedDict())
    yield "counter", collections.Counter("abca")
    yield "sets", [{1}, {"x"}, set(), frozenset([2])]
    yield "bytes", [b"\x00\xff\x80abc", b"", bytearray(b"\x00\xff")]
    yield "torch values", [torch.Size([1, 2]), torch.device("cuda:1"), torch.device("cpu"), torch.bfloat16, torch.strided]
    shared = [1]
    yield "references", [shared, shared, {"again": shared}]
    yield "many", {f"k{i}": torch.full((3,), float(i)) for i in range(1100)}
    o, s = torch.optim, torch.optim.lr_scheduler
    for name in "SGD Adam AdamW Adagrad RMSprop Adadelta Adamax NAdam RAdam ASGD Rprop Adafactor".split():
        if hasattr(o, name):
            options = {"lr": 0.1, "momentum": 0.9} if name == "SGD" else {}
            yield name, trained(lambda p: getattr(o, name)(p, **options), lambda opt: s.StepLR(opt, 2))
    schedulers = {
        "lambda": lambda opt: s.LambdaLR(opt, lambda e: 0.9**e),
        "cosine": lambda opt: s.CosineAnnealingLR(opt, 10),
        "plateau": lambda opt: s.ReduceLROnPlateau(opt),
        "milestones": lambda opt: s.MultiStepLR(opt, [1, 2]),
        "warm restarts": lambda opt: s.CosineAnnealingWarmRestarts(opt, 5),
        "sequential": lambda opt: s.SequentialLR(opt, [s.ConstantLR(opt), s.ExponentialLR(opt, 0.9)], [2]),
    }
    for name, make in schedulers.items():
        yield name, trained(lambda p: o.SGD(p, lr=0.1, momentum=0.9), make)


def write():
    index = []

    def save(name, value, **options):
        path = os.path.join(folder, name)
        torch.save(value, path, **options)
        try:
            if weights_only:
                torch.load(path, weights_only=True)
            accepted = True
        except Exception:
            accepted = False
        index.append({"file": name, "accepted": accepted, "content": Encoder()(value)})

    for name, value in cases():
        save(f"{name}.pt", value)
        save(f"{name} legacy.pt", value, _use_new_zipfile_serialization=False)
    some = {name: value for name, value in cases() if name in ("float64", "limits", "shared")}
    for protocol in range(2, 6):
        save(f"protocol {protocol}.pt", some, pickle_protocol=protocol)
        save(f"protocol {protocol} legacy.pt", some, pickle_protocol=protocol, _use_new_zipfile_serialization=False)
    if hasattr(torch.serialization, "set_crc32_options"):
        torch.serialization.set_crc32_options(False)
        save("no checksums.pt", some)
        torch.serialization.set_crc32_options(True)
    try:
        from torch.utils.serialization import config

        config.save.storage_alignment = 4096
        save("aligned.pt", some)
        config.save.storage_alignment = 64
    except (ImportError, AttributeError):
        pass
    with open(os.path.join(folder, "index.json"), "w") as file:
        json.dump(index, file)


def read():
    found = {}
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        ways = {"plain": {}}
        if weights_only:
            ways = {"weights_only": {"weights_only": True}, "mapped": {"weights_only": True, "mmap": True}}
        contents = {way: Encoder()(torch.load(path, **options)) for way, options in ways.items()}
        if weights_only and version >= (2, 7):
            from torch.utils.serialization import config

            config.load.calculate_storage_offsets = True
            contents["calculated"] = Encoder()(torch.load(path, weights_only=True, mmap=True))
            config.load.calculate_storage_offsets = False
        found[name] = contents
    print(json.dumps(found))


def large():
    """10 GB of 100 tensors, whose data are holes."""
    state = {f"layer{i}.weight": torch.empty(25_000_000) for i in range(100)}
    with torch.serialization.skip_data():
        torch.save(state, os.path.join(folder, "large.pt"))


{"write": write, "read": read, "large": large}[command]()
