/** What is under way: one line that is redrawn on a terminal; in a log, a line for each stage. */
export function progressLine(stream: Pick<NodeJS.WriteStream, "write" | "isTTY">): { show: (stage: string, done?: number, total?: number) => void; end: () => void } {
  let [last, open] = ["", false];
  return {
    show(stage, done = 0, total = 0) {
      if (stream.isTTY) stream.write(`\r\x1b[K${stage}${total > 1 ? `, ${done} of ${total}` : ""} …`);
      else if (stage !== last) stream.write(`${stage} …\n`);
      [last, open] = [stage, stream.isTTY];
    },
    end() {
      if (open) stream.write("\r\x1b[K");
      open = false;
    },
  };
}
