import Sequencer from "@jest/test-sequencer"; // comes with jest

/** Starts tests of the engine first, which take longest: on a fresh clone jest knows only file sizes. */
export default class Order extends Sequencer {
  sort(tests) {
    const drivesEngine = ({ path }) => Number(path.includes("/e2e/") || path.includes("/faults/"));
    return [...super.sort(tests)].sort((a, b) => drivesEngine(b) - drivesEngine(a));
  }
}
