/** Text out of files and file names, for a terminal: none may speak to it. */
export const printable = (text: string): string => text.replace(/[\p{Cc}\p{Cf}]/gu, "\u{fffd}");
