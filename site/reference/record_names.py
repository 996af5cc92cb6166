"""Records the names that PyTorch 2 has, so that the reference can link to its pages: reference/pytorch.json.

Run in site/ with a Python that has PyTorch: python reference/record_names.py
"""

import json
import pathlib

import torch

SPACES = {
    "": torch,
    "Tensor": torch.Tensor,
    "nn": torch.nn,
    "nn.functional": torch.nn.functional,
    "nn.init": torch.nn.init,
    "nn.utils": torch.nn.utils,
    "optim": torch.optim,
    "optim.lr_scheduler": torch.optim.lr_scheduler,
    "linalg": torch.linalg,
    "special": torch.special,
    "autograd": torch.autograd,
    "random": torch.random,
    "cuda": torch.cuda,
    "serialization": torch.serialization,
}


def public(space):
    return sorted(name for name in dir(space) if not name.startswith("_"))


names = {space: public(module) for space, module in SPACES.items()}
pathlib.Path("reference/pytorch.json").write_text(json.dumps(names, indent=0) + "\n")
print(sum(map(len, names.values())), "names of PyTorch", torch.__version__)
