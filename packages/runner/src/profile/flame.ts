// Where the time goes, as a flame graph: phases, modules inside modules, ops, kernels. Widths are time; what has the same path is
// one box, in the order of its first dispatch.

import type { JudgedDispatch } from "./judge.ts";

export interface FlameBox {
  readonly name: string;
  /** 0 is the whole. */
  readonly depth: number;
  /** Of the whole width, 0 to 1. */
  readonly from: number;
  readonly width: number;
  readonly timeMs: number;
  readonly dispatches: number;
  /** What the ceilings allow of its time: the colour. */
  readonly ofRoof: number;
}

interface Node {
  readonly name: string;
  readonly inside: Map<string, Node>;
  timeMs: number;
  roofMs: number;
  dispatches: number;
}

/** "forward", "layer1", "layer1.0", "layer1.0.conv1", "conv2d", "conv2d.forward". */
function pathOf({ phase, layer, op, kernel }: JudgedDispatch): string[] {
  const module = layer.replace(/ grad$/, "");
  const words = module.split(".");
  // A number alone names nothing: blocks carry their stage's name.
  const modules = words.map((_, i) => words.slice(0, i + 1).join("."));
  const name = op.replace(/ grad$/, "");
  return [phase, ...modules, ...(name === module ? [] : [name]), kernel];
}

/** Boxes, parents before children. */
export function flame(dispatches: readonly JudgedDispatch[], rootName: string): FlameBox[] {
  const root: Node = { name: rootName, inside: new Map(), timeMs: 0, roofMs: 0, dispatches: 0 };
  const add = (node: Node, { timeMs, roofMs }: JudgedDispatch) => {
    node.timeMs += timeMs;
    node.roofMs += roofMs;
    node.dispatches++;
  };
  for (const dispatch of dispatches) {
    let node = root;
    add(node, dispatch);
    for (const name of pathOf(dispatch)) {
      let next = node.inside.get(name);
      if (!next) node.inside.set(name, (next = { name, inside: new Map(), timeMs: 0, roofMs: 0, dispatches: 0 }));
      add((node = next), dispatch);
    }
  }
  const boxes: FlameBox[] = [];
  const place = (node: Node, depth: number, from: number) => {
    const width = root.timeMs > 0 ? node.timeMs / root.timeMs : 0;
    boxes.push({ name: node.name, depth, from, width, timeMs: node.timeMs, dispatches: node.dispatches, ofRoof: node.timeMs > 0 ? node.roofMs / node.timeMs : 0 });
    let at = from;
    for (const child of node.inside.values()) {
      place(child, depth + 1, at);
      at += root.timeMs > 0 ? child.timeMs / root.timeMs : 0;
    }
  };
  place(root, 0, 0);
  return boxes;
}
