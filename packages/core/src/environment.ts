/** Whether the user has forbidden every download. `scripts/places.mjs` says the same where no package can be imported yet. */
export const installForbidden = (environment: Readonly<Record<string, string | undefined>>): boolean => /^(1|true|yes)$/i.test(environment.ROENTGEN_NO_INSTALL ?? "");
