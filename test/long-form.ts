/** Whether the tests run in their long form, as each night: `npm run test:faults`. */
export const LONG_FORM = process.env.FAULTS === "all";

/** A test that `npm test` has no time for. */
export const inLongForm = LONG_FORM ? test : test.skip;
