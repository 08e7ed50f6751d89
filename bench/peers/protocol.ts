// What a benchmark asks of another engine, and what comes back: one JSON text a line, over standard input and output. A line of
// an answer begins with a record separator (RFC 7464), so that whatever a library prints is not taken for one.

/** A convolution with square images and filters, in one direction. NHWC images, KRSC filters, whatever the engine's own order is. */
export interface ConvWork {
  readonly kind: "conv";
  readonly direction: "forward" | "dgrad" | "wgrad";
  readonly batch: number;
  readonly side: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  /** Side of the result. */
  readonly result: number;
}

export type Work =
  | ConvWork
  | { readonly kind: "matmul"; readonly n: number }
  | { readonly kind: "batch-norm"; readonly batch: number; readonly side: number; readonly channels: number }
  | { readonly kind: "adam"; readonly pieces: number; readonly elements: number }
  /** A step with Adam at 1e-4 on the same weights and images every time. */
  | { readonly kind: "train"; readonly model: ModelName; readonly batch: number; readonly size: number; readonly mode?: TorchMode }
  /** The forward pass in evaluation mode, ten classes. */
  | { readonly kind: "infer"; readonly model: "resnet50"; readonly batch: number; readonly size: number };

export type ModelName = "resnet50" | "unet";
/** What only PyTorch on CUDA is asked for; float32 without TF32 elsewhere. */
export type TorchMode = "fp32" | "tf32" | "amp";

export interface Request {
  readonly id: number;
  readonly work: Work;
  /** How often a repetition does the work; times are for one. */
  readonly units: number;
  readonly budgetSeconds: number;
  readonly minSamples: number;
  /** Runs before any is timed. */
  readonly warmUp: number;
}

/** Once, when the engine is ready. */
export interface Hello {
  readonly hello: EngineFacts;
}

export interface EngineFacts {
  readonly version: string;
  /** Where it computes: an adapter's name, or "CPU, 2 threads". */
  readonly backend: string;
  readonly toggles: readonly string[];
}

export interface Answer {
  readonly id: number;
  /** Milliseconds of one unit, in the order they were taken. */
  readonly samples: readonly number[];
  /** Milliseconds of processor time of one unit, over all threads; null where nothing was timed. */
  readonly cpuMs: number | null;
  /** Some values of the result (`probeOf`), the same ones for every engine. */
  readonly probe?: readonly number[];
  /** Of a training step: the loss of every step since the start. */
  readonly losses?: readonly number[];
  readonly parameters?: number;
  /** Resident memory now and at most so far, in bytes; null where the system does not tell. */
  readonly memory: { readonly rss: number; readonly peak: number | null };
  /** When the first run ended, in milliseconds since 1970; null if it was before this request. */
  readonly firstEndedAt: number | null;
}

export interface Refusal {
  readonly id: number;
  /** Why this engine cannot do the work at all. */
  readonly unsupported?: string;
  /** What went wrong. */
  readonly error?: string;
}

export type Message = Hello | Answer | Refusal;

export const separator = "\u001e";
