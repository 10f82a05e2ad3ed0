// Pulumi would check the pack's types on every preview. `npm run check` does that; here they are only stripped.
require("tsx/cjs");
require("./index.ts");
