/** Signals that ask a run to end, and the status a shell expects after each. */
const asked = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

export interface Interrupts {
  readonly signal: AbortSignal;
  /** The status of the first signal, if one came. */
  readonly exitCode: number | undefined;
  /** Back to the signals' usual effect. */
  release(): void;
}

/**
 * The first signal aborts, so that what is under way can end and be saved; the second leaves at once.
 *
 * @param tell   says what the first one does
 * @param leave  ends the process; before it, the terminal can be put in order
 * @param doing  what is still done after the first
 */
export function catchInterrupts(tell: (text: string) => void, leave: (code: number) => void, doing = "finishing this step and saving"): Interrupts {
  const controller = new AbortController();
  let exitCode: number | undefined;
  const handlers = Object.entries(asked).map(([name, code]) => {
    const handle = () => {
      if (controller.signal.aborted) return leave(code);
      exitCode = code;
      tell(name === "SIGINT" ? `${doing[0]?.toUpperCase()}${doing.slice(1)}; Ctrl-C again leaves at once.` : `Got ${name}: ${doing}.`);
      controller.abort();
    };
    process.on(name, handle);
    return () => process.off(name, handle);
  });
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    release: () => handlers.forEach((off) => off()),
  };
}
