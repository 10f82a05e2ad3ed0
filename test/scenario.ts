import { inLongForm } from "./long-form.ts";

type Add = (name: string, act: () => unknown) => void;

/** Adds a step to a scenario, in place of `test`. */
export type Step = Add & { readonly inLongForm: Add; readonly skip: Add };

/**
 * Starts a scenario in a `describe`: each step continues from the previous one, so after a failed step all later ones fail at
 * once and name it.
 */
export function scenario(): Step {
  let unfinished: string | undefined;
  const by =
    (test: jest.It): Add =>
    (name, act) => {
      test(name, async () => {
        if (unfinished !== undefined) throw new Error(`Not run, because an earlier step failed: ${unfinished}`);
        unfinished = name;
        await act();
        unfinished = undefined;
      });
    };
  return Object.assign(by(test), { inLongForm: by(inLongForm), skip: by(test.skip) });
}
