// Types are checked once, by `tsc` in `npm run check`; here they are only stripped, and ES modules made what jest can mock.
export default {
  // On two cores jest would take one; much of a test waits, for the engine or for the cloud.
  maxWorkers: 3,
  reporters: ["default", "<rootDir>/test/slowest.mjs"],
  testSequencer: "<rootDir>/test/order.mjs",
  globalSetup: "<rootDir>/test/global-setup.ts",
  globalTeardown: "<rootDir>/test/global-teardown.ts",
  setupFiles: ["<rootDir>/test/stack-traces.ts"],
  setupFilesAfterEnv: ["<rootDir>/test/contract/answers.ts"],
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  transform: {
    "\\.[jt]s$": [
      "@swc/jest",
      { jsc: { target: "es2024", parser: { syntax: "typescript" } }, module: { type: "commonjs" } },
    ],
  },
  transformIgnorePatterns: ["/node_modules/(?!@marcbachmann/cel-js/)"],
  // Long enough for a busy machine: what is slow shows in the bench, not here.
  testTimeout: 120_000,
  modulePathIgnorePatterns: ["<rootDir>/.local/", "<rootDir>/packages/[^/]+/dist/"],
};
