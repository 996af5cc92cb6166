// Views: one memory, many orders.
// Choose a name in the map to see its cells.
import * as torch from "cresset";

const x = torch.arange(24).view(4, 6);
const row = x.at(1);
const column = x.at(":", 2);
const everySecond = x.at(":", "::2");
const turned = x.T;
const windows = x.view(24).unfold(0, 6, 3);
const spread = column.unsqueeze(1).expand(4, 3);
console.log(turned.stride(), everySecond.stride());
console.log(windows.stride(), spread.stride());

row.fill_(0); // seen through every name that reaches it
console.log(x);
console.log(column);

const copied = turned.contiguous(); // a new storage
console.log(torch.lens.sharing(turned, x));
console.log(torch.lens.sharing(copied, x));
