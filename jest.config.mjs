// Types are checked once, by `tsc` in `npm run check`; here they are only stripped.
export default {
  // On two cores jest would take one; much of a test waits, for the engine or for the cloud.
  maxWorkers: 3,
  reporters: ["default", "<rootDir>/test/slowest.mjs"],
  testSequencer: "<rootDir>/test/order.mjs",
  globalSetup: "<rootDir>/test/global-setup.ts",
  testMatch: ["<rootDir>/test/**/*.test.ts"],
  transform: {
    "\\.[jt]s$": [
      "@swc/jest",
      { jsc: { target: "es2022", parser: { syntax: "typescript" } }, module: { type: "commonjs" } },
    ],
  },
  moduleNameMapper: {
    "^@pulumi/gcp$": "<rootDir>/test/later/gcp.cjs",
    "^\\.{1,2}/(runtime/)?debuggable$": "<rootDir>/test/later/debuggable.cjs",
    "^\\./automation$": "<rootDir>/test/later/automation.cjs",
    "^\\.\\./locales/index\\.cjs$": "<rootDir>/test/later/locales.cjs",
    "^semver$": "<rootDir>/test/later/semver.cjs",
    "^js-yaml$": "<rootDir>/test/later/js-yaml.cjs",
    "^@opentelemetry/api$": "<rootDir>/test/later/opentelemetry.cjs",
    "^typescript$": "<rootDir>/test/later/typescript.cjs",
    "^@npmcli/arborist$": "<rootDir>/test/later/arborist.cjs",
  },
  transformIgnorePatterns: ["/node_modules/(?!@marcbachmann/cel-js/)"],
  // Long enough for a busy machine: what is slow shows in the bench, not here.
  testTimeout: 120_000,
  modulePathIgnorePatterns: ["<rootDir>/.local/"],
};
