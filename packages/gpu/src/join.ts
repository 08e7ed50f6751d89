// Dispatches that may wait and be done together. An op marks a launch that nobody needs at once (the sum over slices of a weight's
// gradient, say) with a joiner; a plan then moves it down, as far as the first dispatch that its buffers forbid it to pass, and makes one
// dispatch of those that wait there together. Fewer dispatches, the same bits.

import type { Buffer } from "./buffer.ts";
import type { Dispatch } from "./dispatch.ts";

export interface Joiner {
  /** Dispatches that one can take the place of. */
  readonly most: number;
  /** One dispatch that does what these do. All write ranges of the same buffer, and none touches what another writes. */
  readonly join: (members: readonly Dispatch[]) => Dispatch;
}

/** The list with waiting dispatches joined; those that wait for each other read at most `mostBytes` together. */
export function joinWaiting(dispatches: readonly Dispatch[], mostBytes: number): Dispatch[] {
  const out: Dispatch[] = [];
  const waiting = new Map<Buffer, Dispatch[]>();
  const release = (members: readonly Dispatch[]) => {
    const joiner = members[0]?.joiner;
    out.push(...(joiner && members.length > 1 ? [joiner.join(members)] : members));
  };
  for (const dispatch of dispatches) {
    for (const [buffer, members] of waiting) {
      const stays = members.filter((member) => !collide(member, dispatch));
      if (stays.length === members.length) continue;
      release(members.filter((member) => !stays.includes(member)));
      waiting.set(buffer, stays);
    }
    const written = dispatch.joiner && dispatch.buffers.find((_, i) => writes(dispatch, i))?.root.buffer;
    if (!dispatch.joiner || !written) {
      out.push(dispatch);
      continue;
    }
    const members = waiting.get(written) ?? [];
    const fits = members.length < dispatch.joiner.most && bytesRead(members) + bytesRead([dispatch]) <= mostBytes;
    if (!fits) release(members);
    waiting.set(written, fits ? [...members, dispatch] : [dispatch]);
  }
  for (const members of waiting.values()) release(members);
  return out;
}

/** Whether two dispatches touch the same bytes and one of them writes. */
function collide(a: Dispatch, b: Dispatch): boolean {
  return a.buffers.some((x, i) => b.buffers.some((y, j) => (writes(a, i) || writes(b, j)) && overlap(x, y)));
}

const bytesRead = (dispatches: readonly Dispatch[]): number =>
  dispatches.reduce((sum, d) => sum + d.buffers.reduce((bytes, b, i) => bytes + (writes(d, i) ? 0 : b.bytes), 0), 0);

const writes = ({ kernel }: Dispatch, i: number): boolean => kernel.bindings[i]?.access === "read_write";

function overlap(a: Buffer, b: Buffer): boolean {
  const [x, y] = [a.root, b.root];
  return x.buffer === y.buffer && x.offset < y.offset + b.bytes && y.offset < x.offset + a.bytes;
}
