/** What a call throws, as `Class message`: for tables of refusals. */
export function messageOf(fn: () => unknown): string {
  try {
    fn();
  } catch (error) {
    return error instanceof Error ? `${error.name} ${error.message}` : String(error);
  }
  return "nothing was thrown";
}
