/** Whether the tests run in their long form, as every night: `npm run test:faults`. */
export const LONG_FORM = process.env.FAULTS === "all";

/** A test that is too slow for `npm test`. */
export const inLongForm = LONG_FORM ? test : test.skip;
