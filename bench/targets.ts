// What the engine is to reach, by the kind of adapter. On others the same figures are taken, and nothing is asked of them.

export interface Limit {
  readonly unit: string;
  readonly atMost?: boolean;
  /** Mesa's lavapipe on two cores of a present processor. */
  readonly software?: number;
  readonly h200?: number;
}

/** NVIDIA's figure for float32 without tensor cores. */
const h200Peak = 67_000;

export const targets = {
  "convolution forward": { unit: "GFLOP/s", software: 30, h200: 0.5 * h200Peak },
  "convolution dgrad": { unit: "GFLOP/s", software: 30, h200: 0.45 * h200Peak },
  "convolution wgrad": { unit: "GFLOP/s", software: 30, h200: 0.4 * h200Peak },
  "3x3 stride 1 forward": { unit: "GFLOP/s", software: 45 },
  "3x3 stride 1 dgrad": { unit: "GFLOP/s", software: 45 },
  "3x3 stride 1 wgrad": { unit: "GFLOP/s", software: 45 },
  "convolution forward against tfjs": { unit: "times", software: 4 },
  "convolution dgrad against tfjs": { unit: "times", software: 4 },
  "convolution wgrad against tfjs": { unit: "times", software: 15 },
  "matrix product 1024": { unit: "GFLOP/s", software: 32 },
  "matrix product 1024, f16 storage": { unit: "GFLOP/s", software: 42 },
  "matrix product 4096": { unit: "GFLOP/s", h200: 40_000 },
  "batch norm + ReLU, share of the copy": { unit: "of the copy's bandwidth", software: 0.6, h200: 0.7 },
  "Adam against PyTorch": { unit: "times its time", atMost: true, software: 1.3 },
  "resnet50 step against torch": { unit: "of its speed", software: 0.6 },
  "resnet50 step against torch-cuda": { unit: "of its speed", h200: 0.7 },
  "resnet50 step against tfjs": { unit: "times its speed", software: 18, h200: 10 },
  "resnet50 step against jax-js": { unit: "times its speed", software: 7 },
  "unet step against torch": { unit: "of its speed", software: 0.6 },
  "unet step against tfjs": { unit: "times its speed", software: 18, h200: 10 },
  "unet step against jax-js": { unit: "times its speed", software: 7 },
  "resnet50 step": { unit: "images/s", h200: 1000 },
  "first step, nothing cached": { unit: "s", atMost: true, software: 10 },
  "first step, driver's cache": { unit: "s", atMost: true, software: 3 },
  "replay of tiny dispatches": { unit: "microseconds a dispatch", atMost: true, software: 3, h200: 3 },
  "replay of a ResNet-50 step": { unit: "microseconds a dispatch", atMost: true, software: 3, h200: 3 },
  "memory of 20 steps, last against first half": { unit: "times", atMost: true, software: 1.05, h200: 1.05 },
  "conversion, peak memory over the tensors kept": { unit: "times", atMost: true, software: 1.2, h200: 1.2 },
  "conversion against torch.load + save_file": { unit: "times its time", atMost: true, software: 2, h200: 2 },
} as const satisfies Readonly<Record<string, Limit>>;

export type TargetName = keyof typeof targets;

/** The limit on an adapter; null where there is none. */
export function limitOn(name: TargetName, { software, description, device }: { readonly software: boolean; readonly description: string; readonly device: string }): number | null {
  const limit: Limit = targets[name];
  if (software) return limit.software ?? null;
  return /\bH200\b/.test(`${description} ${device}`) ? (limit.h200 ?? null) : null;
}
