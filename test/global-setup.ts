import { findCli } from "../ops/cli";

/** Before any test: the engine that the end-to-end tests drive, so that none of them waits for its installation. */
module.exports = async (): Promise<void> => {
  await findCli((line) => {
    process.stdout.write(`${line}\n`);
  });
};
