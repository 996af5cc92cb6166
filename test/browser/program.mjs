/** A training step that runs the same in Node and in a page: returns the losses, a weight and what it printed. */
export function train(torch) {
  const { nn, optim } = torch;
  torch.manualSeed(0);
  const model = new nn.Sequential(
    new nn.Conv2d(1, 4, 3),
    new nn.BatchNorm2d(4),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(4 * 3 * 3, 5),
  );
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.01 });
  const x = torch.randn(6, 1, 8, 8);
  const y = torch.randint(0, 5, [6]);
  const losses = [];
  for (let step = 0; step < 5; step++) {
    const loss = nn.functional.crossEntropy(model(x), y);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    losses.push(loss.item());
  }
  const kept = torch.copy.deepcopy(model.stateDict());
  const bytes = torch.serialize(kept);
  const back = torch.deserialize(bytes);
  return {
    losses,
    weight: model[5].weight.detach().flatten().tolist(),
    printed: String(model[0].bias),
    same: torch.equal(back.get("5.weight"), kept.get("5.weight")),
    bytes: bytes.length,
  };
}
