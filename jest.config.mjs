// `npm run check` checks types; here they are only stripped, and ES modules converted so that jest can mock them.
export default {
  // More than jest's default on two cores, because tests mostly wait for the engine or the cloud.
  maxWorkers: 3,
  reporters: ["default", "<rootDir>/test/slowest.mjs"],
  testSequencer: "<rootDir>/test/order.mjs",
  globalSetup: "<rootDir>/test/global-setup.ts",
  globalTeardown: "<rootDir>/test/global-teardown.ts",
  setupFiles: ["<rootDir>/test/stack-traces.ts"],
  setupFilesAfterEnv: ["<rootDir>/test/contract/answers.ts", "<rootDir>/test/permissions/record.ts"],
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  transform: {
    "\\.[jt]s$": [
      "@swc/jest",
      { jsc: { target: "es2024", parser: { syntax: "typescript" } }, module: { type: "commonjs" } },
    ],
  },
  transformIgnorePatterns: ["/node_modules/(?!@marcbachmann/cel-js/)"],
  // Long enough for a busy machine; the bench measures speed.
  testTimeout: 120_000,
  modulePathIgnorePatterns: ["<rootDir>/.local/", "<rootDir>/packages/[^/]+/dist/"],
};
