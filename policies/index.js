// Pulumi would check the pack's types on every preview.
require("../strip-types.cjs");
require("./index.ts");
