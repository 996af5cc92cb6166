"""Makes the safetensors files of test/data/checkpoints/more with the format's own library.

Run with safetensors 0.8 and NumPy: python3 scripts/safetensors_files.py test/data/checkpoints/more
"""

import json
import os
import sys

import numpy as np
from safetensors import TensorSpec, serialize
from safetensors.numpy import save_file

os.chdir(sys.argv[1])
tensors = {
    "weight": np.arange(6, dtype="f4").reshape(2, 3),
    "half": np.array([0.5, 1.5], dtype="f2"),
    "double": np.array([[1.25]], dtype="f8"),
    "byte": np.arange(5, dtype="u1"),
    "signed": np.array([-1], dtype="i1"),
    "short": np.array([-300], dtype="i2"),
    "int": np.array([2**31 - 1], dtype="i4"),
    "long": np.array([2**53 + 1, -1], dtype="i8"),
    "flag": np.array([True, False, True]),
    "empty": np.zeros((0, 4), dtype="f4"),
    "scalar": np.array(3.5, dtype="f4"),
    "näme.0": np.ones(1, dtype="f4"),
}
save_file(tensors, "plain.safetensors", metadata={"format": "pt"})
bits = np.array([0x3F80, 0xC000, 0x4000], dtype="u2")
bf16 = TensorSpec(dtype="bfloat16", shape=[3], data_ptr=bits.ctypes.data, data_len=bits.nbytes)
with open("bf16.safetensors", "wb") as file:
    file.write(bytes(serialize({"x": bf16}, metadata=None)))
save_file({"x": np.arange(3, dtype="u4")}, "u4.safetensors")
save_file({"a": np.arange(3, dtype="f4")}, "model-00001-of-00002.safetensors")
save_file({"b": np.arange(4, dtype="i8")}, "model-00002-of-00002.safetensors")
index = {
    "metadata": {"total_size": 44},
    "weight_map": {"b": "model-00002-of-00002.safetensors", "a": "model-00001-of-00002.safetensors"},
}
with open("model.safetensors.index.json", "w") as file:
    json.dump(index, file)
