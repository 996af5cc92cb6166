"""Makes test/data/checkpoints/more: files of whole modules, TorchScript and NumPy with what PyTorch says of them.

Run with PyTorch 1.13 and NumPy: python3 scripts/checkpoints.py test/data/checkpoints/more
"""

import collections
import json
import os
import sys
import warnings

import numpy as np
import torch
from torch import nn

warnings.simplefilter("ignore")
folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
os.chdir(folder)
torch.manual_seed(0)
expected = {}


def values(tensor):
    flat = tensor.detach().reshape(-1)
    return [str(x) for x in flat.tolist()] if tensor.dtype == torch.int64 else flat.tolist()


def tensor(t):
    return {"dtype": str(t.dtype)[6:], "shape": list(t.shape), "stride": list(t.stride()), "data": values(t)}


def state(module):
    return {name: tensor(t) for name, t in module.state_dict().items()}


def module(m):
    return {"repr": repr(m), "training": m.training, "state": state(m)}


T = torch.arange(3.0)
arguments = {
    "AdaptiveAvgPool1d": (2,), "AdaptiveAvgPool2d": ((2, 3),), "AdaptiveAvgPool3d": ((2, None, 3),),
    "AdaptiveMaxPool1d": (2,), "AdaptiveMaxPool2d": (2,), "AdaptiveMaxPool3d": (2,),
    "AlphaDropout": (), "AvgPool1d": (2,), "AvgPool2d": ((2, 3),), "AvgPool3d": (2,),
    "BCELoss": (T,), "BCEWithLogitsLoss": (), "BatchNorm1d": (3,), "BatchNorm2d": (3, 1e-3, None), "BatchNorm3d": (3,),
    "Bilinear": (2, 3, 4), "CELU": (), "CTCLoss": (), "ChannelShuffle": (2,), "ConstantPad1d": (1, 2.5),
    "ConstantPad2d": (1, 2.5), "ConstantPad3d": (1, 2.5), "Conv1d": (2, 4, 3), "Conv2d": (2, 4, (3, 2), 2, 1),
    "Conv3d": (2, 4, 3), "ConvTranspose1d": (2, 4, 3), "ConvTranspose2d": (2, 4, 3, 2, 1, 1),
    "ConvTranspose3d": (2, 4, 3), "CosineEmbeddingLoss": (), "CosineSimilarity": (), "CrossEntropyLoss": (T,),
    "Dropout": (), "Dropout1d": (), "Dropout2d": (), "Dropout3d": (), "ELU": (), "Embedding": (5, 3, 1, 2.0),
    "EmbeddingBag": (5, 3), "FeatureAlphaDropout": (), "Flatten": (), "Fold": ((4, 5), 2), "GELU": ("tanh",), "GLU": (),
    "GRU": (3, 4), "GRUCell": (3, 4), "GaussianNLLLoss": (), "GroupNorm": (2, 4), "Hardshrink": (), "Hardsigmoid": (),
    "Hardswish": (), "Hardtanh": (), "HingeEmbeddingLoss": (), "HuberLoss": (), "Identity": (),
    "InstanceNorm1d": (3,), "InstanceNorm2d": (3,), "InstanceNorm3d": (3,), "KLDivLoss": (), "L1Loss": (),
    "LPPool1d": (2, 3), "LPPool2d": (2, 3), "LSTM": (3, 4, 2), "LSTMCell": (3, 4), "LayerNorm": ((3, 4),),
    "LeakyReLU": (), "Linear": (3, 4), "LocalResponseNorm": (2,), "LogSigmoid": (), "LogSoftmax": (1,), "MSELoss": (),
    "MarginRankingLoss": (), "MaxPool1d": (2,), "MaxPool2d": (2,), "MaxPool3d": (2,), "MaxUnpool1d": (2,),
    "MaxUnpool2d": (2,), "MaxUnpool3d": (2,), "Mish": (), "MultiLabelMarginLoss": (), "MultiLabelSoftMarginLoss": (),
    "MultiMarginLoss": (), "MultiheadAttention": (4, 2), "NLLLoss": (), "PReLU": (), "PairwiseDistance": (),
    "PixelShuffle": (2,), "PixelUnshuffle": (2,), "PoissonNLLLoss": (), "RNN": (3, 4), "RNNCell": (3, 4), "RReLU": (),
    "ReLU": (), "ReLU6": (), "ReflectionPad1d": (1,), "ReflectionPad2d": (1,), "ReflectionPad3d": (1,),
    "ReplicationPad1d": (1,), "ReplicationPad2d": (1,), "ReplicationPad3d": (1,), "SELU": (), "SiLU": (),
    "Sigmoid": (), "SmoothL1Loss": (), "SoftMarginLoss": (), "Softmax": (1,), "Softmax2d": (), "Softmin": (1,),
    "Softplus": (), "Softshrink": (), "Softsign": (), "Tanh": (), "Tanhshrink": (), "Threshold": (0.5, 1.5),
    "Transformer": (4, 2, 1, 1, 8), "TransformerDecoderLayer": (4, 2, 8), "TransformerEncoderLayer": (4, 2, 8),
    "TripletMarginLoss": (), "Unflatten": (1, (2, 3)), "Unfold": (2,), "Upsample": (None, 2), "UpsamplingBilinear2d": (None, 2),
    "UpsamplingNearest2d": (4,), "ZeroPad2d": (1,),
}
modules = collections.OrderedDict((name, getattr(nn, name)(*args)) for name, args in arguments.items())
modules["Conv2d same"] = nn.Conv2d(2, 4, (3, 2), padding="same", bias=False)
modules["LSTM both"] = nn.LSTM(3, 4, 2, bidirectional=True, proj_size=2, batch_first=True, dropout=0.5)
modules["GRU bias"] = nn.GRU(3, 4, bias=False)
modules["MultiheadAttention kv"] = nn.MultiheadAttention(4, 2, add_bias_kv=True, kdim=3, batch_first=True)
modules["encoder"] = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, activation="gelu"), 2, nn.LayerNorm(4))
modules["containers"] = nn.ModuleDict(
    {"list": nn.ModuleList([nn.Linear(2, 2), nn.ReLU()]), "named": nn.Sequential(collections.OrderedDict(fc=nn.Tanh()))}
)
modules["parameters"] = nn.ParameterDict({"a": nn.Parameter(T.clone()), "b": nn.Parameter(T + 1, requires_grad=False)})
modules["parameter list"] = nn.ParameterList([nn.Parameter(T.clone())])
tied = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
tied[1].weight = tied[0].weight
modules["tied"] = tied.eval()
extra = nn.Linear(2, 2)
extra.register_buffer("kept", T.clone())
extra.register_buffer("dropped", T.clone(), persistent=False)
extra.note = "by hand"
extra.table = {"a": [1, 2]}
modules["extra"] = extra
torch.save(modules, "modules.pt")
expected["modules"] = {name: module(m) for name, m in modules.items()}


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 2)
        self.scale = nn.Parameter(T.clone())
        self.register_buffer("steps", torch.tensor(7))
        self.sizes = (3, 2)

    def forward(self, x):
        return self.fc(x * self.scale)


