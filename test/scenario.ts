import { inLongForm } from "./long-form.ts";

type Add = (name: string, act: () => unknown) => void;

/** Adds a step to a scenario, in place of `test`. */
export type Step = Add & { readonly inLongForm: Add; readonly skip: Add };

/**
 * Begins one scenario in a `describe`: each of its steps starts from where the one before it ended, so once a step has
 * failed, all later ones fail at once and name it.
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
