// What bench/isa reads from a driver's listing, and what it shows of the kernels for GPUs where Mesa's driver for AMD is at hand.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { kernelsOf } from "../bench/isa/listing.ts";
import { compiled } from "../bench/isa/main.ts";

const listing = `
a driver's warning
@@@ kernel product(TILE=8)
shader: MESA_SHADER_COMPUTE
BB0:
	v1: %1:v[0] = v_add_u32 %2:v[1], %3:v[2]
After RA:
BB0:
	s_mov_b32 s0, 0                                             ; be800080
	buffer_load_b128 v[0:3], v4, s[4:7], 0 offen                ; e05c0000 80010004
BB1:
	ds_load_b128 v[4:7], v8 offset:16                           ; dbfc0010 04000008
	s_waitcnt lgkmcnt(0)                                        ; bf89fc07
	v_fmac_f32_e32 v0, v1, v4                                   ; 56000901
	v_dual_fmac_f32 v1, v2, v5 :: v_dual_fmac_f32 v2, v3, v6    ; c8000b02 01020d03
	v_add_nc_u32_e32 v8, 16, v8                                 ; 4a101090
	s_cbranch_scc1 BB1                                          ; bfa2fff7
BB2:
	v_wmma_f32_16x16x16_f16 v[0:7], v[8:15], v[16:23], v[0:7]   ; cc400000 1c022108

*** SHADER STATS ***
VGPRs: 24
Spilled VGPRs: 0
Code size: 84
LDS size: 1024
Subgroups per SIMD: 16
Instructions: 10
@@@ end
@@@ kernel copy()
BB0:
	global_load_b32 v0, v1, s[0:1]                              ; dc520000 00000001
VGPRs: 12
Spilled VGPRs: 3
Code size: 8
LDS size: 0
Subgroups per SIMD: 32
Instructions: 1
@@@ end
`;

describe("a listing", () => {
  const [product, copy] = kernelsOf(listing);

  it("gives a kernel's statistics and its assembly", () => {
    expect(product).toMatchObject({ kernel: "product(TILE=8)", registers: 24, spilled: 0, sharedBytes: 1024, subgroups: 16, codeBytes: 84, instructions: 10 });
    expect(product?.assembly.split("\n")[0]).toBe("BB0:");
    expect(product?.assembly).not.toContain("%1");
    expect(copy).toMatchObject({ kernel: "copy()", registers: 12, spilled: 3, hot: null });
  });

  it("shows what else is done in the block that multiplies most", () => {
    expect(product?.hot).toEqual({ name: "BB1", multiplyAdds: 2, vector: 3, shared: 1, memory: 0, all: 6 });
  });

  it("that lacks a statistic is an error, not a gap", () => {
    expect(() => kernelsOf(listing.replace("VGPRs: 12\n", ""))).toThrow('no line "VGPRs"');
  });
});

const has = (command: string, ...args: string[]) => spawnSync(command, args, { encoding: "utf8" });
const driver = /libvulkan_radeon\.so.*=> (\S+)/.exec(has("ldconfig", "-p").stdout ?? "")?.[1];
/** Mesa 26 has no null device any more, and says so. */
const present = has("cc", "--version").status === 0 && driver !== undefined && !readFileSync(driver).includes("RADV_FORCE_FAMILY=<family> has been removed");

describe.skipIf(!present)("AMD's compiler", () => {
  it("finds room for every kernel of a training step, and little but multiply-adds where tiles are multiplied", () => {
    const { kernels } = compiled({ what: "resnet50", batch: 32, size: 224, mixed: false, native: false, only: "." }, "navi31");
    expect(kernels.length).toBeGreaterThan(40);
    expect(kernels.filter(({ spilled }) => spilled > 0)).toEqual([]);
    const products = kernels.filter(({ kernel }) => /^(?:matmul|conv2d)\.tiled\./.test(kernel));
    expect(products.length).toBeGreaterThan(15);
    for (const { kernel, registers, hot } of products) {
      expect(registers, kernel).toBeLessThanOrEqual(144);
      expect((hot?.multiplyAdds ?? 0) / (hot?.vector ?? 1), kernel).toBeGreaterThan(0.9);
    }
  }, 120_000);

  it("takes the kernels whose subgroups multiply matrices, and finds the loads of a step ahead of its products", () => {
    const { kernels } = compiled({ what: "resnet50", batch: 32, size: 224, mixed: true, native: true, only: "matrix" }, "navi31");
    expect(kernels.length).toBeGreaterThanOrEqual(6);
    for (const { kernel, spilled, hot } of kernels) {
      expect([kernel, spilled, hot?.multiplyAdds]).toEqual([kernel, 0, 16]);
      expect(hot?.memory, kernel).toBeGreaterThanOrEqual(4);
    }
  }, 120_000);
});
