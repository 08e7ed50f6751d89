import { Adam, dispose, init, materialize, Module, nameModules, Parameter } from "@roentgen/nn";
import { emptyLike, record } from "@roentgen/tensor";
import { bench, bestMs, valuesOf } from "./harness.ts";

/** ResNet-50's parameters, in sixteen pieces. */
const pieces = 16;
const elements = Math.floor(25_557_032 / pieces);
/** Adam reads parameter, gradient and two moments, and writes all but the gradient. */
const bytes = 7 * 4 * pieces * elements;

class Pieces extends Module {
  readonly parts = Array.from({ length: pieces }, () => new Parameter([elements], init.zeros));

  constructor() {
    super();
    nameModules(this);
  }

  override *fields(): Generator<readonly [string, Parameter]> {
    for (const [i, part] of this.parts.entries()) yield [String(i), part];
  }
}

await bench("optimizer", "how near to the memory's bandwidth is one update of Adam over 25.6 million parameters?", async ({ device, peers, compare, figure, target }) => {
  const model = materialize(new Pieces(), device, { seed: 1 });
  const optimizer = new Adam(model.parameters(), { lr: 1e-4 });
  // In a training step the backward kernels write gradients where Adam reads them; here they are copied there. GPU timestamps
  // count Adam's own dispatches alone.
  const step = record(device, "adam", () => optimizer.step(new Map(model.parts.map((part) => {
    const gradient = emptyLike(part.tensor);
    device.copy(part.tensor.buffer, gradient.buffer);
    return [part.tensor, gradient];
  }))), []);
  const compared = await compare({
    name: "Adam, 25.6 million parameters", bytes, flops: 12 * pieces * elements, work: { kind: "adam", pieces, elements }, among: peers.filter((peer) => peer.startsWith("torch")),
    async run() {
      const { dispatches } = await device.profile(step.plan, { repeats: 1 });
      return dispatches.filter((d) => d.label.startsWith("optimizer")).reduce((sum, d) => sum + d.timeMs, 0);
    },
  });
  figure({ name: "Adam, 25.6 million parameters", unit: "ms", better: "less", values: valuesOf(compared, bestMs) });
  if (compared.torch) target("Adam against PyTorch", bestMs(compared.roentgen) / bestMs(compared.torch));
  step.dispose();
  optimizer.dispose();
  dispose(model);
});
