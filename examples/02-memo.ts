/** A tour: making tensors, views and what they share, clone and detach, saving, sums and unfold. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as torch from "cresset";

const { nn } = torch;
const F = nn.functional;
const int64 = { dtype: torch.int64 };

function making(): void {
  console.log(
    torch.tensor([
      [0.1, 1.2],
      [2.2, 3.1],
      [4.9, 5.2],
    ]),
  );
  console.log(torch.zeros(2, 3));
  const a = new torch.Tensor(1, 2, 3, 4, 5);
  console.log(a.shape, a.size(), a.dtype);
  torch.manualSeed(0);
  console.log(torch.randn(2, 3));
}

function typedArrays(): void {
  const numbers = BigInt64Array.of(1n, 2n, 3n);
  const t = torch.fromNumpy(numbers);
  console.log(t);
  t.setAt([0], 9);
  numbers[1] = -1n;
  console.log(t);
  const a = torch.ones(5);
  const { data } = a.numpy();
  a.add_(1);
  data[0] = 7;
  console.log(a);
}

function views(): void {
  const a = torch.arange(6).view(2, 3);
  const turned = a.transpose(0, 1);
  console.log(turned, turned.stride());
  turned.setAt([0, 1], 100);
  console.log(a);
  console.log(a.isContiguous(), turned.isContiguous(), a.dataPtr() === turned.dataPtr());

  const x = torch.randn(4, 4);
  console.log(x.view(16).shape, x.view(-1, 8).shape, x.view([-1, 8]).shape);
  try {
    torch.arange(6).view(2, 3).t().view(6);
  } catch (error) {
    console.log(String(error));
  }
  console.log(torch.randn(2, 3, 4).reshape(3, -1).shape);
  const image = torch.rand(16, 32, 3);
  console.log(image.transpose(0, 2).shape, image.permute(2, 1, 0).shape, image.permute(1, 2, 0).shape);

  // One shape, one memory, another order of elements.
  const base = torch.arange(24, { dtype: torch.float32 }).view(1, 2, 3, 4);
  const b = base.transpose(1, 2);
  const c = base.view(1, 3, 2, 4);
  console.log(torch.equal(base, b), torch.equal(base, c), torch.equal(b, c), b.dataPtr() === c.dataPtr());
  console.log(b.at(0, 0));
  console.log(c.at(0, 0));

  const squeezed = torch.zeros(2, 1, 2, 1, 2);
  console.log(squeezed.squeeze().shape, squeezed.squeeze(1).shape);
  const row = torch.tensor([1, 2, 3, 4], int64);
  console.log(row.unsqueeze(0));
  console.log(row.unsqueeze(1));
}

function copies(): void {
  const x = torch.tensor([1, 2], { requiresGrad: true });
  const y = x.clone();
  console.log(y);
  y.mul(3).sum().backward();
  console.log(x.grad);
  const out = torch.tensor([1, 2, 3], { requiresGrad: true }).sigmoid();
  out.detach().zero_();
  console.log(out);
}

async function saving(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "cresset-memo-"));
  const path = join(directory, "model.pth");
  const model = new nn.Linear(2, 2);
  const weight = torch.tensor([
    [1, 2],
    [3, 4],
  ]);
  model.loadStateDict({ weight, bias: torch.tensor([5, 6]) });
  await torch.save(model.stateDict(), path);
  const state = (await torch.load(path, { mapLocation: "cpu" })) as torch.StateDict;
  console.log(state);
  console.log(new nn.Linear(2, 2).loadStateDict(state));
  rmSync(directory, { recursive: true });
}

function sums(): void {
  const x = torch.arange(24, { dtype: torch.float32 }).view(2, 3, 4);
  console.log(x.sum(), x.sum({ dim: [0, 2] }), x.sum([0, 2], { keepdim: true }).shape);
  const a = torch.arange(6, { dtype: torch.float32 }).view(2, 3);
  const b = torch.arange(12, { dtype: torch.float32 }).view(3, 4);
  console.log(torch.einsum("ij,jk->ik", a, b));
}

/** A convolution is unfold, a matrix product, and fold. */
function unfolding(): void {
  torch.manualSeed(0);
  const input = torch.randn(1, 3, 10, 12);
  const w = torch.randn(2, 3, 4, 5);
  const columns = F.unfold(input, [4, 5]);
  const product = columns
    .transpose(1, 2)
    .matmul(w.view(w.size(0), -1).t())
    .transpose(1, 2);
  const out = F.fold(product, [7, 8], [1, 1]);
  console.log(columns.shape, out.shape, F.conv2d(input, w).sub(out).abs().max().lt(1e-4));
}

making();
typedArrays();
views();
copies();
await saving();
sums();
unfolding();