net = Net().eval()
torch.save(net, "net.pt")
torch.save(net, "net_legacy.pt", _use_new_zipfile_serialization=False)
x = torch.arange(6.0).reshape(2, 3)
expected["net"] = {**module(net), "input": tensor(x), "output": tensor(net(x))}

hooked = nn.Linear(2, 2)
hooked.register_forward_hook(torch.nn.functional.relu)
torch.save(nn.Sequential(hooked, nn.ReLU()), "hooked.pt")

torch.jit.save(torch.jit.script(net), "scripted.pt")
traced = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten()).eval()
torch.jit.save(torch.jit.trace(traced, torch.zeros(1, 1, 4, 4)), "traced.pt")
expected["traced"] = {"state": state(traced)}

arrays = {
    "c": np.arange(6, dtype="<f4").reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6, dtype="<f8").reshape(2, 3)),
    "big": np.arange(6, dtype=">f4").reshape(2, 3),
    "big_i8": np.array([1, -(2**60)], dtype=">i8"),
    "scalar": np.array(2.5, dtype="<f4"),
    "empty": np.zeros((0, 3), dtype="<i4"),
    "line": np.arange(3, dtype="<i2"),
    "bool": np.array([True, False]),
    "u1": np.arange(3, dtype="u1"),
    "i1": np.array([-1, 1], dtype="i1"),
    "i4": np.array([[-1], [2**31 - 1]], dtype="<i4"),
    "i8": np.array([2**53 + 1], dtype="<i8"),
    "half": np.array([0.5, np.inf], dtype="<f2"),
    "cube": np.asfortranarray(np.arange(24, dtype="<i8").reshape(2, 3, 4)),
}
for name, array in arrays.items():
    np.save(f"{name}.npy", array)
np.save("u2.npy", np.arange(3, dtype="<u2"))
np.save("text.npy", np.array(["ab"]))
np.save("object.npy", np.array([None, {}]), allow_pickle=True)
np.save("record.npy", np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")]))
np.savez("arrays.npz", **arrays)
np.savez_compressed("compressed.npz", arrays["c"], big=arrays["big"], zeros=np.zeros((64, 64), dtype="<f4"))


def native(array):
    return torch.from_numpy(array.astype(array.dtype.newbyteorder("=")).copy())


expected["arrays"] = {
    name: {**tensor(native(array)), "fortran": bool(array.flags.f_contiguous and not array.flags.c_contiguous)}
    for name, array in arrays.items()
}
numbers = {
    "loss": np.float64(0.25), "single": np.float32(1.5), "half": np.float16(-0.5), "count": np.int64(2**53 + 1),
    "small": np.int8(-3), "byte": np.uint8(200), "wide": np.uint64(2**64 - 1), "flag": np.bool_(True),
    "text": np.str_("añ"), "bytes": np.bytes_(b"ab"),
}
names = ["c", "fortran", "big", "big_i8", "scalar", "empty", "bool", "i8", "half", "cube"]
other = {"text": np.array(["ab"]), "object": np.array([None, {"k": [1]}]), "date": np.datetime64("2020-01-02")}
content = {"numbers": numbers, "arrays": {name: arrays[name] for name in names}, "other": other, "dtype": np.dtype("<f4")}
torch.save(content, "numpy.pt")
torch.save(content, "numpy_protocol_4.pt", pickle_protocol=4)
expected["numbers"] = {k: str(v) if isinstance(v, np.integer) else v.item() for k, v in numbers.items() if k != "bytes"}

with open("expected.json", "w") as file:
    text = json.dumps(expected, separators=(",", ":"), sort_keys=True)
    file.write(text.replace("Infinity", '"inf"') + "\n")
