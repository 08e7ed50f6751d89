/** One field of a shader's `Params` block: `count` consecutive scalars at `offset` bytes. */
export interface ParamField {
  readonly name: string;
  readonly type: "u32" | "i32" | "f32";
  readonly offset: number;
  readonly count: number;
}

/** One storage buffer an entry point binds. `element` is its scalar type: what a debug pass may read it as. */
export interface Binding {
  readonly name: string;
  readonly index: number;
  readonly access: "read" | "read_write";
  readonly element: "f32" | "f16" | "u32" | "i32";
  /** The least that may be bound: one element of the shader's array. */
  readonly bytes: number;
  /** The shader reads the buffer as an image, a texture of four f32 a texel: who launches it copies the buffer there first. */
  readonly isImage?: boolean;
}

/**
 * One WGSL entry point, with all that is needed to bind it: plain data, generated from `shaders/`.
 *
 * @typeParam B  names of the storage bindings
 * @typeParam P  what `Params` wants: a number for a scalar, an array for a vector or an array of vectors
 * @typeParam O  names of the overrides
 */
export interface Kernel<B extends string = string, P extends ParamValues = ParamValues, O extends string = string> {
  /** `<file>.<entry point>`, such as `relu.forward`. */
  readonly name: string;
  readonly entryPoint: string;
  /** The whole shader file, as written. */
  readonly source: string;
  readonly bindings: readonly Binding[];
  readonly params: { readonly bytes: number; readonly fields: readonly ParamField[] } | null;
  /** Overrides that this entry point uses, with their defaults. */
  readonly overrides: Readonly<Record<O, number>>;
  /** WGSL extensions the file enables; a device without one cannot run it. */
  readonly requires: readonly string[];
  /** Never set: it carries the types. */
  readonly face?: { readonly buffers: Readonly<Record<B, unknown>>; readonly params: P };
}

export type ParamValues = { readonly [name: string]: number | readonly number[] };

/** Writes parameter values at their offsets. Throws a plain Error (`internal:`) if a value is missing or not a number. */
export function packParams(kernel: Kernel, values: ParamValues, into: DataView, at: number): void {
  for (const field of kernel.params?.fields ?? []) {
    const value = values[field.name];
    const numbers = typeof value === "number" ? [value] : (value ?? []);
    if (numbers.length !== field.count) {
      throw new Error(`internal: ${kernel.name}: params.${field.name} wants ${field.count} numbers, got ${JSON.stringify(value)}.`);
    }
    for (const [i, number] of numbers.entries()) {
      const offset = at + field.offset + 4 * i;
      if (Number.isNaN(number)) throw new Error(`internal: ${kernel.name}: params.${field.name} is NaN.`);
      if (field.type === "f32") into.setFloat32(offset, number, true);
      else if (field.type === "i32") into.setInt32(offset, number, true);
      else into.setUint32(offset, number, true);
    }
  }
}
