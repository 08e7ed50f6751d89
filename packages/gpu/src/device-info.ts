/** What is known of the adapter, for reports and for the choice of kernels. */
export interface DeviceInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** A driver that computes on the CPU: lavapipe, SwiftShader, WARP. */
  readonly software: boolean;
  /** Lanes of a subgroup if the adapter has subgroups of one size only, else 0. */
  readonly subgroupSize: number;
  /** The most lanes that a subgroup may have; absent without subgroups. */
  readonly subgroupMaxSize?: number;
  /** Matrices that subgroups multiply from f16 to f32, [m, n, k] for m x k by k x n; absent where Dawn offers none. */
  readonly matrixSizes?: readonly (readonly [number, number, number])[];
  readonly features: readonly string[];
  readonly toggles: readonly string[];
  /** How the device was reached: "node" (Dawn), "browser", or "none". */
  readonly platform: "node" | "browser" | "none";
}

/** No adapter: what records and plans only. */
export const noGpu: DeviceInfo = {
  vendor: "none", architecture: "none", device: "none", description: "no GPU: records and plans only", software: true, subgroupSize: 0, features: [], toggles: [], platform: "none",
};
