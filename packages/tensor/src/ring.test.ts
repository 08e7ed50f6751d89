import { expect, it } from "vitest";
import { Ring } from "./ring.ts";
import { tensor } from "./tensor.ts";
import { withDevice } from "./testing/check-op.ts";

withDevice("Ring", (device) => {
  it("returns what was pushed since the last read, across the end of the ring", async () => {
    const ring = new Ring(device(), 4);
    const push = (value: number) => device().scope(() => ring.push(tensor(device(), [value])));
    for (const value of [1, 2, 3]) push(value);
    expect([...(await ring.read())]).toEqual([1, 2, 3]);
    for (const value of [4, 5, 6]) push(value);
    expect([...(await ring.read())]).toEqual([4, 5, 6]);
    expect([...(await ring.read())]).toEqual([]);
  });

  it("says so when values were lost", async () => {
    const ring = new Ring(device(), 2);
    for (const value of [1, 2, 3]) device().scope(() => ring.push(tensor(device(), [value])));
    await expect(ring.read()).rejects.toThrow("3 values were pushed since the last read, it keeps 2");
  });
});
