// A module is an object whose fields are parameters and other modules; its field paths are the checkpoint names. Lists are
// modules too, with numbers for field names.

import { Parameter } from "./parameter.ts";

/** How a model stores images between its layers: f32, or f16 wherever channels come in fours. All arithmetic is f32. */
export type Precision = "f32" | "mixed";

export abstract class Module {
  /** Field path from the root, set by `nameModules`; the root's is empty. */
  path = "";
  /** Set by `Pass`. */
  precision: Precision = "f32";
  #training = true;
  #checkpointing = false;

  /** Whether batch statistics are used and dropout drops. A plan keeps what it was recorded with. */
  get training(): boolean {
    return this.#training;
  }

  /** Switches this module and all inside it to training, or to evaluation. */
  train(on = true): this {
    for (const module of this.modules()) module.#training = on;
    return this;
  }

  /** Whether parts that know how (ResNet blocks, U-Net decoder blocks) forget what they compute and compute it again in backward. */
  get checkpointing(): boolean {
    return this.#checkpointing;
  }

  /** Trades time for memory in training, here and in all inside: the same bits. Set it before recording. */
  checkpoint(on = true): this {
    for (const module of this.modules()) module.#checkpointing = on;
    return this;
  }

  eval(): this {
    return this.train(false);
  }

  /** Own parameters and modules, in field order. */
  *fields(): Generator<readonly [string, Parameter | Module]> {
    for (const [name, value] of Object.entries(this) as [string, unknown][]) {
      if (value instanceof Parameter || value instanceof Module) yield [name, value];
    }
  }

  /** This module and all inside it, parents first. */
  *modules(): Generator<Module> {
    yield this;
    for (const [, field] of this.fields()) if (field instanceof Module) yield* field.modules();
  }

  /** All parameters in field order, depth first: the order of a state dict. */
  *parameters(): Generator<Parameter> {
    for (const [, field] of this.fields()) {
      if (field instanceof Parameter) yield field;
      else yield* field.parameters();
    }
  }

  /** Makes all parameters inside train nothing and cost nothing; batch norms inside use their running statistics. */
  freeze(): this {
    for (const parameter of this.parameters()) parameter.trainable = false;
    for (const module of this.modules()) module.frozen = true;
    return this;
  }

  /** Set by `freeze`. */
  frozen = false;
}

/** Modules in a row, named by their numbers. */
export class ModuleList<M extends Module> extends Module {
  readonly items: readonly M[];

  constructor(items: readonly M[]) {
    super();
    this.items = items;
  }

  override *fields(): Generator<readonly [string, Parameter | Module]> {
    for (const [i, item] of this.items.entries()) yield [String(i), item];
  }
}

/** Gives every module and parameter its path. Called by a model's constructor, once all fields are there. */
export function nameModules(root: Module, prefix = ""): void {
  root.path = prefix;
  for (const [name, field] of root.fields()) {
    const path = prefix ? `${prefix}.${name}` : name;
    if (field instanceof Module) nameModules(field, path);
    else field.path = path;
  }
}
