"""Records what PyTorch prints for the Python programs and table rows of README.md and docs/, as test/data/docs.json.

Run at the root of the project with a Python that has PyTorch 2.x: python scripts/record_docs.py
"""

import ast
import contextlib
import io
import json
import pathlib
import re
import tempfile
import warnings

import numpy as np
import torch

PROGRAM = """
import copy, io, os
import numpy as np
import torch
from torch import nn, optim
import torch.nn.functional as F
torch.manual_seed(0)
"""

# What rows may use; the page and test/docs/rows.test.ts say the same in TypeScript.
ROW = PROGRAM + """
x = torch.arange(6.).reshape(2, 3)
a = torch.tensor([[1., 2.], [3., 4.]])
b = torch.tensor([[5., 6.], [7., 8.]])
n = torch.tensor([6, 5, 4])
k = torch.tensor([3, 1, 2])
i = torch.tensor([2, 0])
m = torch.tensor([True, False, True])
layer = nn.Linear(2, 2)
_ = nn.init.ones_(layer.weight), nn.init.zeros_(layer.bias)
optimizer = optim.SGD(layer.parameters(), lr=0.5, momentum=0.9)
"""


def show(value):
    """The value as rows are compared: tensors as printed, lists and scalars in JavaScript's spelling."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str):
        return value
    if isinstance(value, torch.Size):
        return str(value)
    if isinstance(value, dict) and type(value) is dict:
        return "{" + ", ".join(f"{key}: {show(v)}" for key, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(show(v) for v in value) + "]"
    if isinstance(value, np.ndarray):
        return show(value.tolist())
    return str(value)


def run_row(code):
    """The value of the row's last statement, or of `x` where that is an assignment."""
    scope = {}
    exec(ROW, scope)
    tree = ast.parse(code)
    last = tree.body[-1]
    if not isinstance(last, ast.Expr):
        exec(code, scope)
        return {"of": "x", "value": show(scope["x"])}
    exec(compile(ast.Module(tree.body[:-1], []), "row", "exec"), scope)
    return {"of": None, "value": show(eval(compile(ast.Expression(last.value), "row", "eval"), scope))}


def run_program(code):
    out = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), contextlib.redirect_stdout(out):
        exec(compile(PROGRAM + code, "program", "exec"), {"__name__": "__main__"})
    return out.getvalue()


def cells(line):
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]


def rows_of(text):
    inside = False
    for line in text.split("\n"):
        if not line.startswith("|"):
            inside = False
        elif re.match(r"\| PyTorch \| Cresset \|", line):
            inside = True
        elif inside and not line.startswith("|---"):
            yield re.fullmatch(r"(`+) ?(.*?) ?\1", cells(line)[0]).group(2)


def main():
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    programs, rows = {}, {}
    for page in [pathlib.Path("README.md"), *sorted(pathlib.Path("docs").rglob("*.md"))]:
        text = page.read_text()
        for match in re.finditer(r"^```python\n(.*?)^```$", text, re.M | re.S):
            programs[match.group(1)] = run_program(match.group(1))
        for row in rows_of(text):
            rows[row] = run_row(row)
    recording = {"torch": torch.__version__.split("+")[0], "programs": programs, "rows": rows}
    pathlib.Path("test/data/docs.json").write_text(json.dumps(recording, indent=1) + "\n")
    print(len(programs), "programs,", len(rows), "rows")


main()
