// Trains a small convolutional net on a few thousand MNIST
// digits, here in this page.
import * as torch from "cresset";
import { mnist, plot, progress } from "playground";

const { nn, optim, lens } = torch;

class Net extends nn.Module {
  features = new nn.Sequential(
    new nn.Conv2d(1, 8, 3),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(8, 16, 3),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
  );
  classifier = new nn.Linear(16 * 5 * 5, 10);

  forward(x: torch.Tensor): torch.Tensor {
    return this.classifier(this.features(x).flatten(1));
  }
}

const scaled = (images: torch.Tensor): torch.Tensor => images.unsqueeze(1).float().div(255).sub(0.1307).div(0.3081);

const { train, test } = await mnist();
console.log(train.images.shape, test.images.shape);

torch.manualSeed(0);
const model = new Net();
const optimizer = new optim.Adam(model.parameters(), { lr: 3e-3 });
const best = new lens.BestState(model);
const [epochs, size] = [4, 50];
const steps = (epochs * train.labels.length) / size;
const images = scaled(test.images);
let step = 0;

for (let epoch = 1; epoch <= epochs; epoch++) {
  model.train();
  for (const batch of torch.randperm(train.labels.length).split(size)) {
    const guess = model(scaled(train.images.at(batch)));
    const loss = nn.functional.crossEntropy(guess, train.labels.at(batch));
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    plot("loss", loss);
    await progress(++step, steps, `epoch ${epoch} of ${epochs}`);
  }
  model.eval();
  const right = torch.noGrad(() => model(images).argmax(1).eq(test.labels).float().mean());
  plot("test accuracy", right);
  best.update(right);
  console.log(`epoch ${epoch}: ${(right.item() * 100).toFixed(1)} % of the test digits are right`);
}

await torch.save(best.stateDict(), "digits.pt"); // torch.load("digits.pt") opens it in Python
