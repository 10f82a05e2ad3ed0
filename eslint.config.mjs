import js from "@eslint/js";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: [".local/"] },
  js.configs.recommended,
  {
    files: ["**/*.ts"],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "no-restricted-syntax": [
        "error",
        { selector: "ExportDefaultDeclaration", message: "Name what you export; a name survives the import." },
      ],
    },
  },
  {
    // Pulumi resources are declared for their effect, and tests pass functions that may be async for symmetry.
    files: ["infra/**/*.ts", "test/**/*.ts"],
    rules: { "@typescript-eslint/no-unused-expressions": "off", "@typescript-eslint/require-await": "off" },
  },
  {
    // The provider's functions run from their text, and the rest below `tsx/cjs`, where `import()` of TypeScript does not exist.
    files: ["infra/migrations/resource.ts", "ops/migration.ts", "ops/preview/open.ts", "policies/conditions.ts"],
    rules: { "@typescript-eslint/no-require-imports": "off" },
  },
  {
    files: ["**/*.{mjs,cjs,js}"],
    languageOptions: { globals: { process: "readonly", console: "readonly", require: "readonly", module: "readonly" } },
  },
);
